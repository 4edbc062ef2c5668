<?php
// Calls an API for two users who consented earlier, about 20 times a second each.
//
//     php demo.php PROVIDER STORE SECONDS

[, $provider, $store, $seconds] = $argv;

$oauth2 = new Evergrant\Client([
    'provider' => $provider,
    'client_id' => 'sandbox-client',
    'client_secret' => 'sandbox-secret',
    'store' => $store,
    'user_agent' => 'demo-php',
]);
$oauth1 = new Evergrant\Client([
    'provider' => [
        'protocol' => 'oauth1',
        'temporary_credential_endpoint' => "$provider/oauth1/request_token",
        'authorization_endpoint' => "$provider/oauth1/authorize",
        'token_endpoint' => "$provider/oauth1/access_token",
    ],
    'client_id' => 'sandbox-consumer',
    'client_secret' => 'sandbox-consumer-secret',
    'store' => $store,
]);

$users = [$oauth2->grant('alice'), $oauth1->grant('bob')];
$end = microtime(true) + (float) $seconds;
while (microtime(true) < $end) {
    foreach ($users as $user) {
        $response = $user->get("$provider/api/me", ['headers' => ['X-Program' => 'php']]);
        if ($response->status !== 200) {
            throw new RuntimeException("$response->url: status $response->status");
        }
    }
    usleep(50_000);
}
