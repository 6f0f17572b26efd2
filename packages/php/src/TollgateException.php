<?php

declare(strict_types=1);

namespace Tollgate\Client;

/** What went wrong, with code, status and request id of the answer, and in how many seconds it is tried again, where known. */
final class TollgateException extends \RuntimeException implements \Psr\Http\Client\ClientExceptionInterface
{
    public const UNAVAILABLE = 'unavailable'; // There is no token for now; the authority is asked again.
    public const REFUSED = 'refused'; // The authority refuses this client: its id or its secret is wrong, or it has been disabled.
    public const ORIGIN = 'origin'; // The request goes to another origin than the base URL: no token is sent there.
    public const CONFIGURATION = 'configuration'; // It is set up in a way that can't work, or isn't safe.

    public function __construct(
        public readonly string $kind,
        string $message,
        public readonly ?string $errorCode = null,
        public readonly ?int $status = null,
        public readonly ?string $requestId = null,
        public readonly float $retryAfter = 0,
    ) {
        parent::__construct($message);
    }
}
