--TEST--
Ten thousand clients leave nothing behind
--EXTENSIONS--
evergrant
--FILE--
<?php
require 'sandbox.inc';
function openAndDrop(int $count): void
{
    for ($index = 0; $index < $count; $index++) {
        $client = client($index % 2 ? [] : ['store' => storeless(), 'on_event' => 'var_dump']);
        thrown(fn () => $client->grant('nobody')->accessToken());
    }
}
function storeless(): object
{
    static $store;
    return $store ??= storeOf('callback');
}
function residentKib(): int
{
    return (int) explode(' ', file_get_contents('/proc/self/statm'))[1] * 4;
}
storeless();
openAndDrop(1000);
storeless()->calls = [];
[$memory, $resident, $descriptors] = [memory_get_usage(), residentKib(), count(scandir('/proc/self/fd'))];
for ($round = 0; $round < 10; $round++) {
    openAndDrop(1000);
    storeless()->calls = [];
}
var_dump(memory_get_usage() - $memory < 4096, residentKib() - $resident < 4096, count(scandir('/proc/self/fd')) === $descriptors);
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
