--TEST--
A fatal error in a store ends the script, not the process
--EXTENSIONS--
evergrant
--INI--
memory_limit=32M
--FILE--
<?php
require 'sandbox.inc';
class Fatal
{
    public function load($client, $subject, $slot) { return str_repeat('x', 64 << 20); }
    public function save($client, $subject, $slot, $record) {}
}
register_shutdown_function(function () {
    $other = logIn(client(), 'php-fatal');
    echo 'shutdown: ', $other->grant('php-fatal')->get(sandbox() . '/api/me')->status, "\n";
});
$client = client(['store' => new Fatal(), 'on_event' => function () {}]);
$client->grant('alice')->inspect();
echo "not reached\n";
?>
--EXPECTF--
Fatal error: Allowed memory size of %d bytes exhausted%s
shutdown: 200
