<?php

declare(strict_types=1);

namespace Tollgate\Client;

/**
 * Holds the access token of one client for all requests and processes of a machine, and renews it in time.
 * docs/client.md says what is promised.
 */
final class Tollgate
{
    // All times are in seconds.
    private const LEAD = 60, JITTER = 30, MARGIN = 2, SHORTEST_LIFE = 2, DEFAULT_LIFE = 300, REFRESH_LIFE = 86400;
    private const WAIT = 10, PATIENCE = 3, TIMEOUT = 5, FRESH = 5, LONGEST_RETRY_AFTER = 300;
    private const LONGEST_ANSWER = 65536; // In bytes.
    private const NOTHING = [
        'token' => null, 'refresh' => null, 'last' => null, 'down_since' => null, 'refused' => null, 'saved' => 0,
        'failures' => 0, 'refusals' => 0, 'fresh_refusals' => 0, 'begun' => 0, 'not_before' => 0, 'fresh_pause' => 0,
        'forced' => 0, 'looked' => 0, 'refresh_failed' => false, 'rejected' => false, 'accepted' => false,
    ];

    public readonly string $baseUrl;
    private readonly string $origin;
    private readonly bool $standard;
    private readonly string $tokenUrl;
    private readonly Cache $cache;
    private readonly object $clock;
    /** A function, so that no dump of this object shows what it returns. */
    private readonly \Closure $credentials;
    private readonly \Closure $defer;
    private int $accepted = 0;

    /**
     * @param string $clientId a value, file:PATH or env:NAME, as $clientSecret
     * @param ?callable(): array{string, string} $credentials returns both from elsewhere, such as Vault, for each login
     * @param string $face payment_api (/api/v1), or standard (RFC 6749)
     * @param ?callable(callable): void $defer runs a renewal that can wait; under FPM that is when the answer has been sent
     */
    public function __construct(
        string $baseUrl,
        string $clientId = '',
        #[\SensitiveParameter] string $clientSecret = '',
        ?callable $credentials = null,
        string $face = 'payment_api',
        ?string $tokenUrl = null,
        private readonly ?string $scope = null,
        ?Cache $cache = null,
        ?callable $defer = null,
        ?object $clock = null,
        ?callable $environment = null,
    ) {
        $this->baseUrl = rtrim($baseUrl, '/');
        $this->origin = self::origin($this->baseUrl);
        $this->standard = $face === 'standard' || $tokenUrl !== null;
        $this->tokenUrl = $tokenUrl ?? $this->baseUrl . ($this->standard ? '/oauth2/token' : '/api/v1/oauth2/token');
        self::origin($this->tokenUrl);
        $environment ??= getenv(...);
        foreach ($credentials === null ? [$clientId, $clientSecret] : [] as $value) {
            if (preg_match('/^(vault|gcp|aws):|^$/', $value)) {
                throw new TollgateException(TollgateException::CONFIGURATION, 'no client id or secret, or one in a secret store: pass credentials, which reads it');
            }
        }
        if ($credentials !== null && $cache === null) {
            throw new TollgateException(TollgateException::CONFIGURATION, 'credentials need a cache of their own name');
        }
        $this->credentials = $credentials !== null
            ? $credentials(...)
            : fn (): array => [self::read($clientId, $environment), self::read($clientSecret, $environment)];
        $this->cache = $cache ?? new Cache(serialize([$this->tokenUrl, $clientId, $clientSecret, $scope]));
        $this->clock = $clock ?? new class {
            public function monotonic(): float
            {
                return hrtime(true) / 1e9;
            }

            public function wall(): float
            {
                return microtime(true);
            }

            public function sleep(float $seconds): void
            {
                usleep((int) ($seconds * 1e6));
            }
        };
        $after = fn (callable $work) => register_shutdown_function(fn () => [fastcgi_finish_request(), $work()]);
        $this->defer = ($defer ?? (function_exists('fastcgi_finish_request') ? $after : fn (callable $work) => $work()))(...);
    }

    /** Of TOLLGATE_BASE_URL, TOLLGATE_CLIENT_ID and TOLLGATE_CLIENT_SECRET. The options are those of the constructor. */
    public static function fromEnvironment(mixed ...$options): self
    {
        $environment = $options['environment'] ?? getenv(...);
        $values = ['baseUrl' => 'BASE_URL', 'clientId' => 'CLIENT_ID', 'clientSecret' => 'CLIENT_SECRET'];
        return new self(...array_map(fn (string $name): string => (string) $environment("TOLLGATE_$name"), $values), ...$options);
    }

    /** @return array<string, string> */
    public function __debugInfo(): array
    {
        return ['baseUrl' => $this->baseUrl];
    }

    /** A token that can be used now. Waits about 10 s where there is none. */
    public function token(): string
    {
        $state = $this->load();
        if ($this->isUsable($state)) {
            if ($this->isDue($state)) {
                ($this->defer)(fn () => $this->cache->locked(false, function (): void {
                    $state = $this->load();
                    if ($this->isDue($state)) {
                        $this->attempt($state);
                    }
                }));
                $state = $this->load();
            }
            return $state['token'];
        }
        return $this->cache->locked(true, $this->obtained(...));
    }

    /** Another token than the one that the API refused, or null if none is to be had within seconds. */
    public function renewed(#[\SensitiveParameter] string $refused): ?string
    {
        return $this->cache->locked(true, function () use ($refused): ?string {
            $state = $this->load();
            $now = $this->clock->monotonic();
            if ($state['token'] === $refused) {
                if (!$state['rejected']) {
                    $this->reject($state, $now);
                }
                $pause = max($state['forced'], $state['not_before']) - $now;
                if ($pause > self::PATIENCE) {
                    return null;
                }
                if ($pause > 0) {
                    $this->clock->sleep($pause);
                }
                $this->attempt($state);
            }
            return $state['token'] !== $refused && $this->isUsable($state) ? $state['token'] : null;
        });
    }

    /** Throws for another origin than the base URL's. */
    public function covers(string $url): void
    {
        try {
            $covered = str_starts_with($url, $this->baseUrl . '/') || self::origin($url) === $this->origin;
        } catch (TollgateException) {
            $covered = false;
        }
        if (!$covered) {
            throw new TollgateException(TollgateException::ORIGIN, "no token is sent to another origin than that of $this->baseUrl");
        }
    }

    /** Takes notice of what an answer says of the token. Whether to send the request again with another one. */
    public function mayRepeat(
        #[\SensitiveParameter] string $token, string $method, bool $hasKey, int $status, string $challenges, bool $whole,
    ): bool {
        $error = $status === 401 ? self::challenge($challenges) : null;
        if ($error === '' || $error === 'invalid_token') {
            // Who names no reason may have done something already.
            if ($whole && ($error || $hasKey || in_array($method, ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'], true))) {
                return true;
            }
            ($this->defer)(fn () => $this->renewed($token));
        } elseif (intdiv($status, 100) === 2 && $this->accepted !== crc32($token)) {
            $this->accepted = crc32($token); // Each process says it once for each token.
            $this->cache->locked(false, function () use ($token): void {
                $state = $this->load();
                if ($state['token'] === $token && !$state['accepted']) {
                    $this->save(['accepted' => true] + $state);
                }
            });
        }
        return false;
    }

    /** With nobody else at it. */
    private function obtained(): string
    {
        $state = $this->load();
        $now = $this->clock->monotonic();
        // Who comes when it has been down for long does not wait in a queue for each call to fail.
        $limit = $state['refusals'] ? $now : ($state['down_since'] ?? $now) + self::WAIT;
        while (!$this->isUsable($state)) {
            $now = $this->clock->monotonic();
            $looks = $state['refusals'] && $now >= $state['looked'] + 1;
            if (!$looks && $state['not_before'] > max($now, $limit)) {
                throw $this->failed($state, $now);
            }
            if ($state['not_before'] > $now && !$looks) {
                $this->clock->sleep($state['not_before'] - $now);
            }
            $this->attempt($state);
        }
        return $state['token'];
    }

    /** @param array<string, mixed> $state */
    private function failed(#[\SensitiveParameter] array $state, float $now): TollgateException
    {
        $wait = $state['not_before'] - $now;
        [$kind, $text, $code, $status, $requestId] = $state['last'];
        $text = sprintf('no access token for now, the next attempt is in %.0f s: %s', $wait, $text);
        return new TollgateException($kind, $text, $code, $status, $requestId, $wait);
    }

    /** @param array<string, mixed> $state */
    private function isUsable(#[\SensitiveParameter] array $state): bool
    {
        return $state['token'] !== null && !$this->reached($state['end']);
    }

    /** @param array<string, mixed> $state */
    private function isDue(#[\SensitiveParameter] array $state): bool
    {
        $now = $this->clock->monotonic();
        $looks = $state['refusals'] && $now >= $state['looked'] + 1;
        return $this->reached($state['renew']) && ($looks || $state['not_before'] <= $now);
    }

    /**
     * By the clock that is there first: one stops while the machine sleeps, the other may be set.
     *
     * @param array{float, float} $at
     */
    private function reached(array $at, float $later = 0): bool
    {
        return $this->clock->monotonic() + $later >= $at[0] || $this->clock->wall() + $later >= $at[1];
    }

    /** @return array<string, mixed> */
    private function load(): array
    {
        $state = $this->cache->load() + self::NOTHING;
        // The monotonic clock begins anew with the machine.
        return $state['saved'] > $this->clock->monotonic() ? self::NOTHING : $state;
    }

    /** @param array<string, mixed> $state */
    private function save(#[\SensitiveParameter] array $state): void
    {
        $this->cache->save(['saved' => $this->clock->monotonic()] + $state);
    }

    /** @param array<string, mixed> $state */
    private function reject(#[\SensitiveParameter] array &$state, float $now): void
    {
        $fresh = $state['accepted'] ? self::FRESH : max(self::FRESH, $state['fresh_pause']);
        $count = $now - $state['came'] < $fresh ? $state['fresh_refusals'] + 1 : 0;
        // While tokens are accepted, too, another one does help.
        $state['fresh_refusals'] = $state['accepted'] ? min($count, 3) : $count;
        $state['fresh_pause'] = self::doubled(0.4, $state['fresh_refusals'], 30) * self::between(0.75, 1);
        $state['forced'] = max($now, $state['begun'] + $state['fresh_pause']);
        $state['rejected'] = true;
        $this->save($state);
    }

    /** @param array<string, mixed> $state */
    private function attempt(#[\SensitiveParameter] array &$state): void
    {
        $began = [$this->clock->monotonic(), $this->clock->wall()];
        try {
            $this->obtain($state, $began);
        } catch (\Throwable $error) {
            // The text of a foreign one may have a secret in it.
            $this->fail($state, $began[0], $error instanceof TollgateException ? $error
                : new TollgateException(TollgateException::UNAVAILABLE, $error::class . ' while a token was obtained'));
        }
        $this->save($state);
    }

    /** @param array<string, mixed> $state */
    private function fail(#[\SensitiveParameter] array &$state, float $began, TollgateException $error): void
    {
        if ($error->getMessage() === 'unchanged') {
            return;
        }
        $now = $this->clock->monotonic();
        $refused = $error->kind === TollgateException::REFUSED;
        $state['last'] = [$error->kind, $error->getMessage(), $error->errorCode, $error->status, $error->requestId];
        $state['failures']++;
        $state['refusals'] = $refused ? $state['refusals'] + 1 : 0;
        $pause = $refused ? self::doubled(30, $state['refusals'], 300) : self::doubled(0.5, $state['failures'], 10);
        $pause *= self::between(0.5, 1);
        $asked = $error->retryAfter;
        if ($asked > self::LONGEST_RETRY_AFTER) { // Who was told the same does not come back at once.
            $asked = self::LONGEST_RETRY_AFTER * self::between(0.8, 1);
        }
        $state['not_before'] = max($began + $pause, $now + max($asked, $pause / 4));
        if (!$this->isUsable($state)) {
            $state['down_since'] ??= $now;
        }
    }

    /**
     * @param array<string, mixed> $state
     * @param array{float, float} $began
     */
    private function obtain(#[\SensitiveParameter] array &$state, array $began): void
    {
        $tries = $state['refresh'] !== null && !$state['refresh_failed'];
        $state['refresh_failed'] = false;
        if ($tries && !$this->reached($state['refresh_end'], $state['life'])) {
            try {
                $this->exchange($state, $began, $this->standard ? ($this->credentials)() : null, $state['refresh']);
                return;
            } catch (TollgateException $error) {
                // After any other failure the secret has its turn next time.
                $state['refresh_failed'] = $error->kind !== TollgateException::REFUSED;
                if ($state['refresh_failed']) {
                    throw $error;
                }
                $state['refresh'] = null;
            }
        }
        $state['looked'] = $this->clock->monotonic();
        $used = ($this->credentials)();
        $mark = fn (array $pair): string => hash('sha256', serialize($pair));
        if ($state['refusals'] && $state['refused'] === $mark($used) && $state['looked'] < $state['not_before']) {
            throw new TollgateException(TollgateException::REFUSED, 'unchanged');
        }
        try {
            $this->exchange($state, $began, $used);
            return;
        } catch (TollgateException $error) {
            if ($error->kind !== TollgateException::REFUSED) {
                throw $error;
            }
            $read = ($this->credentials)();
            $state['refused'] = $mark($read);
            if ($read === $used) {
                throw $error;
            }
        }
        $this->exchange($state, $began, $read);
    }

    /**
     * @param array<string, mixed> $state
     * @param array{float, float} $sent
     * @param ?array{string, string} $client
     */
    private function exchange(
        #[\SensitiveParameter] array &$state, array $sent, #[\SensitiveParameter] ?array $client, #[\SensitiveParameter] ?string $refresh = null,
    ): void {
        $url = $this->tokenUrl;
        $headers = ['Accept: application/json'];
        $form = $refresh !== null ? ['refresh_token' => $refresh] : ['grant_type' => 'client_credentials'];
        if ($this->scope !== null && $refresh === null) {
            $form['scope'] = $this->scope;
        }
        if ($this->standard) {
            $form['grant_type'] ??= 'refresh_token';
            $headers[] = 'Authorization: Basic ' . base64_encode(implode(':', array_map(urlencode(...), $client)));
        } elseif ($client !== null) {
            [$form['client_id'], $form['client_secret']] = $client;
        } else {
            $url = preg_replace('/token$/', 'refresh', $url);
        }
        $headers[] = 'Content-Type: application/' . ($this->standard ? 'x-www-form-urlencoded' : 'json');
        [$status, $answered, $text] = self::post($url, $headers, $this->standard ? http_build_query($form) : json_encode($form));
        $said = json_decode($text, true);
        if ($status === 200) {
            $this->keep($state, $sent, $this->standard ? $said : $said['data'] ?? null);
            return;
        }
        $code = self::plain($this->standard ? $said['error'] ?? null : $said['error']['code'] ?? null, '/^[A-Za-z_]{1,40}$/D');
        $refused = in_array($status, [401, 403], true) || $status === 400 && $code || $refresh !== null && intdiv($status, 100) === 4;
        throw new TollgateException(
            $refused && !in_array($status, [408, 429], true) ? TollgateException::REFUSED : TollgateException::UNAVAILABLE,
            rtrim("the authority answered $status $code"),
            $code,
            $status,
            self::plain($answered['x-request-id'] ?? null, '/^[A-Za-z0-9._-]{1,128}$/D'),
            self::retryAfter($answered),
        );
    }

    /**
     * @param array<string, mixed> $state
     * @param array{float, float} $sent
     */
    private function keep(#[\SensitiveParameter] array &$state, array $sent, #[\SensitiveParameter] mixed $data): void
    {
        $token = self::plain($data['access_token'] ?? null, '/^[!-~]+$/D');
        $life = $data['expires_in'] ?? self::DEFAULT_LIFE;
        if ($token === null || !is_numeric($life) || strcasecmp($data['token_type'] ?? 'bearer', 'bearer')) {
            throw new TollgateException(TollgateException::UNAVAILABLE, 'the answer of the authority is no token response');
        }
        $life = (float) $life;
        $after = fn (float $seconds): array => [$sent[0] + $seconds, $sent[1] + $seconds];
        $end = $after($life - min(self::MARGIN, $life / 10));
        if ($life < self::SHORTEST_LIFE || $life > 1e9 || $this->reached($end)) {
            throw new TollgateException(TollgateException::UNAVAILABLE, 'the token does not live long enough to be used');
        }
        $early = min(self::LEAD, $life / 2) + self::between(0, min(self::JITTER, $life / 20));
        $state = [
            'token' => $token, 'life' => $life, 'came' => $this->clock->monotonic(), 'renew' => $after($life - $early), 'end' => $end,
            'refresh' => $data['refresh_token'] ?? $state['refresh'], 'begun' => $sent[0],
            'refresh_end' => isset($data['refresh_token']) ? $after(self::REFRESH_LIFE) : $state['refresh_end'] ?? $sent,
            'fresh_refusals' => $state['fresh_refusals'], 'fresh_pause' => $state['fresh_pause'], 'forced' => $state['forced'],
        ] + self::NOTHING;
    }

    /** The origin of a URL that a secret may be sent to: https, or this machine. */
    private static function origin(string $url): string
    {
        $parts = parse_url($url) ?: [];
        $scheme = strtolower($parts['scheme'] ?? '');
        $host = strtolower($parts['host'] ?? '');
        if ($host === '' || !in_array($scheme, ['http', 'https'], true) || isset($parts['user']) || isset($parts['fragment'])) {
            throw new TollgateException(TollgateException::CONFIGURATION, 'the base URL must be an absolute https URL without user, password and fragment');
        }
        $loopback = preg_match('/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/D', $host);
        if ($scheme === 'http' && !$loopback) {
            throw new TollgateException(TollgateException::CONFIGURATION, 'the base URL must begin with https:// unless it is on this machine (localhost)');
        }
        return "$scheme://$host:" . ($parts['port'] ?? ($scheme === 'http' ? 80 : 443));
    }

    /** A value, or what is in the file or variable that it names. */
    private static function read(#[\SensitiveParameter] string $value, callable $environment): string
    {
        [$kind, $name] = explode(':', $value, 2) + [1 => ''];
        $found = match ($kind) {
            'file' => rtrim((string) @file_get_contents($name), "\r\n"),
            'env' => (string) $environment($name),
            default => $value,
        };
        return $found !== '' ? $found : throw new TollgateException(TollgateException::UNAVAILABLE, "nothing can be read from $value");
    }

    /** The error that the Bearer challenge names; empty without one, null without a challenge (RFC 9110 §11.6.1). */
    private static function challenge(string $line): ?string
    {
        [$scheme, $found] = ['', null];
        preg_match_all('/([^\s,="]+)(\s*=\s*("(?:[^"\\\\]|\\\\.)*"|[^\s,]*))?/', $line, $parts, PREG_SET_ORDER);
        foreach ($parts as $part) {
            if (!isset($part[2])) {
                $scheme = strtolower($part[1]);
                $found ??= $scheme === 'bearer' ? '' : null;
            } elseif ($scheme === 'bearer' && strtolower($part[1]) === 'error' && $found !== 'invalid_token') {
                $found = trim($part[3], '"');
            }
        }
        return $found;
    }

    /** A text if it looks as it should. Nothing else that an authority says gets into an exception. */
    private static function plain(#[\SensitiveParameter] mixed $text, string $pattern): ?string
    {
        return is_string($text) && preg_match($pattern, $text) ? $text : null;
    }

    /** @param array<string, string> $headers */
    private static function retryAfter(array $headers): float
    {
        $text = trim($headers['retry-after'] ?? '');
        if (preg_match('/^\d{1,12}$/D', $text)) {
            return (float) $text;
        }
        // Compared with the answer's own date, so that a clock set wrongly makes no difference.
        [$at, $now] = [strtotime($text), strtotime($headers['date'] ?? '')];
        return $text !== '' && $at && $now ? max($at - $now, 0) : 0;
    }

    private static function doubled(float $first, int $count, float $longest): float
    {
        return $count ? min($first * 2 ** min($count - 1, 16), $longest) : 0;
    }

    private static function between(float $low, float $high): float
    {
        return $low + ($high - $low) * mt_rand() / mt_getrandmax();
    }

    /**
     * Calls the authority, once and nowhere else.
     *
     * @param list<string> $headers
     * @return array{int, array<string, string>, string}
     */
    private static function post(string $url, #[\SensitiveParameter] array $headers, #[\SensitiveParameter] string $body): array
    {
        [$answered, $text] = [[], ''];
        $curl = curl_init($url);
        curl_setopt_array($curl, [
            CURLOPT_POSTFIELDS => $body,
            CURLOPT_HTTPHEADER => $headers,
            CURLOPT_FOLLOWLOCATION => false,
            CURLOPT_TIMEOUT => self::TIMEOUT,
            CURLOPT_NOSIGNAL => true,
            // What goes without TLS stays on this machine, whatever proxy the environment names.
            CURLOPT_NOPROXY => str_starts_with($url, 'https:') ? null : '*',
            CURLOPT_HEADERFUNCTION => function ($curl, string $line) use (&$answered): int {
                [$name, $value] = explode(':', $line, 2) + [1 => ''];
                $answered[strtolower($name)] = trim($value);
                return strlen($line);
            },
            CURLOPT_WRITEFUNCTION => function ($curl, string $part) use (&$text): int {
                $text .= $part;
                return strlen($text) > self::LONGEST_ANSWER ? 0 : strlen($part);
            },
        ]);
        if (!curl_exec($curl)) {
            $why = curl_strerror(curl_errno($curl));
            throw new TollgateException(TollgateException::UNAVAILABLE, "the authority can't be reached ($why)");
        }
        return [curl_getinfo($curl, CURLINFO_RESPONSE_CODE), $answered, $text];
    }
}
