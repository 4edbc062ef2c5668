--TEST--
A client that was used works on in parent and children after pcntl_fork()
--EXTENSIONS--
evergrant
pcntl
--FILE--
<?php
require 'sandbox.inc';
$database = tempnam(sys_get_temp_dir(), 'evergrant-php');
foreach (["sqlite:$database.db", storeOf('callback')] as $store) {
    $client = logIn(client(['store' => $store]), 'php-fork');
    $works = fn () => $client->grant('php-fork')->get(sandbox() . '/api/me')->status === 200;
    var_dump($works());
    $children = [];
    for ($child = 0; $child < 3; $child++) {
        $pid = pcntl_fork();
        if ($pid === 0) {
            exit($works() && $client->grant('php-fork')->inspect()['status'] === 'active' ? 0 : 1);
        }
        $children[] = $pid;
    }
    var_dump($works());
    foreach ($children as $pid) {
        pcntl_waitpid($pid, $status);
        var_dump(pcntl_wexitstatus($status));
    }
    var_dump($works());
}
array_map('unlink', glob("$database*"));
?>
--EXPECT--
bool(true)
bool(true)
int(0)
int(0)
int(0)
bool(true)
bool(true)
bool(true)
int(0)
int(0)
int(0)
bool(true)
