<?php

// Finds what the tests need where composer has put it, or else Debian's packages.

declare(strict_types=1);

spl_autoload_register(function (string $class): void {
    $file = __DIR__ . '/../../src/' . substr($class, strlen('Tollgate\\Client\\')) . '.php';
    str_starts_with($class, 'Tollgate\\Client\\') && is_file($file) && require_once $file;
});
$all = [__DIR__ . '/../../vendor/autoload.php', '/usr/share/php/GuzzleHttp/autoload.php'];
require_once array_values(array_filter($all, is_file(...)))[0];
