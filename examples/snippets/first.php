<?php

// Creates a payment request and lists the latest, with Guzzle.

require 'vendor/autoload.php';

$tollgate = Tollgate\Client\Tollgate::fromEnvironment(); // shares the token with other requests and processes
$api = new Tollgate\Client\Client($tollgate, new GuzzleHttp\Client(['timeout' => 30]));

function call(string $method, string $path, array $headers = [], ?array $body = null): array
{
    global $tollgate, $api;
    $headers['Content-Type'] = 'application/json';
    $request = new GuzzleHttp\Psr7\Request($method, $tollgate->baseUrl . $path, $headers, $body === null ? null : json_encode($body));
    $answer = $api->sendRequest($request);
    $envelope = json_decode((string) $answer->getBody(), true);
    if (!($envelope['success'] ?? false)) {
        throw new RuntimeException($answer->getStatusCode() . ' ' . ($envelope['error']['code'] ?? ''));
    }
    return $envelope['data'];
}

$created = call('POST', '/api/v1/payment-requests:redirect', ['Idempotency-Key' => 'order-1003'], [ // stored with the order
    'amount' => 1250,
    'currency' => 'EUR',
    'locale' => 'en-GB',
    'customer' => ['name' => 'Ada Lovelace', 'email' => 'ada@example.com'],
    'billing_address' => [
        'address_line1' => '12 St James Square',
        'city' => 'London',
        'postal_code' => 'SW1Y 4JH',
        'country' => 'GB',
    ],
]);
echo 'pay at ', $created['redirect_url'], "\n";

$listed = call('GET', '/api/v1/payment-requests?limit=1');
echo 'the latest is of ', $listed['items'][0]['amount'], "\n";
