--TEST--
A store written in PHP is held to its promises
--EXTENSIONS--
evergrant
--FILE--
<?php
require 'sandbox.inc';
$options = ['grants' => 20, 'quick' => true];
$report = Evergrant\check_store(new MemoryStore(), $options);
echo preg_replace('/^\d+/', 'N', $report['summary']), "\n", $report['remarks'][0], "\n";
var_dump($report['ok'], array_unique(array_column($report['findings'], 'verdict')));

$broken = new class extends MemoryStore {
    public function compareAndSet(string $client, string $subject, string $slot, ?int $expectedRevision, string $record, int $revision): bool
    {
        $this->save($client, $subject, $slot, $record);
        return true;
    }
};
$report = Evergrant\check_store($broken, $options);
$verdicts = array_column($report['findings'], 'verdict', 'promise');
var_dump($report['ok'], $verdicts['compare_and_set_writes_only_over_the_expected_revision']);

$least = new class {
    private array $records = [];
    public function load(string ...$key): ?string { return $this->records[json_encode($key)] ?? null; }
    public function save(string $client, string $subject, string $slot, string $record): void { $this->records[json_encode([$client, $subject, $slot])] = $record; }
};
$report = Evergrant\check_store($least, $options);
echo array_column($report['findings'], 'remark', 'promise')['a_lease_is_given_to_one_at_a_time'], "\n";

$throwing = new class extends MemoryStore {
    public function load(string $client, string $subject, string $slot): ?string { throw new Exception('away'); }
};
var_dump(str_contains(Evergrant\check_store($throwing, $options)['summary'], "load failed: away"));
echo describe(thrown(fn () => Evergrant\check_store($least, ['rounds' => 1]))), "\n";
echo describe(thrown(fn () => Evergrant\check_store(new class {}))), "\n";
Evergrant\check_store(new class extends MemoryStore {
    public function load(string $client, string $subject, string $slot): ?string { exit("exits\n"); }
}, $options);
?>
--EXPECTF--
N promises kept, 0 broken, 0 not given
calls that were made at once came to this store one after another, on the one thread that waits
bool(true)
array(1) {
  [0]=>
  string(6) "passed"
}
bool(false)
string(6) "failed"
no acquire: two processes may spend one refresh token at once
bool(true)
Evergrant\InvalidArgumentError: options: %Srounds%S
Evergrant\InvalidConfigError: store: the token store has no load; expected at least load and save
exits
