composer init --no-interaction --name=example/first --repository='{"type": "path", "url": "../tollgate/packages/php"}'
composer require tollgate-auth/client:@dev guzzlehttp/guzzle
export TOLLGATE_BASE_URL=http://127.0.0.1:8080
export TOLLGATE_CLIENT_ID=00000000-0000-0000-0000-000000000000
php first.php
