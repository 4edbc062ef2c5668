<?php
// Calls an API for many users, as applications do, and tells each second what came of it; see README.md.
// PHP has one thread: one task.
//
//     php worker.php '{"config": {…}, "url": "…", "grants": 50, "rate": 25}'

$work = json_decode($argv[1], true);
$client = new Evergrant\Client($work['config']);

$stopped = false;
// Not asynchronously: PHP 8.2 drops a signal that comes while a call throws an exception.
pcntl_signal(SIGTERM, function () use (&$stopped) { $stopped = true; });

function tell(array $line): void
{
    fwrite(STDOUT, json_encode($line) . "\n");
}

/** Seconds, by a clock that nobody sets. */
function monotonic(): float
{
    return hrtime(true) / 1e9;
}

/** The 401 rule for a caller with an HTTP client of its own. */
function by_hand(Evergrant\Grant $grant, string $url): int
{
    $headers = $grant->headers('GET', $url);
    $status = send($url, $headers);
    if ($status === 401) {
        $newer = $grant->headers('GET', $url, ['refused' => $headers['Authorization']]);
        $status = send($url, $newer);
    }
    return $status;
}

/** The status of a GET; 0 where there was no answer. */
function send(string $url, array $headers): int
{
    $lines = array_map(fn ($name, $value) => "$name: $value", array_keys($headers), $headers);
    $options = ['header' => [...$lines, 'Connection: close'], 'ignore_errors' => true, 'timeout' => 30];
    $body = @file_get_contents($url, false, stream_context_create(['http' => $options]));
    return $body === false ? 0 : (int) explode(' ', $http_response_header[0])[1];
}

$order = range(0, $work['grants'] - 1);
shuffle($order);
$ok = ['request' => 0, 'headers' => 0];
$longest_gap = 0.0;
$waiting_since = [];
$told = monotonic();
for ($turn = 0; !$stopped; $turn++) {
    usleep((int) (1e6 / $work['rate'] * mt_rand(50, 150) / 100));
    pcntl_signal_dispatch();
    $subject = 'u' . $order[intdiv($turn, 2) % count($order)];
    $way = $turn % 2 ? 'headers' : 'request'; // every second call goes through an HTTP client of its own
    $grant = $client->grant($subject);
    $since = $waiting_since[$subject] ??= monotonic();
    try {
        $status = $way === 'request' ? $grant->get($work['url'])->status : by_hand($grant, $work['url']);
        if ($status === 200) {
            unset($waiting_since[$subject]);
            $ok[$way]++;
            $longest_gap = max($longest_gap, monotonic() - $since);
        } else {
            tell(['failure' => $status, 'way' => $way, 'subject' => $subject, 'at' => microtime(true)]);
        }
    } catch (Evergrant\Error $error) {
        tell(['failure' => $error->errorCode, 'way' => $way, 'subject' => $subject, 'message' => $error->getMessage(),
            'at' => microtime(true)]);
    }
    if (monotonic() - $told >= 1 || $stopped) {
        tell(['ok' => array_sum($ok), 'headers' => $ok['headers'], 'gap' => $longest_gap, 'at' => microtime(true)]);
        $ok = ['request' => 0, 'headers' => 0];
        $longest_gap = 0.0;
        $told = monotonic();
    }
}
foreach ($waiting_since as $subject => $since) {
    tell(['failure' => 'still waiting', 'subject' => $subject, 'gap' => monotonic() - $since]);
}
$client->close();
