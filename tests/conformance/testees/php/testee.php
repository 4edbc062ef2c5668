<?php
// The PHP testee of the conformance cases: one JSON command a line in, one reply a line out, until the input ends.

use Evergrant\{Client, Error};

require __DIR__ . '/store.php';

class Testee
{
    private array $clients = [];
    private array $stores = [];
    private array $events = [];
    private array $shown = [];

    public function reply(array $command): array
    {
        try {
            return ['ok' => $this->carryOut($command, $command['client'] ?? 'main', $command['options'] ?? [])];
        } catch (Error $error) {
            $this->shown[] = $error;
            $details = ['code' => $error->errorCode, 'message' => $error->getMessage()];
            foreach (['retryable', 'retryAt', 'statusAt', 'reason', 'provider', 'subject', 'status', 'error', 'errorDescription'] as $name) {
                $details[snakeCase($name)] = $error->$name;
            }
            return ['error' => inMillis(array_filter($details, fn ($value) => $value !== null))];
        }
    }

    private function carryOut(array $command, string $name, array $options): mixed
    {
        $do = $command['do'];
        if ($do === 'open') {
            return $this->open($name, $command['config'], $command['store'] ?? null);
        }
        $client = $this->clients[$name] ?? null;
        $grant = $client?->grant($command['subject'] ?? '', $command['slot'] ?? '');
        $this->shown[] = $grant;
        return match ($do) {
            'begin' => array_filter(properties($client->begin($command['subject'], $options)), fn ($value) => $value !== null),
            'finish' => inMillis($client->finish($command['callback'], $options)),
            'access_token' => $this->token($grant->accessToken($options)),
            'cached' => $grant->cachedAccessToken() !== null,
            'headers' => array_map(null, ...$this->columns($grant->headers($command['method'], $command['url'], $options))),
            'request' => $this->request($grant, $command['request'], $command['body_base64'] ?? null),
            'refresh' => inMillis($grant->refresh($options)),
            'revoke' => $grant->revoke($options),
            'forget' => $grant->forget(),
            'inspect' => inMillis($grant->inspect()),
            'begin_device' => inMillis($client->beginDevice($command['subject'], $options)),
            'poll_device' => inMillis($client->pollDevice($command['state'])),
            'check' => inMillis($client->check($command['subject'], $options)),
            'userinfo' => $grant->userinfo(),
            'introspect' => $grant->introspect($options),
            'token_response' => (object) $grant->tokenResponse(),
            'missing_scope' => $grant->missingScope($command['scope'] ?? null),
            'put' => inMillis($client->put($command['subject'], $command['tokens'])),
            'list' => array_map(inMillis(...), $client->list()),
            'due' => array_map(inMillis(...), $client->due($options)),
            'refresh_due' => inMillis($client->refreshDue($options)),
            'close' => $client->close(),
            'events' => [$client->poll(), $this->events[$name]->getArrayCopy()][1],
            'store_calls' => $this->stores[$name]->calls,
            'set_clock' => $client->_testingSetClock($command['unix_ms']),
            'parallel' => array_map($this->reply(...), $command['commands']),
            'debug' => $this->debug(),
        };
    }

    private function open(string $name, array $config, array|string|null $store): void
    {
        $this->events[$name] = $events = new ArrayObject();
        $config['on_event'] = fn (array $event) => $events->append($event);
        if ($store !== null) {
            $config['store'] = $this->stores[$name] = storeOf($store);
        }
        $this->clients[$name] = new Client($config);
    }

    private function token(Evergrant\AccessToken $token): array
    {
        $this->shown[] = $token;
        return ['token' => $token->token()] + properties($token);
    }

    private function columns(array $headers): array
    {
        return [array_keys($headers), array_values($headers)];
    }

    private function request(Evergrant\Grant $grant, array $request, ?string $body): array
    {
        $options = array_diff_key($request, ['method' => 0, 'url' => 0]);
        if ($body !== null) {
            $options['body'] = base64_decode($body);
        }
        $response = $grant->request($request['method'] ?? '', $request['url'], $options);
        $headers = [];
        foreach ($response->headers as $name => $values) {
            foreach ($values as $value) {
                $headers[] = [$name, $value];
            }
        }
        return ['status' => $response->status, 'headers' => $headers, 'body_base64' => base64_encode($response->body)];
    }

    /** All ways in which PHP shows a thing. */
    private function debug(): string
    {
        ob_start();
        var_dump($this->clients, $this->shown);
        var_export($this->shown);
        return ob_get_clean() . print_r($this->shown, true) . json_encode($this->shown) . implode("\n", array_filter($this->shown, fn ($thing) => $thing instanceof Error));
    }
}

function snakeCase(string $name): string
{
    return strtolower(preg_replace('/[A-Z]/', '_$0', $name));
}

function properties(object $result): array
{
    $properties = get_object_vars($result);
    return inMillis(array_combine(array_map(snakeCase(...), array_keys($properties)), $properties));
}

/** Times as the cases have them. */
function inMillis(array $found): array
{
    foreach ($found as $key => &$value) {
        if (is_array($value)) {
            $value = inMillis($value);
        } elseif (is_float($value) && ($key === 'at' || $key === 'open_by' || str_ends_with($key, '_at'))) {
            $value = (int) round($value * 1000);
        }
    }
    return $found;
}

$testee = new Testee();
while (($line = fgets(STDIN)) !== false) {
    $command = json_decode($line, true);
    if (isset($command['request']['json'])) {
        // An empty object and an empty list are the same array.
        $command['request']['json'] = json_decode($line)->request->json;
    }
    echo json_encode($testee->reply($command), JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR), "\n";
}
