<?php

declare(strict_types=1);

namespace Tollgate\Client;

/** Keeps what the requests of a machine share: in a file that its owner alone may read, or in APCu. */
final class Cache
{
    private readonly string $path;

    /** The name tells clients apart. With APCu the folder has nothing but an empty file, for the lock. */
    public function __construct(string $name, private readonly bool $apcu = false, ?string $folder = null)
    {
        $folder ??= sys_get_temp_dir() . '/tollgate-' . (function_exists('posix_geteuid') ? posix_geteuid() : getmyuid());
        if (!is_dir($folder)) {
            @mkdir($folder, 0700);
        }
        $owner = function_exists('posix_geteuid') ? posix_geteuid() : fileowner($folder);
        if (is_link($folder) || !is_dir($folder) || fileowner($folder) !== $owner || fileperms($folder) & 0o077) {
            throw new TollgateException(TollgateException::CONFIGURATION, "$folder must be a folder that its owner alone may enter");
        }
        if ($apcu && !(function_exists('apcu_enabled') && apcu_enabled())) {
            throw new TollgateException(TollgateException::CONFIGURATION, 'APCu is not enabled');
        }
        $this->path = $folder . '/' . hash('sha256', $name);
    }

    /** @return array<string, mixed> */
    public function load(): array
    {
        if ($this->apcu) {
            return apcu_fetch($this->path) ?: [];
        }
        $text = @file_get_contents($this->path);
        return ($text ? json_decode($text, true) : null) ?? [];
    }

    /** @param array<string, mixed> $state */
    public function save(#[\SensitiveParameter] array $state): void
    {
        if ($this->apcu) {
            apcu_store($this->path, $state);
            return;
        }
        $new = tempnam(dirname($this->path), 'new'); // With mode 0600. Readers see the old one or the new one, whole.
        file_put_contents($new, json_encode($state));
        rename($new, $this->path);
    }

    /** Runs the work while nobody else on this machine does. Without waiting, it is left to whoever does it already. */
    public function locked(bool $wait, callable $work): mixed
    {
        $lock = fopen($this->path . '.lock', 'c');
        try {
            return $lock && flock($lock, $wait ? LOCK_EX : LOCK_EX | LOCK_NB) ? $work() : null;
        } finally {
            $lock && fclose($lock); // The lock ends with it, as it does with the process.
        }
    }
}
