#!/bin/sh
# Builds build/First.java, the first example of the README, as a project with the dependency that the README names, and runs it.
# The dependency is this folder, because Maven takes what it builds beside it.
set -eu
mkdir -p build/project/src/main/java
mv build/First.java build/project/src/main/java/First.java
compiler=$(sed -n '/<artifactId>maven-compiler-plugin/{n;s/.*<version>\(.*\)<.*/\1/p}' pom.xml)
head='<modelVersion>4.0.0</modelVersion><groupId>example</groupId><version>1</version>'
cat >build/pom.xml <<POM
<project>$head<artifactId>all</artifactId><packaging>pom</packaging><modules><module>..</module><module>project</module></modules></project>
POM
cat >build/project/pom.xml <<POM
<project>$head<artifactId>first</artifactId>
  <properties><maven.compiler.release>17</maven.compiler.release><project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>
  <build><plugins><plugin><artifactId>maven-compiler-plugin</artifactId><version>$compiler</version></plugin></plugins></build>
  <dependencies>$(sed -n '/^```xml$/,/^```$/{//!p}' README.md)</dependencies>
</project>
POM
mvn -q -B -f build/pom.xml compile >&2
exec java -cp build/project/target/classes:target/classes First
