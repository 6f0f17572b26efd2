#!/bin/sh
# Runs build/first.php, the first example of the README, in a project that composer has made by the README's line. The package is
# this folder, and what it needs is the system's: nothing comes from a registry.
set -eu
if ! command -v composer >/dev/null; then
    echo "packages/php: THE README'S LINE IS NOT TRIED: it needs composer" >&2
    exec php -d include_path=tests:/usr/share/php build/first.php
fi
guzzle=/usr/share/php/GuzzleHttp/autoload.php
rm -rf build/project
mkdir -p build/project
cp build/first.php build/project/first.php
cd build/project
cat >composer.json <<'JSON'
{
  "minimum-stability": "dev",
  "repositories": [
    {"packagist.org": false},
    {"type": "path", "url": "../.."},
    {"type": "package", "package": [
      {"name": "psr/http-client", "version": "1.0.2", "type": "metapackage"},
      {"name": "psr/http-message", "version": "1.0.1", "type": "metapackage"},
      {"name": "guzzlehttp/guzzle", "version": "7.4.5", "type": "metapackage"}
    ]}
  ]
}
JSON
line=$(sed -n '/^composer require /p' ../../README.md)
COMPOSER_ALLOW_SUPERUSER=1 COMPOSER_HOME=$PWD/home sh -c "$line --no-interaction --quiet" >&2
exec php -d "auto_prepend_file=$guzzle" first.php
