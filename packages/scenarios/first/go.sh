#!/bin/sh
# Runs build/first/main.go, the first example of the README, in a module of its own that has this folder as the package.
set -eu
rm -rf build/project
mkdir -p build/project
mv build/first/main.go build/project/main.go
cd build/project
go mod init first >&2
go mod edit -replace github.com/tollgate-auth/client-go=../..
go mod tidy >&2
exec go run .
