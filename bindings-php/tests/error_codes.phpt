--TEST--
Every status of the header is an exception class with its text and number
--EXTENSIONS--
evergrant
--FILE--
<?php
require 'sandbox.inc';
preg_match_all('/^    EVERGRANT_(\w+) = (\d+),$/m', file_get_contents(__DIR__ . '/../../include/evergrant.h'), $statuses, PREG_SET_ORDER);
foreach ($statuses as [, $name, $number]) {
    if ($number === '0') {
        continue;
    }
    $error = thrown(fn () => Evergrant\_testing_fail((int) $number));
    $class = 'Evergrant\\' . preg_replace('/ErrorError$/', 'Error', str_replace('_', '', ucwords(strtolower($name), '_')) . 'Error');
    $same = [$error->errorCode, $error->getCode(), get_class($error), $error->reason, $error->getMessage()];
    if ($same !== [strtolower($name), (int) $number, $class, 'testing', 'failed on purpose'] || !$error instanceof Evergrant\Error) {
        var_dump($name, $same);
    }
}
var_dump(count($statuses));
$error = thrown(fn () => Evergrant\_testing_fail(30));
var_dump($error->retryable, $error->retryAt, $error->provider, $error->subject, $error->status, $error->error, $error->errorDescription);
?>
--EXPECT--
int(22)
bool(true)
NULL
NULL
NULL
NULL
NULL
NULL
