"""Token stores written in Python, for the tests."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any


class MemoryStore:
    """A complete store; its methods note on which thread they ran."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, ...], str] = {}
        self.revisions: dict[tuple[str, ...], int] = {}
        self.leases: dict[tuple[str, ...], dict[str, Any]] = {}
        self.pending: dict[str, str] = {}
        self.threads: set[str] = set()
        self.lock = threading.Lock()

    def load(self, client: str, subject: str, slot: str) -> str | None:
        self.threads.add(threading.current_thread().name)
        return self.records.get((client, subject, slot))

    def save(self, client: str, subject: str, slot: str, record: str) -> None:
        self.records[client, subject, slot] = record

    def compare_and_set(
        self, client: str, subject: str, slot: str, expected_revision: int | None, record: str, revision: int
    ) -> bool:
        key = (client, subject, slot)
        with self.lock:
            if self.revisions.get(key) != expected_revision:
                return False
            self.records[key], self.revisions[key] = record, revision
            return True

    def delete(self, client: str, subject: str, slot: str) -> None:
        with self.lock:
            self.records.pop((client, subject, slot), None)
            self.revisions.pop((client, subject, slot), None)

    def acquire(self, client: str, subject: str, slot: str, owner: str, ttl_ms: int, intent: str) -> dict[str, Any]:
        now = time.time() * 1000
        with self.lock:
            lease = self.leases.get((client, subject, slot), {"until": 0, "fencing": 0, "intent": None})
            if lease["until"] > now:
                return {"busy_ms": int(lease["until"] - now) + 1}
            fencing = lease["fencing"] + 1
            self.leases[client, subject, slot] = {"until": now + ttl_ms, "fencing": fencing, "intent": intent}
            return {"fencing": fencing, "intent": lease["intent"]}

    def renew(self, client: str, subject: str, slot: str, owner: str, fencing: int, ttl_ms: int) -> bool:
        now = time.time() * 1000
        with self.lock:
            lease = self.leases.get((client, subject, slot))
            held = lease is not None and lease["fencing"] == fencing and lease["until"] > now
            if lease is not None and held:
                lease["until"] = now + ttl_ms
            return held

    def release(self, client: str, subject: str, slot: str, owner: str, fencing: int, intent: str | None) -> None:
        with self.lock:
            lease = self.leases.get((client, subject, slot))
            if lease is not None and lease["fencing"] == fencing:
                lease.update(until=0, intent=intent)

    def list(self, client: str) -> list[str]:
        return [record for key, record in self.records.items() if key[0] == client]

    def put_pending(self, state: str, document: str, expires_at_ms: int) -> None:
        self.pending[state] = document

    def take_pending(self, state: str) -> str | None:
        return self.pending.pop(state, None)


def _later(name: str) -> Any:
    async def method(self: AsyncMemoryStore, *arguments: Any) -> Any:
        self.loops.add(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return getattr(MemoryStore, name)(self, *arguments)

    return method


class AsyncMemoryStore(MemoryStore):
    """The same store, every method ``async def``; notes on which event loops they ran."""

    def __init__(self) -> None:
        super().__init__()
        self.loops: set[asyncio.AbstractEventLoop] = set()

    for _name in ("load", "save", "compare_and_set", "delete", "acquire", "renew", "release", "list", "put_pending"):
        locals()[_name] = _later(_name)
    take_pending = _later("take_pending")
