--TEST--
A reply of the wrong type is a CallbackError that names it
--EXTENSIONS--
evergrant
--FILE--
<?php
require 'sandbox.inc';
class Replies
{
    public function __construct(private mixed $reply) {}
    public function load($client, $subject, $slot) { return $this->reply; }
    public function save($client, $subject, $slot, $record) {}
}
class NotCallable
{
    private function load() {}
    public function save() {}
}
foreach ([42, 1.5, true, [], ["\xff"], "\xff", "a\0b", 'no record', new stdClass(), STDIN] as $reply) {
    echo describe(thrown(fn () => client(['store' => new Replies($reply)])->grant('alice')->inspect())), "\n";
}
echo describe(thrown(fn () => client(['store' => new NotCallable()])->grant('alice')->inspect())), "\n";
echo describe(thrown(fn () => client(['store' => new Replies(null)])->grant('alice')->inspect())), "\n";
?>
--EXPECTF--
Evergrant\CallbackError: the token store's load replied a number; %s
Evergrant\CallbackError: the token store's load replied a number; %s
Evergrant\CallbackError: the token store's load replied a boolean; %s
Evergrant\CallbackError: the token store's load replied a list; %s
Evergrant\CallbackError: the token store's load failed: replied an array that cannot be JSON
Evergrant\CallbackError: the token store's load failed: replied text that is not UTF-8
Evergrant\CallbackError: the token store's load failed: replied text with a NUL character
Evergrant\StoreError: %s
Evergrant\CallbackError: the token store's load failed: replied an object
Evergrant\CallbackError: the token store's load failed: replied an object
Evergrant\CallbackError: the token store's load failed: %Sprivate%S
Evergrant\NoGrantError: %s
