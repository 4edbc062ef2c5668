--TEST--
What a store throws is the previous exception of a CallbackError
--EXTENSIONS--
evergrant
--FILE--
<?php
require 'sandbox.inc';
$client = logIn(client(['store' => storeOf(['fail' => ['method' => 'load', 'how' => 'throw', 'after' => 3]])]), 'php-throws');
$error = null;
for ($round = 0; $round < 5 && !$error; $round++) {
    $error = thrown(fn () => $client->grant('php-throws')->inspect());
}
echo describe($error), "\n", describe($error->getPrevious()), "\n";
var_dump($error->errorCode, $error->getPrevious()->getTrace()[0]['function']);
echo describe(thrown(fn () => $client->grant('php-throws')->inspect())), "\n";

$begin = client(['store' => storeOf(['fail' => ['method' => 'put_pending', 'how' => 'throw']])]);
echo describe(thrown(fn () => $begin->begin('alice'))->getPrevious()), "\n";
?>
--EXPECT--
Evergrant\CallbackError: the token store's load failed: the store failed on purpose
RuntimeException: the store failed on purpose
string(8) "callback"
string(4) "call"
Evergrant\CallbackError: the token store's load failed: the store failed on purpose
RuntimeException: the store failed on purpose
