--TEST--
Bad input is refused by name
--EXTENSIONS--
evergrant
--FILE--
<?php
require 'sandbox.inc';
$client = client();
$grant = $client->grant('alice');
$calls = [
    fn () => client(['client_id' => 7]),
    fn () => client(['clinet_id' => 'x']),
    fn () => client(['client_id' => "\xff"]),
    fn () => client(['on_event' => 'no_such_function']),
    fn () => client(['store' => new stdClass()]),
    fn () => client(['store' => 'sqlite:']),
    fn () => new Evergrant\Client([]),
    fn () => $client->__construct(config()),
    fn () => $client->begin("ali\0ce"),
    fn () => $client->begin("\xff"),
    fn () => $client->begin('alice', ['scopes' => 'x']),
    fn () => $client->put('alice', []),
    fn () => $client->finish('http://127.0.0.1:9/callback?state=unknown&code=x'),
    fn () => $grant->accessToken(['min_valid' => 'soon']),
    fn () => $grant->accessToken(['timeout' => -1]),
    fn () => $grant->get("https://example.org/\0"),
    fn () => $grant->get('https://example.org/', ['body' => []]),
    fn () => $grant->get('https://example.org/', ['headers' => ["\xff" => 'x']]),
    fn () => clone $client,
    fn () => serialize($client),
    fn () => serialize($grant),
    fn () => new Evergrant\Grant(),
    fn () => (new ReflectionClass(Evergrant\Grant::class))->newInstanceWithoutConstructor(),
    fn () => unserialize('O:18:"Evergrant\Response":0:{}'),
];
foreach ($calls as $call) {
    echo describe(thrown($call)), "\n";
}
?>
--EXPECTF--
Evergrant\InvalidConfigError: %Sclient_id%S
Evergrant\InvalidConfigError: %Sclinet_id%S
Evergrant\InvalidArgumentError: %SUTF-8%S
Evergrant\InvalidArgumentError: on_event: is not callable; expected a callable
Evergrant\InvalidConfigError: store: the token store has no load; expected at least load and save
Evergrant\InvalidConfigError: store: %S
Evergrant\InvalidConfigError: %Sprovider%S
Error: A Client is constructed once
ValueError: Evergrant\Client::begin(): Argument #1 ($subject) must not contain any null bytes
Evergrant\InvalidArgumentError: subject: is not UTF-8; expected UTF-8 text
Evergrant\InvalidArgumentError: %Sscopes%S
Evergrant\InvalidArgumentError: %S
Evergrant\StateMismatchError: %S
Evergrant\InvalidArgumentError: %Smin_valid%S
Evergrant\InvalidArgumentError: %Stimeout%S
ValueError: Evergrant\Grant::get(): Argument #1 ($url) must not contain any null bytes
Evergrant\InvalidArgumentError: options: body: is no text; expected text
Evergrant\InvalidArgumentError: %SUTF-8%S
Error: Trying to clone an uncloneable object of class Evergrant\Client
Exception: Serialization of 'Evergrant\Client' is not allowed
Exception: Serialization of 'Evergrant\Grant' is not allowed
Error: Call to private Evergrant\Grant::__construct() from %s
ReflectionException: %s
Exception: Unserialization of 'Evergrant\Response' is not allowed
