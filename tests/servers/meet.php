<?php
// Meets a server that others wrote, in PHP; the steps are told in README.md.

const MICROSECONDS_BETWEEN_CALLS = 100_000;

function tell(array $happened): void
{
    echo json_encode($happened, JSON_THROW_ON_ERROR), "\n";
}

function consent(Evergrant\Client $client, string $subject): void
{
    tell(['url' => $client->begin($subject)->url]);
    tell(['generation' => $client->finish(trim(fgets(STDIN)))['generation']]);
}

function connect(Evergrant\Client $client, string $subject): void
{
    $start = $client->beginDevice($subject);
    tell(['url' => $start['verification_uri_complete']]);
    tell(['generation' => $client->waitDevice($start['state'])['generation']]);
}

function call(Evergrant\Grant $grant, array $request): void
{
    ['method' => $method, 'url' => $url] = $request;
    unset($request['method'], $request['url']);
    $answer = $grant->request($method, $url, $request);
    tell(['status' => $answer->status, 'body' => $answer->body]);
}

function meet(Evergrant\Client $client, array $meeting): void
{
    if ($meeting['consent'] === 'device') {
        connect($client, $meeting['subject']);
    } elseif ($meeting['consent']) {
        consent($client, $meeting['subject']);
    }
    $grant = $client->grant($meeting['subject']);
    $end = microtime(true) + $meeting['seconds'];
    call($grant, $meeting['request']);
    while (microtime(true) < $end) {
        usleep(MICROSECONDS_BETWEEN_CALLS);
        call($grant, $meeting['request']);
    }
    if ($meeting['force']) {
        tell(['generation' => $grant->refresh(['force' => true])['generation']]);
        call($grant, $meeting['request']);
    }
}

$meeting = json_decode($argv[1], true, flags: JSON_THROW_ON_ERROR);
$client = new Evergrant\Client($meeting['config']);
meet($client, $meeting);
$client->close();
