<?php

declare(strict_types=1);

namespace Tollgate\Client;

use Psr\Http\Client\ClientInterface;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseInterface;

/** A PSR-18 client that adds the token. The client below it must not follow redirects. */
final class Client implements ClientInterface
{
    public function __construct(private readonly Tollgate $tollgate, private readonly ClientInterface $client)
    {
    }

    public function sendRequest(RequestInterface $request): ResponseInterface
    {
        $this->tollgate->covers((string) $request->getUri());
        if ($request->getMethod() === 'POST' && !$request->hasHeader('Idempotency-Key')) {
            $request = $request->withHeader('Idempotency-Key', self::uuid());
        }
        $body = $request->getBody();
        $whole = $body->isSeekable() || $body->getSize() === 0;
        $token = $this->tollgate->token();
        $answer = $this->client->sendRequest($request->withHeader('Authorization', "Bearer $token"));
        $newer = $this->mayRepeat($token, $request, $answer, $whole) ? $this->tollgate->renewed($token) : null;
        if ($newer === null) {
            return $answer;
        }
        if ($body->isSeekable()) {
            $body->rewind();
        }
        $second = $this->client->sendRequest($request->withHeader('Authorization', "Bearer $newer"));
        $this->mayRepeat($newer, $request, $second, false);
        return $second;
    }

    private function mayRepeat(#[\SensitiveParameter] string $token, RequestInterface $sent, ResponseInterface $answer, bool $whole): bool
    {
        $challenges = $answer->getHeaderLine('WWW-Authenticate');
        $hasKey = $sent->hasHeader('Idempotency-Key');
        return $this->tollgate->mayRepeat($token, $sent->getMethod(), $hasKey, $answer->getStatusCode(), $challenges, $whole);
    }

    private static function uuid(): string
    {
        $bytes = random_bytes(16);
        $bytes[6] = chr(ord($bytes[6]) & 0x0f | 0x40);
        $bytes[8] = chr(ord($bytes[8]) & 0x3f | 0x80);
        return vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split(bin2hex($bytes), 4));
    }
}
