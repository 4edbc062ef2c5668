--TEST--
A store written in PHP carries a grant from consent to the next client
--EXTENSIONS--
evergrant
--FILE--
<?php
require 'sandbox.inc';
$store = storeOf('callback');
$client = logIn(client(['store' => $store]), 'php-store');
var_dump($client->grant('php-store')->get(sandbox() . '/api/me')->status);
unset($client);

$client = client(['store' => $store]);
var_dump($client->grant('php-store')->refresh(['force' => true])['generation']);
var_dump($client->grant('php-store')->get(sandbox() . '/api/me')->status, count($client->list()));
$client->grant('php-store')->revoke();
echo implode(' ', array_unique($store->calls)), "\n";

$least = new class implements Evergrant\TokenStore {
    private array $records = [];
    public function load(string $client, string $subject, string $slot): ?string { return $this->records[$subject] ?? null; }
    public function save(string $client, string $subject, string $slot, string $record): void { $this->records[$subject] = $record; }
};
$client = logIn(client(['store' => $least, 'on_event' => function ($event) { echo $event['event'], ' '; }]), 'php-store');
var_dump($client->grant('php-store')->get(sandbox() . '/api/me')->status);
?>
--EXPECTF--
int(200)
int(2)
int(200)
int(1)
%Sload%S
%Sstore_trouble%Sint(200)
