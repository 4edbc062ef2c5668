"""What must not cross the border: panics, a held GIL, a swallowed Ctrl-C, a cancelled renewal."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import evergrant
from conftest import OpenClient, Sandbox, consent, settled


@pytest.mark.parametrize("inside", [False, True], ids=["before", "inside"])
async def test_a_panic_is_an_internal_error(client: Any, inside: bool) -> None:
    with pytest.raises(evergrant.InternalError, match="panic"):
        await settled(client._native._testing_panic(inside))
    assert await settled(client.list()) == []


async def test_what_on_event_raises_does_not_reach_the_caller(
    open_client: OpenClient, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", reported.append)

    def on_event(event: dict[str, Any]) -> None:
        raise LookupError(event["event"])

    await consent(open_client(on_event=on_event), sandbox)
    assert [(report.exc_type, report.object) for report in reported] == [(LookupError, on_event)]


def test_other_threads_run_while_one_waits(blocking: evergrant.Client, sandbox: Sandbox) -> None:
    waiting = threading.Thread(target=blocking.grant("alice").get, args=[f"{sandbox.url}/api/slow?ms=500"])
    waiting.start()
    beats = 0
    while waiting.is_alive():
        time.sleep(0.01)
        beats += 1
    assert beats > 20


def test_many_threads_cause_one_refresh(blocking: evergrant.Client, sandbox: Sandbox) -> None:
    sandbox.control("expire_access", {"user": "alice"})
    blocking._testing_set_clock(round((time.time() + 3599) * 1000))
    grant = blocking.grant("alice")
    with ThreadPoolExecutor(50) as threads:
        tokens = {token.token for token in threads.map(lambda _: grant.access_token(), range(200))}
    assert len(tokens) == 1 and sandbox.refreshes() == 1


def test_ctrl_c_arrives_while_a_call_waits(blocking: evergrant.Client, sandbox: Sandbox) -> None:
    pressed = []

    def press() -> None:
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Timer(0.2, press).start()
    with pytest.raises(KeyboardInterrupt):
        blocking.grant("alice").get(f"{sandbox.url}/api/slow?ms=5000")
    assert time.monotonic() - pressed[0] < 0.15


async def test_cancellation_leaves_the_renewal_running(sandbox: Sandbox) -> None:
    client = evergrant.AsyncClient(**sandbox.config())
    await consent(client, sandbox)
    sandbox.fault("token", "delay", milliseconds=300)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(client.grant("alice").refresh(force=True), 0.1)
    while sandbox.refreshes() == 0 or (await client.grant("alice").inspect())["generation"] < 2:
        await asyncio.sleep(0.02)
    assert sandbox.refreshes() == 1
    assert sandbox.control("grants")[0]["alive"] is True


async def test_cancellation_ends_a_request_at_once(sandbox: Sandbox) -> None:
    client = evergrant.AsyncClient(**sandbox.config())
    await consent(client, sandbox)
    task = asyncio.create_task(client.grant("alice").get(f"{sandbox.url}/api/slow?ms=5000"))
    await asyncio.sleep(0.1)
    task.cancel()
    started = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 0.5


async def test_the_event_loop_runs_while_a_call_waits(sandbox: Sandbox) -> None:
    client = evergrant.AsyncClient(**sandbox.config())
    await consent(client, sandbox)
    grant = client.grant("alice")
    started = time.monotonic()
    await asyncio.gather(*(grant.get(f"{sandbox.url}/api/slow?ms=300") for _ in range(10)))
    assert time.monotonic() - started < 1.5


async def test_a_cached_token_is_an_awaitable_of_every_kind(sandbox: Sandbox) -> None:
    client = evergrant.AsyncClient(**sandbox.config())
    await consent(client, sandbox)
    grant = client.grant("alice")
    token = (await grant.access_token()).token
    assert grant.cached_access_token() is not None
    tokens = [
        await asyncio.ensure_future(grant.access_token()),
        await asyncio.wait_for(grant.access_token(), 1),
        *await asyncio.gather(grant.access_token(), grant.access_token()),
    ]
    assert {each.token for each in tokens} == {token}


def test_an_async_client_needs_a_running_loop(sandbox: Sandbox) -> None:
    client = evergrant.AsyncClient(**sandbox.config())
    with pytest.raises(RuntimeError, match="no running event loop"):
        client.grant("alice").access_token()


def test_a_loop_that_closed_before_the_answer_harms_nobody(sandbox: Sandbox) -> None:
    client = evergrant.AsyncClient(**sandbox.config())

    async def leave_early() -> None:
        await consent(client, sandbox)
        sandbox.fault("token", "delay", milliseconds=200)
        client.grant("alice").access_token(min_valid=5000)

    asyncio.run(leave_early())
    while sandbox.refreshes() == 0:
        time.sleep(0.02)
    assert asyncio.run(client.grant("alice").inspect())["status"] == "active"
