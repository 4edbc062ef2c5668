--TEST--
Keys may come from a function, and what it throws comes back
--EXTENSIONS--
evergrant
--FILE--
<?php
require 'sandbox.inc';
$folder = sys_get_temp_dir() . '/evergrant-' . bin2hex(random_bytes(8));
mkdir($folder);
$store = ['store' => "sqlite:$folder/tokens.db"];
$key = str_repeat('ab', 32);
$asked = 0;
$client = client($store + ['encryption' => [
    'keys' => function () use (&$asked, $key) { $asked++; return [$key]; },
    'next' => fn () => str_repeat('cd', 32),
]]);
$client->put('alice', ['access_token' => 'canary', 'expires_in' => 3600]);
var_dump($asked, str_contains(implode(array_map('file_get_contents', glob("$folder/tokens.db*"))), 'canary'));
var_dump(client($store + ['encryption' => ['keys' => [$key]]])->grant('alice')->accessToken()->token());
echo describe(thrown(fn () => client($store)->grant('alice')->accessToken())), "\n";
$vault = function () { throw new DomainException('the vault is closed'); };
echo get_class($thrown = thrown(fn () => client(['encryption' => ['keys' => $vault]]))), ': ', $thrown->getMessage(), "\n";
echo describe(thrown(fn () => client(['encryption' => ['keys' => ['phpversion']]]))), "\n";
$client->close();
array_map('unlink', glob("$folder/*"));
rmdir($folder);
?>
--EXPECTF--
int(1)
bool(false)
string(6) "canary"
Evergrant\DecryptionError: %s
DomainException: the vault is closed
Evergrant\InvalidConfigError: encryption.keys[0]: is no key; %s
