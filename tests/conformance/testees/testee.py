"""The Python testee of the conformance cases: one JSON command a line in, one reply a line out, until the input ends."""

import base64
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import evergrant

START = "url state expires_at open_by"
FINISHED = "subject slot grant_id generation scope expires_at missing_scope"
DEVICE = "state user_code verification_uri verification_uri_complete interval expires_at"


class MemoryStore:
    def __init__(self):
        self.records, self.leases, self.pending = {}, {}, {}
        self.load = lambda *key: self.records.get(key)
        self.save = lambda *key_and_record: self.records.update({key_and_record[:3]: key_and_record[3]})
        self.delete = lambda *key: self.records.pop(key, None) and None
        self.put_pending = lambda state, document, expires_at_ms: self.pending.update({state: document})
        self.take_pending = lambda state: self.pending.pop(state, None)

    def compare_and_set(self, client, subject, slot, expected_revision, record, revision):
        stored = self.records.get((client, subject, slot))
        if (json.loads(stored)["revision"] if stored else None) != expected_revision:
            return False
        self.records[client, subject, slot] = record
        return True

    def acquire(self, client, subject, slot, owner, ttl_ms, intent):
        lease = self.leases.get((client, subject, slot), {"until": 0, "fencing": 0, "intent": None})
        if lease["until"] > now_ms():
            return {"busy_ms": lease["until"] - now_ms()}
        fencing = lease["fencing"] + 1
        self.leases[client, subject, slot] = {"until": now_ms() + ttl_ms, "fencing": fencing, "intent": intent}
        return {"fencing": fencing, "intent": lease["intent"]}

    def renew(self, client, subject, slot, owner, fencing, ttl_ms):
        lease = self.leases[client, subject, slot]
        held = lease["fencing"] == fencing and lease["until"] > now_ms()
        lease["until"] = now_ms() + ttl_ms if held else lease["until"]
        return held

    def release(self, client, subject, slot, owner, fencing, intent):
        if self.leases[client, subject, slot]["fencing"] == fencing:
            self.leases[client, subject, slot].update(until=0, intent=intent)

    def list(self, client):
        return [record for (owner, *_), record in self.records.items() if owner == client]


class NotingStore:
    """Notes which methods are called, lacks some, and fails where a case wants it."""

    def __init__(self, without=(), fail=None, kind="callback"):
        self._store, self._without, self._fail, self.noted = MemoryStore(), without, fail or {}, []
        self._lock = threading.Lock()

    def __getattr__(self, name):
        if name in self._without:
            raise AttributeError(name)
        method = getattr(self._store, name)

        def call(*arguments):
            with self._lock:
                self.noted.append(name)
                if self._fail.get("method") != name or self.noted.count(name) <= self._fail.get("after", 0):
                    return method(*arguments)
                if self._fail["how"] == "throw":
                    raise RuntimeError("the store failed on purpose")
                return 42

        return call


class Testee:
    def __init__(self):
        self.clients, self.stores, self.events, self.shown = {}, {}, {}, []

    def reply(self, command):
        try:
            return {"ok": self.carry_out(command, command.get("client", "main"), command.get("options", {}))}
        except evergrant.Error as error:
            names = "code message retryable retry_at status_at reason provider subject status error_description"
            known = fields(self.shown_later(error), names) | {"error": error.server_error}
            return {"error": {name: value for name, value in known.items() if value is not None}}

    def carry_out(self, command, name, options):
        client = self.clients.get(name)
        subject = command.get("subject")
        grant = client and self.shown_later(client.grant(subject or "", command.get("slot", "")))
        return {
            "open": lambda: self.open(name, command["config"], command.get("store")),
            "begin": lambda: said(fields(client.begin(subject, **options), START)),
            "finish": lambda: said(fields(client.finish(command["callback"], **options), FINISHED)),
            "access_token": lambda: fields(self.shown_later(grant.access_token(**options)), "token token_type expires_at"),
            "cached": lambda: grant.cached_access_token() is not None,
            "headers": lambda: list(grant.headers(command["method"], command["url"], **options).items()),
            "request": lambda: request(grant, command.get("body_base64"), **command["request"]),
            "refresh": lambda: in_millis(grant.refresh(**options)),
            "revoke": lambda: grant.revoke(**options),
            "forget": lambda: grant.forget(),
            "inspect": lambda: in_millis(grant.inspect()),
            "begin_device": lambda: fields(client.begin_device(subject, **options), DEVICE),
            "poll_device": lambda: polled(client.poll_device(command["state"])),
            "check": lambda: standing(client.check(subject, **options)),
            "userinfo": lambda: grant.userinfo(),
            "introspect": lambda: grant.introspect(**options),
            "token_response": lambda: grant.token_response(),
            "missing_scope": lambda: grant.missing_scope(command.get("scope")),
            "put": lambda: in_millis(client.put(subject, **command["tokens"])),
            "list": lambda: in_millis(client.list()),
            "due": lambda: in_millis(client.due(**options)),
            "refresh_due": lambda: in_millis(client.refresh_due(**options)),
            "close": lambda: client.close(),
            "events": lambda: self.events[name],
            "store_calls": lambda: self.stores[name].noted,
            "set_clock": lambda: client._testing_set_clock(command["unix_ms"]),
            "parallel": lambda: list(ThreadPoolExecutor(len(command["commands"])).map(self.reply, command["commands"])),
            "debug": lambda: " ".join(f"{thing} {thing!r}" for thing in [*self.clients.values(), *self.shown]),
        }[command["do"]]()

    def open(self, name, config, store):
        if store is not None:
            config["store"] = self.stores[name] = NotingStore(**store if isinstance(store, dict) else {})
        self.events[name] = []
        self.clients[name] = evergrant.Client(**config, on_event=self.events[name].append)

    def shown_later(self, thing):
        self.shown.append(thing)
        return thing


def request(grant, body_base64, url="", method="", **options):
    if body_base64 is not None:
        options["body"] = base64.b64decode(body_base64)
    response = grant.request(method, url, **options)
    body = base64.b64encode(response.content).decode()
    return {"status": response.status, "headers": response.headers.pairs, "body_base64": body}


def polled(poll):
    return {"finished": poll.finished and said(fields(poll.finished, FINISHED)), **fields(poll, "poll_at")}


def standing(found):
    start = found.start and said(fields(found.start, START))
    return {**fields(found, "status reason missing_scope"), "start": start}


def said(result):
    """Without what is absent in other languages."""
    optional = {"open_by": None, "missing_scope": []}
    return {name: value for name, value in result.items() if name not in optional or value != optional[name]}


def fields(result, names):
    return in_millis({name: getattr(result, name) for name in names.split()})


def in_millis(found):
    if isinstance(found, list):
        return [in_millis(each) for each in found]
    if not isinstance(found, dict):
        return found
    return {k: round(v * 1000) if k.endswith(("_at", "open_by")) and v is not None else in_millis(v) for k, v in found.items()}


def now_ms():
    return round(time.time() * 1000)


testee = Testee()
for line in sys.stdin:
    print(json.dumps(testee.reply(json.loads(line))), flush=True)
