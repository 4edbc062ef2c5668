<?php
// The callback store of the PHP testee.

use Evergrant\SharedTokenStore;

/** A token store in memory. */
class MemoryStore implements SharedTokenStore
{
    private array $rows = [];
    private array $pending = [];

    private function &row(string ...$key): object
    {
        $row = &$this->rows[json_encode($key)];
        $row ??= (object) ['client' => $key[0], 'record' => null, 'revision' => null, 'until' => 0, 'fencing' => 0, 'intent' => null];
        return $row;
    }

    public function load(string $client, string $subject, string $slot): ?string
    {
        return $this->row($client, $subject, $slot)->record;
    }

    public function save(string $client, string $subject, string $slot, string $record): void
    {
        $this->row($client, $subject, $slot)->record = $record;
    }

    public function compareAndSet(string $client, string $subject, string $slot, ?int $expectedRevision, string $record, int $revision): bool
    {
        $row = $this->row($client, $subject, $slot);
        if ($row->revision !== $expectedRevision) {
            return false;
        }
        [$row->record, $row->revision] = [$record, $revision];
        return true;
    }

    public function delete(string $client, string $subject, string $slot): void
    {
        $row = $this->row($client, $subject, $slot);
        [$row->record, $row->revision] = [null, null];
    }

    public function acquire(string $client, string $subject, string $slot, string $owner, int $ttlMs, string $intent): array
    {
        $row = $this->row($client, $subject, $slot);
        if ($row->until > now()) {
            return ['busy_ms' => $row->until - now()];
        }
        $earlier = $row->intent;
        [$row->until, $row->intent] = [now() + $ttlMs, $intent];
        return ['fencing' => ++$row->fencing, 'intent' => $earlier];
    }

    public function renew(string $client, string $subject, string $slot, string $owner, int $fencing, int $ttlMs): bool
    {
        $row = $this->row($client, $subject, $slot);
        $held = $row->fencing === $fencing && $row->until > now();
        return $held && ($row->until = now() + $ttlMs);
    }

    public function release(string $client, string $subject, string $slot, string $owner, int $fencing, ?string $intent): void
    {
        $row = $this->row($client, $subject, $slot);
        if ($row->fencing === $fencing) {
            [$row->until, $row->intent] = [0, $intent];
        }
    }

    public function list(string $client): array
    {
        $own = array_filter($this->rows, fn ($row) => $row->client === $client && $row->record !== null);
        return array_values(array_map(fn ($row) => $row->record, $own));
    }

    public function putPending(string $state, string $document, int $expiresAtMs): void
    {
        $this->pending[$state] = $document;
    }

    public function takePending(string $state): ?string
    {
        $document = $this->pending[$state] ?? null;
        unset($this->pending[$state]);
        return $document;
    }
}

/** Notes the calls of such a store, and fails where a case wants it. */
abstract class NotingStore
{
    public array $calls = [];
    private MemoryStore $store;

    public function __construct(private array $fail)
    {
        $this->store = new MemoryStore();
    }

    protected function call(string $name, string $method, array $arguments): mixed
    {
        $this->calls[] = $name;
        $fails = ($this->fail['method'] ?? null) === $name && count(array_keys($this->calls, $name)) > ($this->fail['after'] ?? 0);
        if ($fails && $this->fail['how'] === 'throw') {
            throw new RuntimeException('the store failed on purpose');
        }
        return $fails ? 42 : $this->store->$method(...$arguments);
    }
}

/** A store of a class that has all methods but some: the library looks at the class. */
function storeOf(array|string $store): NotingStore
{
    $code = '';
    foreach (get_class_methods(SharedTokenStore::class) as $method) {
        $name = strtolower(preg_replace('/[A-Z]/', '_$0', $method));
        if (!in_array($name, $store['without'] ?? [])) {
            $code .= "function $method(...\$arguments) { return \$this->call('$name', '$method', \$arguments); }";
        }
    }
    $fail = is_array($store) ? $store['fail'] ?? [] : [];
    return eval("return new class(\$fail) extends NotingStore { $code };");
}

function now(): int
{
    return (int) (microtime(true) * 1000);
}
