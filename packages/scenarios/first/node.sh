#!/bin/sh
# Runs build/first.mjs, the first example of the README, in a project that has the package as it would be published.
set -eu
rm -rf build/project
mkdir -p build/project
mv build/first.mjs build/project/first.mjs
cd build/project
echo "{}" >package.json
npm pack --silent --pack-destination . ../.. >&2
npm install --offline --silent --no-audit --no-fund ./tollgate-auth-client-*.tgz >&2
exec node first.mjs
