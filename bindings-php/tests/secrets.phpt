--TEST--
No way in which PHP shows an object shows a secret
--EXTENSIONS--
evergrant
--FILE--
<?php
require 'sandbox.inc';
ini_set('zend.exception_ignore_args', '0');
$client = client(['client_secret' => 'canary-secret']);
$client->put('alice', ['access_token' => 'canary-access', 'refresh_token' => 'canary-refresh', 'expires_in' => 3600]);
$grant = $client->grant('alice');
$token = $grant->accessToken();
$client->put('carol', ['document' => $grant->export()]);
$errors = [
    thrown(fn () => new Evergrant\Client(['client_secret' => 'canary-secret', 'nonsense' => 1] + config())),
    thrown(fn () => $client->put('bob', ['access_token' => 'canary-access', 'nonsense' => 'canary-refresh'])),
    thrown(fn () => $client->finish('/callback?state=x&code=canary-code')),
];
ob_start();
foreach ([$client, $grant, $token, $errors] as $thing) {
    var_dump($thing, (array) $thing, thrown(fn () => serialize($thing)));
    print_r($thing);
    var_export($thing);
    echo json_encode($thing);
}
echo implode("\n", $errors);
foreach ($errors as $error) {
    var_dump($error->getTrace());
}
$shown = ob_get_clean();
var_dump(strlen($shown) > 1000, preg_match_all('/canary-\w+/', $shown), $token->token(), $client->grant('carol')->accessToken()->token());
?>
--EXPECT--
bool(true)
int(0)
string(13) "canary-access"
string(13) "canary-access"
