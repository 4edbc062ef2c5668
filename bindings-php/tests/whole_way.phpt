--TEST--
From consent to API call, refresh and revocation
--EXTENSIONS--
evergrant
--FILE--
<?php
require 'sandbox.inc';
$events = [];
$client = client(['on_event' => function (array $event) use (&$events) { $events[] = $event['event']; }]);

$start = $client->begin('php-way', ['login_hint' => 'al']);
var_dump(str_contains($start->url, 'login_hint=al'), str_contains($start->url, $start->state), $start->expiresAt > time());
$finished = $client->finish(control('consent', ['url' => $start->url, 'user' => 'php-way'])['redirect']);
var_dump($finished['subject'], $finished['generation'], $finished['scope'], $finished['expires_at'] > time());

$grant = $client->grant('php-way');
$token = $grant->accessToken(['min_valid' => 60]);
var_dump($token->tokenType, $token->expiresAt > time(), $grant->cachedAccessToken()->token() === $token->token());
var_dump($grant->headers('GET', sandbox()) === ['Authorization' => 'Bearer ' . $token->token()]);

$response = $grant->get(sandbox() . '/api/me');
var_dump($response->status, $response->headers['content-type'], $response->json()['user']);
$echo = $grant->put(sandbox() . '/api/echo', ['query' => ['a' => ['1', '2']], 'body' => "\0\xff", 'headers' => ['X-Test' => 'yes']])->json();
var_dump($echo['method'], base64_decode($echo['body_base64']) === "\0\xff");
var_dump($grant->post(sandbox() . '/api/echo', ['form' => ['b' => 'ü']])->json()['method']);
var_dump($grant->request('PATCH', sandbox() . '/api/echo', ['json' => ['c' => []]])->json()['method']);
echo get_class(thrown(fn () => $grant->get(sandbox() . '/')->json())), "\n";

var_dump($grant->refresh(['force' => true])['generation'], $grant->inspect()['status']);
var_dump(array_column($client->list(), 'subject'));
$client->put('due', ['refresh_token' => 'unknown']);
var_dump(array_column($client->due(['limit' => 2]), 'due_for', 'subject'), $client->refreshDue(['concurrency' => 2])['needs_consent'][0]['subject']);
$client->grant('due')->forget();
$client->put('bob', ['access_token' => 'at', 'expires_in' => 60, 'slot' => 'b']);
var_dump($client->grant('bob', 'b')->accessToken()->token());
$client->grant('bob', 'b')->forget();
$grant->revoke();
echo describe(thrown(fn () => $grant->inspect())), "\n";
echo implode(' ', $events), "\n";
$client->close();
$client->close();
echo get_class(thrown(fn () => $grant->accessToken())), "\n";
?>
--EXPECTF--
bool(true)
bool(true)
bool(true)
string(7) "php-way"
int(1)
array(2) {
  [0]=>
  string(4) "read"
  [1]=>
  string(5) "write"
}
bool(true)
string(6) "Bearer"
bool(true)
bool(true)
bool(true)
int(200)
array(1) {
  [0]=>
  string(16) "application/json"
}
string(7) "php-way"
string(3) "PUT"
bool(true)
string(4) "POST"
string(5) "PATCH"
JsonException
int(2)
string(6) "active"
array(1) {
  [0]=>
  string(7) "php-way"
}
array(1) {
  ["due"]=>
  string(6) "expiry"
}
string(3) "due"
string(2) "at"
Evergrant\NoGrantError: %s
granted refreshed %s
Evergrant\CancelledError
