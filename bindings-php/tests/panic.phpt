--TEST--
A panic in the library is an InternalError
--EXTENSIONS--
evergrant
--CAPTURE_STDIO--
STDOUT
--FILE--
<?php
require 'sandbox.inc';
$client = client();
echo describe(thrown(fn () => Evergrant\_testing_panic())), "\n";
echo describe(thrown(fn () => $client->_testingPanic())), "\n";
echo describe(thrown(fn () => client(['store' => storeOf('callback')])->_testingPanic())), "\n";
echo describe(thrown(fn () => $client->list())), "\n";
?>
--EXPECTF--
Evergrant\InternalError: a fault of this library (panic)%S
Evergrant\InternalError: a fault of this library (panic)%S
Evergrant\InternalError: a fault of this library (panic)%S
nothing thrown
