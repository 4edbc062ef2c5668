"""Consent on another device (RFC 8628), with both faces."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import evergrant
from conftest import OpenClient, Sandbox, settled


@pytest.fixture
def quick(sandbox: Sandbox) -> Sandbox:
    """A sandbox that may be polled once a second, for a while."""
    sandbox.control("options", {"device_interval": 1, "device_code_lifetime": 30})
    return sandbox


@pytest.fixture
def by_issuer(open_client: OpenClient, sandbox: Sandbox) -> Any:
    return open_client(provider=sandbox.url)


def polls(sandbox: Sandbox) -> int:
    return sum(entry["grant_type"].endswith("device_code") for entry in sandbox.requests("token"))


def once(condition: Callable[[], bool], then: Callable[[], None]) -> None:
    """Does it as soon as the condition holds."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    then()


async def test_begin_gives_what_the_user_types_and_where(by_issuer: Any, sandbox: Sandbox) -> None:
    start = await settled(by_issuer.begin_device("alice", scope="read", parameters={"audience": "x"}))
    assert start.verification_uri == f"{sandbox.url}/oauth2/device"
    assert start.verification_uri_complete == f"{start.verification_uri}?user_code={start.user_code}"
    assert start.interval == 5
    assert start.expires_at == pytest.approx(time.time() + 600, abs=60)
    (asked,) = sandbox.requests("device_authorization")
    assert ["scope", "read"] in asked["form"] and ["audience", "x"] in asked["form"]
    assert start.state not in repr(start) and start.user_code not in repr(start)


async def test_a_poll_says_when_to_come_back_until_there_is_a_grant(by_issuer: Any, sandbox: Sandbox) -> None:
    start = await settled(by_issuer.begin_device("alice"))
    poll = await settled(by_issuer.poll_device(start.state))
    assert poll.finished is None and poll.poll_at == pytest.approx(time.time() + 5, abs=2)
    assert polls(sandbox) == 0  # too soon: nobody is asked

    sandbox.decide_device(start.user_code)
    by_issuer._testing_set_clock(round((time.time() + 6) * 1000))
    poll = await settled(by_issuer.poll_device(start.state))
    assert poll.poll_at is None
    finished = poll.finished
    assert (finished.subject, finished.scope, finished.missing_scope) == ("alice", ["read", "write"], [])
    assert finished.expires_at == pytest.approx(time.time() + 3600, abs=60)
    answer = await settled(by_issuer.grant("alice").get(f"{sandbox.url}/api/me"))
    assert answer.json()["user"] == "alice"


async def test_a_wait_ends_when_the_user_consents(by_issuer: Any, quick: Sandbox) -> None:
    start = await settled(by_issuer.begin_device("alice", slot="tv"))
    with ThreadPoolExecutor(1) as user:
        decided = user.submit(once, lambda: polls(quick) == 1, lambda: quick.decide_device(start.user_code))
        finished = await settled(by_issuer.wait_device(start.state))
    decided.result()
    assert (finished.subject, finished.slot) == ("alice", "tv") and polls(quick) == 2
    assert (await settled(by_issuer.grant("alice", "tv").access_token())).token.startswith("sbx.")


async def test_a_wait_that_times_out_can_be_taken_up_again(by_issuer: Any, quick: Sandbox) -> None:
    start = await settled(by_issuer.begin_device("alice"))
    with pytest.raises(evergrant.TimeoutError):
        await settled(by_issuer.wait_device(start.state, timeout=0.1))
    quick.decide_device(start.user_code)
    assert (await settled(by_issuer.wait_device(start.state, 20))).subject == "alice"


def test_ctrl_c_leaves_a_wait_that_can_be_taken_up_again(quick: Sandbox) -> None:
    client = evergrant.Client(**quick.config(provider=quick.url))
    start = client.begin_device("alice")
    pressed: list[float] = []

    def press() -> None:
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Timer(0.2, press).start()
    with pytest.raises(KeyboardInterrupt):
        client.wait_device(start.state)
    assert time.monotonic() - pressed[0] < 0.5
    time.sleep(1.2)
    assert polls(quick) == 0  # nobody goes on polling
    quick.decide_device(start.user_code)
    assert client.wait_device(start.state, 20).subject == "alice"


async def test_cancellation_leaves_a_wait_that_can_be_taken_up_again(quick: Sandbox) -> None:
    client = evergrant.AsyncClient(**quick.config(provider=quick.url))
    start = await client.begin_device("alice")
    task = asyncio.create_task(client.wait_device(start.state))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(1.2)
    assert polls(quick) == 0  # nobody goes on polling
    quick.decide_device(start.user_code)
    assert (await client.wait_device(start.state, 20)).subject == "alice"


async def test_a_user_who_says_no_ends_the_wait(by_issuer: Any, quick: Sandbox) -> None:
    start = await settled(by_issuer.begin_device("alice"))
    quick.decide_device(start.user_code, "deny")
    with pytest.raises(evergrant.ConsentDeniedError):
        await settled(by_issuer.wait_device(start.state, 20))


async def test_a_state_that_nobody_began_is_told_so(by_issuer: Any) -> None:
    with pytest.raises(evergrant.StateMismatchError) as caught:
        await settled(by_issuer.poll_device("unknown"))
    assert caught.value.reason == "unknown"
    with pytest.raises(TypeError):
        await settled(by_issuer.wait_device("unknown", timeout="soon"))
    with pytest.raises(evergrant.InvalidArgumentError, match="timeout"):
        await settled(by_issuer.wait_device("unknown", timeout=-1))


async def test_a_provider_without_the_endpoint_is_told_so(client: Any) -> None:
    with pytest.raises(evergrant.UnsupportedError, match="device_authorization_endpoint"):
        await settled(client.begin_device("alice"))
