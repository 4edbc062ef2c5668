--TEST--
What a listener throws comes out of the call; the call itself was done
--EXTENSIONS--
evergrant
--FILE--
<?php
require 'sandbox.inc';
$client = client(['on_event' => fn (array $event) => throw new DomainException($event['event'])]);
$callback = consent($client, 'php-listener');
echo describe(thrown(fn () => $client->finish($callback))), "\n";
var_dump($client->grant('php-listener')->inspect()['status']);

$nested = null;
$nested = client(['on_event' => function (array $event) use (&$nested) {
    echo $event['event'], ' ', $nested->grant($event['subject'])->inspect()['generation'], "\n";
}]);
logIn($nested, 'php-listener');
?>
--EXPECT--
DomainException: granted
string(6) "active"
granted 1
