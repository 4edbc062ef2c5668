--TEST--
A client that its own store or listener points to is collected
--EXTENSIONS--
evergrant
--FILE--
<?php
require 'sandbox.inc';
$store = storeOf('callback');
$client = client(['store' => $store, 'on_event' => function () use (&$client) { return $client; }]);
$client->poll();
$holder = new class { public mixed $client; };
$cycle = new class($holder) {
    public function __construct(public object $holder) {}
    public function load($client, $subject, $slot) {}
    public function save($client, $subject, $slot, $record) {}
};
$holder->client = client(['store' => $cycle]);
$seen = [WeakReference::create($client), WeakReference::create($holder->client), WeakReference::create($cycle)];
unset($client, $holder, $cycle, $store);
gc_collect_cycles();
var_dump(array_map(fn ($reference) => $reference->get(), $seen));
?>
--EXPECT--
array(3) {
  [0]=>
  NULL
  [1]=>
  NULL
  [2]=>
  NULL
}
