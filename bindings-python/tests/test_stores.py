"""Token stores written in Python: plain and async, good and bad."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import evergrant
from conftest import OpenClient, Sandbox, consent, settled
from stores import AsyncMemoryStore, MemoryStore


async def settled_by(operation: Any) -> Any:
    return await settled(operation())


@pytest.mark.parametrize("store_class", [MemoryStore, AsyncMemoryStore])
async def test_a_store_in_python_holds_a_grant(
    open_client: OpenClient, sandbox: Sandbox, store_class: type[MemoryStore]
) -> None:
    store = store_class()
    client = open_client(store=store)
    await consent(client, sandbox)
    first = await settled(client.grant("alice").access_token())
    await settled(client.grant("alice").refresh(force=True))
    second = await settled(open_client(store=store).grant("alice").access_token())
    assert first.token != second.token and sandbox.refreshes() == 1
    assert [found["subject"] for found in await settled(client.list())] == ["alice"]
    await settled(client.grant("alice").forget())
    with pytest.raises(evergrant.NoGrantError):
        await settled(client.grant("alice").access_token())


async def test_a_plain_store_is_never_called_on_the_callers_thread(open_client: OpenClient, sandbox: Sandbox) -> None:
    store = MemoryStore()
    await consent(open_client(store=store), sandbox)
    assert store.threads and threading.current_thread().name not in store.threads


async def test_an_async_store_runs_on_the_callers_event_loop(sandbox: Sandbox) -> None:
    store = AsyncMemoryStore()
    await consent(evergrant.AsyncClient(**sandbox.config(store=store)), sandbox)
    assert store.loops == {asyncio.get_running_loop()}


async def test_an_async_store_under_the_blocking_client_has_one_loop_of_its_own(sandbox: Sandbox) -> None:
    store = AsyncMemoryStore()
    client = evergrant.Client(**sandbox.config(store=store))
    await consent(client, sandbox)
    await consent(client, sandbox, "bob")
    assert len(store.loops) == 1 and asyncio.get_running_loop() not in store.loops


def test_an_async_store_follows_its_client_to_the_next_event_loop(sandbox: Sandbox) -> None:
    store = AsyncMemoryStore()
    client = evergrant.AsyncClient(**sandbox.config(store=store))
    asyncio.run(consent(client, sandbox))  # type: ignore[arg-type]
    assert asyncio.run(client.grant("alice").inspect())["subject"] == "alice"
    assert len(store.loops) == 2


class Thrower(MemoryStore):
    def load(self, *key: str) -> str | None:
        raise LookupError("the shelf is empty")


class Rejecter(AsyncMemoryStore):
    async def load(self, *key: str) -> str | None:  # type: ignore[override]
        await asyncio.sleep(0)
        raise LookupError("the shelf is empty")


class Canceller(AsyncMemoryStore):
    async def load(self, *key: str) -> str | None:  # type: ignore[override]
        raise asyncio.CancelledError


class Leaver(MemoryStore):
    def load(self, *key: str) -> str | None:
        raise SystemExit("the shelf is closed")


@pytest.mark.parametrize(
    ("store_class", "words"),
    [
        (Thrower, "load failed: the shelf is empty"),
        (Rejecter, "load failed: the shelf is empty"),
        (Canceller, "load failed: CancelledError"),
        (Leaver, "load failed: the shelf is closed"),
    ],
)
async def test_what_a_store_raises_is_told(open_client: OpenClient, store_class: type[MemoryStore], words: str) -> None:
    with pytest.raises(evergrant.CallbackError, match=words):
        await settled(open_client(store=store_class()).grant("alice").access_token())


@pytest.mark.parametrize("reply", [5, ["record"], {"record": 1}, True, object(), b"record", float("nan")])
async def test_a_reply_of_the_wrong_type_is_refused(open_client: OpenClient, reply: object) -> None:
    class Mistaken(MemoryStore):
        def load(self, *key: str) -> Any:
            return reply

    with pytest.raises(evergrant.CallbackError, match="load"):
        await settled(open_client(store=Mistaken()).grant("alice").access_token())


async def test_a_store_that_changes_the_text_is_told_so(open_client: OpenClient) -> None:
    class Forger(MemoryStore):
        def load(self, *key: str) -> str:
            return '{"access_token": "sbx.leak"'

    with pytest.raises(evergrant.StoreError) as raised:
        await settled(open_client(store=Forger()).grant("alice").access_token())
    assert "sbx." not in str(raised.value)


@pytest.mark.parametrize("store", [object(), 5, ["sqlite:x"]])
def test_an_object_without_load_and_save_is_no_store(open_client: OpenClient, store: object) -> None:
    with pytest.raises(evergrant.InvalidConfigError, match="load"):
        open_client(store=store)


async def test_load_and_save_are_enough_and_the_gaps_are_told(open_client: OpenClient, sandbox: Sandbox) -> None:
    class Smallest:
        def __init__(self) -> None:
            self.records: dict[tuple[str, ...], str] = {}

        def load(self, *key: str) -> str | None:
            return self.records.get(key)

        def save(self, client: str, subject: str, slot: str, record: str) -> None:
            self.records[client, subject, slot] = record

    events: list[dict[str, Any]] = []
    client = open_client(store=Smallest(), on_event=events.append)
    await consent(client, sandbox)
    await settled(client.grant("alice").refresh(force=True))
    gaps = [event["detail"] for event in events if event["event"] == "store_trouble"]
    assert any("acquire" in gap for gap in gaps)


async def test_a_store_that_blocks_holds_up_nobody_else(open_client: OpenClient, sandbox: Sandbox) -> None:
    entered, leave = threading.Event(), threading.Event()

    class Slow(MemoryStore):
        def load(self, *key: str) -> str | None:
            entered.set()
            assert leave.wait(10)
            return super().load(*key)  # type: ignore[call-arg]

    slow, quick = open_client(store=Slow()), open_client()
    waiting = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(settled_by(slow.grant("alice").access_token))))
    await asyncio.to_thread(entered.wait, 10)
    await consent(quick, sandbox)
    assert (await settled(quick.grant("alice").get(f"{sandbox.url}/api/me"))).status == 200
    assert not waiting.done()
    leave.set()
    with pytest.raises(evergrant.NoGrantError):
        await waiting
