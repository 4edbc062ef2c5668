--TEST--
Grants that come about without a callback, and what a provider says about user, token and client
--EXTENSIONS--
evergrant
--FILE--
<?php
require 'sandbox.inc';

function byIssuer(array $more = []): Evergrant\Client
{
    return client($more + ['provider' => sandbox(), 'scope' => ['openid', 'read'], 'offline' => false]);
}

function works(Evergrant\Client $client, string $subject): bool
{
    return $client->grant($subject)->get(sandbox() . '/api/me')->status === 200;
}

echo "device\n";
control('options', ['device_interval' => 1]);
$client = byIssuer();
$start = $client->beginDevice('php-dora', ['scope' => 'read']);
var_dump(array_keys($start), $start['expires_at'] > time() && $start['expires_at'] < time() + 1000);
$poll = $client->pollDevice($start['state']);
var_dump($poll['finished'], $poll['poll_at'] > time() - 1 && $poll['poll_at'] < time() + 10);
echo get_class(thrown(fn () => $client->waitDevice($start['state'], 0.05))), "\n";
control('device', ['user_code' => $start['user_code'], 'user' => 'php-dora', 'decision' => 'allow']);
var_dump($client->waitDevice($start['state'])['subject'], works($client, 'php-dora'));
echo get_class(thrown(fn () => $client->pollDevice('unknown'))), "\n";
echo describe(thrown(fn () => $client->beginDevice('php-dora', ['scopes' => 1]))), "\n";

echo "exchange\n";
$url = sandbox() . '/oauth2/authorize?response_type=code&client_id=sandbox-client&redirect_uri=http://127.0.0.1:9/mine&scope=read';
parse_str(parse_url(control('consent', ['url' => $url, 'user' => 'php-eve'])['redirect'], PHP_URL_QUERY), $callback);
$mine = ['redirect_uri' => 'http://127.0.0.1:9/mine', 'scope' => 'read'];
var_dump($client->exchange('php-eve', $callback['code'], $mine)['generation'], works($client, 'php-eve'));
echo get_class(thrown(fn () => $client->exchange('php-eve', $callback['code'], $mine))), "\n";

echo "check\n";
$standing = $client->check('php-finn');
var_dump($standing['status'], $standing['reason'], str_contains($standing['start']['url'], '/oauth2/authorize?'), $standing['start']['expires_at'] < time() + 10000);
logIn($client, 'php-finn');
$standing = $client->check('php-finn');
var_dump($standing['status'], $standing['start']);
$grant = $client->grant('php-finn');
var_dump($grant->missingScope('read admin') === ['admin'], $grant->missingScope(['read', 'audit']) === ['audit'], $grant->missingScope());

echo "told by the provider\n";
$said = $grant->tokenResponse();
var_dump($said['scope'] === 'openid read' && isset($said['id_token']) && !isset($said['access_token']));
$seconds = time() - 1000;
control('faults', ['on' => 'userinfo', 'kind' => 'body', 'body' => json_encode(['sub' => 'php-finn', 'updated_at' => $seconds])]);
var_dump($grant->userinfo() === ['sub' => 'php-finn', 'updated_at' => $seconds]);
$introspection = $grant->introspect(['token' => 'refresh_token']);
var_dump($introspection['active'], is_int($introspection['iat'] ?? 0));
echo describe(thrown(fn () => $grant->introspect(['token' => 'id_token']))), "\n";
echo get_class(thrown(fn () => $client->logoutUrl())), "\n";
var_dump($client->begin('php-finn')->openBy);

echo "password\n";
$password = ['username' => 'hal', 'password' => 'canary-password'];
echo describe(thrown(fn () => $client->grantByPassword('php-hal', $password))), "\n";
$legacy = byIssuer(['legacy_grants' => ['password', 'pin']]);
$thrown = thrown(fn () => $legacy->grantByPassword('php-hal', $password));
var_dump(get_class($thrown), str_contains(print_r($thrown->getTrace()[0]['args'] ?? [], true), 'canary'));
echo get_class(thrown(fn () => $legacy->grantByPin('php-hal', ['pin' => 1]))), ' ', get_class(thrown(fn () => $client->pinUrl())), "\n";
var_dump(str_contains($legacy->pinUrl(), 'response_type=pin'));

echo "without a client\n";
echo describe(thrown(fn () => Evergrant\register(['issuer' => sandbox(), 'metadata' => ['client_name' => 'c']]))), "\n";
echo get_class(thrown(fn () => Evergrant\protected_resource(['url' => sandbox() . '/api/me']))), "\n";
$request = ['url' => 'http://127.0.0.1:8080/start?x=1', 'trust_proxy' => true,
    'headers' => ['X-Forwarded-Proto' => 'https', 'X-Forwarded-Host' => 'app.example']];
var_dump(Evergrant\redirect_uri_of($request, '/callback'), Evergrant\redirect_uri_of(['trust_proxy' => false] + $request));
$photos = 'http://photos.example.net/photos?file=vacation.jpg&size=original';
$signed = Evergrant\sign('GET', $photos, ['client_id' => 'dpf43f3p2l4k3l03', 'client_secret' => 'kd94hf93k423kf44',
    'token' => 'nnch734d00sl2jdk', 'token_secret' => 'pfkkdhi9sl3r4s00', 'realm' => 'Photos', 'nonce' => 'chapoH',
    'timestamp' => 137131202, 'without_version' => true]);
var_dump(str_contains($signed['authorization'], 'oauth_signature="MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D"'));
$hashed = Evergrant\sign('PUT', 'https://api.example/', ['client_id' => 'c', 'client_secret' => 's', 'body' => 'Hello World!']);
var_dump(str_contains($hashed['authorization'], 'oauth_body_hash="Lve95gjOVATpfV8EL5X4nxwjKHE%3D"'));
$thrown = thrown(fn () => Evergrant\sign('GET', 'https://api.example/', ['client_secret' => 'canary-secret']));
var_dump($thrown->getMessage(), str_contains(print_r($thrown->getTrace()[0]['args'] ?? [], true), 'canary'));
?>
--EXPECTF--
device
array(6) {
  [0]=>
  string(5) "state"
  [1]=>
  string(9) "user_code"
  [2]=>
  string(16) "verification_uri"
  [3]=>
  string(25) "verification_uri_complete"
  [4]=>
  string(8) "interval"
  [5]=>
  string(10) "expires_at"
}
bool(true)
NULL
bool(true)
Evergrant\TimeoutError
string(8) "php-dora"
bool(true)
Evergrant\StateMismatchError
Evergrant\InvalidArgumentError: options: scopes: %s
exchange
int(1)
bool(true)
Evergrant\ProviderError
check
string(9) "need_user"
string(8) "no_grant"
bool(true)
bool(true)
string(5) "valid"
NULL
bool(true)
bool(true)
array(0) {
}
told by the provider
bool(true)
bool(true)
bool(true)
bool(true)
Evergrant\InvalidArgumentError: %s`id_token`%s
Evergrant\UnsupportedError
NULL
password
Evergrant\UnsupportedError: %slegacy_grants%s
string(%d) "Evergrant\%s"
bool(false)
Evergrant\InvalidArgumentError Evergrant\UnsupportedError
bool(true)
without a client
Evergrant\UnsupportedError: %sregistration_endpoint%s
Evergrant\InvalidResponseError
string(28) "https://app.example/callback"
string(27) "http://127.0.0.1:8080/start"
bool(true)
bool(true)
string(%d) "client_id%s"
bool(false)
