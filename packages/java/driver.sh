#!/bin/sh
# Builds when something is newer than what was built, and plays the scenarios.
if [ ! -e target/classpath ] || [ -n "$(find pom.xml src -newer target/classpath)" ]; then
    mvn -q -B test-compile org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath -Dmdep.outputFile=target/classpath >&2 || exit 1
fi
exec java -XX:TieredStopAtLevel=${TOLLGATE_SCENARIOS_TIER-1} -cp "target/classes:target/test-classes:$(cat target/classpath)" io.github.tollgateauth.client.Driver
