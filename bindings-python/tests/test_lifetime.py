"""Garbage: cycles are collected, and thousands of clients leave nothing behind."""

from __future__ import annotations

import gc
import os
import weakref
from pathlib import Path
from typing import Any

import pytest

import evergrant
from conftest import OpenClient, Sandbox, consent, settled
from stores import AsyncMemoryStore, MemoryStore


@pytest.mark.parametrize("store_class", [MemoryStore, AsyncMemoryStore])
async def test_a_client_and_the_store_that_knows_it_are_collected(
    open_client: OpenClient, sandbox: Sandbox, store_class: type[MemoryStore]
) -> None:
    store: Any = store_class()
    client = store.client = open_client(store=store)
    await consent(client, sandbox)
    store.grant = client.grant("alice")
    left = [weakref.ref(store), weakref.ref(client)]
    del store, client
    gc.collect()
    assert [reference() for reference in left] == [None, None]


async def test_a_client_and_the_object_that_hears_its_events_are_collected(
    open_client: OpenClient, sandbox: Sandbox
) -> None:
    class Application:
        def __init__(self) -> None:
            self.client = open_client(on_event=self.hear)

        def hear(self, event: dict[str, Any]) -> None: ...

    application = Application()
    await consent(application.client, sandbox)
    left = weakref.ref(application)
    del application
    gc.collect()
    assert left() is None


async def test_a_grant_keeps_its_client_and_store(open_client: OpenClient, sandbox: Sandbox) -> None:
    client = open_client(store=MemoryStore())
    await consent(client, sandbox)
    grant = client.grant("alice")
    del client
    gc.collect()
    assert (await settled(grant.get(f"{sandbox.url}/api/me"))).status == 200


def usage() -> tuple[int, int, int]:
    """Open files, threads, and KiB of memory of this process."""
    resident = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")), int(resident.split()[1])


def test_ten_thousand_clients_leave_nothing_behind(sandbox: Sandbox, tmp_path: Path) -> None:
    config = sandbox.config(state_dir=tmp_path)

    def open_and_close(count: int) -> tuple[int, int, int]:
        for number in range(count):
            with evergrant.Client(**config, on_event=print) as client:
                if number % 100 == 0:
                    client.put("alice", access_token="a")
        gc.collect()
        return usage()

    files, threads, kib = open_and_close(1_000)
    more_files, more_threads, more_kib = open_and_close(9_000)
    assert more_files <= files and more_threads <= threads
    assert more_kib - kib < 4_096
