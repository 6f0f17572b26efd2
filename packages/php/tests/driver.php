<?php

// Plays the scenarios of packages/scenarios. One JSON object a line, on both sides. Each call is a process of its own.

declare(strict_types=1);

use GuzzleHttp\Psr7\Request;
use GuzzleHttp\Psr7\Utils;
use Tollgate\Client\Cache;
use Tollgate\Client\Client;
use Tollgate\Client\Tollgate;
use Tollgate\Client\TollgateException;

require_once __DIR__ . '/vendor/autoload.php';

error_reporting(E_ALL);
set_error_handler(fn (int $level, string $text) => error_reporting() & $level ? throw new ErrorException($text) : false);
ini_set('zend.exception_ignore_args', '0');

/** Stands still unless it is told otherwise, or somebody sleeps. All processes share it, as they do the machine's. */
final class TestClock
{
    public function __construct()
    {
        apcu_store(['monotonic' => 1_000_000_000, 'wall' => 1_800_000_000_000_000, 'slept' => 0]);
    }

    public function monotonic(): float
    {
        return apcu_fetch('monotonic') / 1e6;
    }

    public function wall(): float
    {
        return apcu_fetch('wall') / 1e6;
    }

    public function slept(): float
    {
        return apcu_fetch('slept') / 1e6;
    }

    public function sleep(float $seconds): void
    {
        apcu_inc('slept', (int) ceil($seconds * 1e6));
        $this->advance($seconds, $seconds);
    }

    public function advance(float $monotonic, float $wall): void
    {
        apcu_inc('monotonic', (int) ceil($monotonic * 1e6));
        apcu_inc('wall', (int) ceil($wall * 1e6));
    }
}

final class Driver
{
    private ?Tollgate $kit = null;
    private TestClock $clock;
    /** @var list<resource> each ends when the processes of a call and what they left for later are over */
    private array $open = [];

    public function new(array $c): array
    {
        $this->settle();
        $this->clock = new TestClock();
        $environment = fn (string $name): string => $c['environment'][$name] ?? '';
        $read = fn (string $name): string => trim(file_get_contents(substr($environment($name), 5)));
        is_dir($c['cache']) || mkdir($c['cache'], 0700);
        try {
            $this->kit = Tollgate::fromEnvironment(
                environment: $environment,
                face: $c['face'],
                clock: $this->clock,
                cache: new Cache($c['cache'], $c['variant'] === 'apcu', $c['cache']),
                credentials: $c['callback'] ? fn () => [$read('TOLLGATE_CLIENT_ID'), $read('TOLLGATE_CLIENT_SECRET')] : null,
                defer: fn (callable $work) => pcntl_fork() ?: [$work(), $this->leave()],
            );
        } catch (TollgateException $error) {
            return ['error' => $error->kind, 'text' => (string) $error];
        }
        return [];
    }

    public function call(array $c): array
    {
        return $this->together($c['n'], $c['hold'], function () use ($c): array {
            $client = new Client($this->kit, new GuzzleHttp\Client(['http_errors' => false, 'allow_redirects' => false, 'proxy' => '']));
            $body = isset($c['body']) ? Utils::streamFor(($c['stream'] ?? false) ? (fn () => yield $c['body'])() : $c['body']) : null;
            $url = str_starts_with($c['path'], 'http') ? $c['path'] : $this->kit->baseUrl . $c['path'];
            try {
                $answer = $client->sendRequest(new Request($c['method'], $url, ['Content-Type' => 'application/json'], $body));
                return ['outcome' => (string) $answer->getStatusCode()];
            } catch (TollgateException $error) {
                fwrite(STDERR, $error . print_r($error, true));
                $details = ['code' => $error->errorCode, 'status' => $error->status, 'request_id' => $error->requestId];
                return ['outcome' => $error->kind, 'error' => $details + ['text' => (string) $error]];
            }
        });
    }

    public function cost(array $c): array
    {
        $guzzle = new GuzzleHttp\Client(['http_errors' => false, 'allow_redirects' => false, 'proxy' => '']);
        $client = new Client($this->kit, $guzzle);
        $bare = new Request('GET', $this->kit->baseUrl . $c['path'], ['Authorization' => 'Bearer ' . $this->kit->token()]);
        $with = new Request('GET', $this->kit->baseUrl . $c['path']);
        return [
            'bare' => $this->spent($c['n'], fn () => $guzzle->sendRequest($bare)),
            'kit' => $this->spent($c['n'], fn () => $client->sendRequest($with)),
        ];
    }

    /** Processor time of one call, in microseconds. */
    private function spent(int $n, callable $call): float
    {
        $call();
        $time = fn (array $used): float => ($used['ru_utime.tv_sec'] + $used['ru_stime.tv_sec']) * 1e6
            + $used['ru_utime.tv_usec'] + $used['ru_stime.tv_usec'];
        $before = getrusage();
        for ($i = 0; $i < $n; $i++) {
            $call();
        }
        return ($time(getrusage()) - $time($before)) / $n;
    }

    public function storm(array $c): array
    {
        $token = $this->kit->token();
        return $this->together($c['n'], true, fn () => ['outcome' => $this->kit->renewed($token) ? 'renewed' : 'none']);
    }

    public function fork(array $c): array
    {
        // PHP has no threads: parent and child are two processes with the same object.
        $both = $this->together(2, true, fn () => ['outcome' => $this->kit->token() ? 'got' : 'none']);
        return ['outcomes' => $both['outcomes'] === ['got' => 2] ? ['parent' => 1, 'child' => 1] : $both];
    }

    public function advance(array $c): array
    {
        $this->clock->advance($c['monotonic'], $c['wall']);
        return [];
    }

    public function settle(array $c = []): array
    {
        foreach ($this->open as $open) {
            stream_get_contents($open);
        }
        $this->open = [];
        return [];
    }

    public function show(array $c): array
    {
        ob_start();
        var_dump($this->kit);
        var_export($this->kit);
        print_r($this->kit);
        return ['shown' => ob_get_clean()];
    }

    /** Each in a process of its own. */
    private function together(int $n, bool $hold, callable $work): array
    {
        [$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        $before = $this->clock->slept();
        $alone = $n === 1 && !$hold ? [$work()] : null;
        for ($i = 0; $i < $n && !$alone; $i++) {
            if (!pcntl_fork()) {
                try {
                    $found = $work();
                } catch (Throwable $crash) {
                    $found = ['outcome' => (string) $crash];
                }
                fwrite($theirs, json_encode($found) . "\n");
                $this->leave();
            }
        }
        if ($hold) {
            say(['started' => true]);
        }
        fclose($theirs);
        [$outcomes, $errors] = [[], []];
        for ($i = 0; $i < $n; $i++) {
            $found = $alone[0] ?? json_decode((string) fgets($ours), true);
            $outcomes[$found['outcome']] = ($outcomes[$found['outcome']] ?? 0) + 1;
            $errors = $errors ?: array_filter([$found['error'] ?? null]);
        }
        $this->open[] = $ours;
        while (pcntl_waitpid(-1, $status, WNOHANG) > 0);
        return ['outcomes' => $outcomes, 'slept' => $this->clock->slept() - $before, 'errors' => $errors];
    }

    /** Without the last acts of PHP, which belong to the parent. */
    private function leave(): never
    {
        posix_kill(getmypid(), SIGKILL);
        exit;
    }
}

function say(array $answer): void
{
    fwrite(STDOUT, json_encode($answer ?: new stdClass()) . "\n");
}

$driver = new Driver();
while ($line = fgets(STDIN)) {
    $command = json_decode($line, true);
    try {
        say($driver->{$command['op']}($command));
    } catch (Throwable $crash) {
        say(['crash' => (string) $crash]);
    }
}
