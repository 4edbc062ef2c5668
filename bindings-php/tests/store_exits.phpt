--TEST--
exit() in a store ends the script as it always does
--EXTENSIONS--
evergrant
--FILE--
<?php
require 'sandbox.inc';
class Exits
{
    public function load($client, $subject, $slot) { exit("exit\n"); }
    public function save($client, $subject, $slot, $record) {}
    public function __destruct() { echo "store destroyed\n"; }
}
register_shutdown_function(function () { echo "shutdown\n"; });
$client = client(['store' => new Exits()]);
try {
    $client->grant('alice')->inspect();
} catch (Throwable $thrown) {
    echo "not reached\n";
} finally {
    echo "not reached either\n";
}
echo "nor this\n";
?>
--EXPECT--
exit
shutdown
store destroyed
