"""Processes: forked ones, ending ones, and what an import starts."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import evergrant
from conftest import Sandbox
from stores import AsyncMemoryStore, MemoryStore

HERE = Path(__file__).parent

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

shared: evergrant.Client


def call_api(url: str) -> tuple[int, int]:
    """In a forked child: the client of the parent, used."""
    return os.getpid(), shared.grant("alice").get(url).status


@pytest.mark.parametrize("store", ["sqlite", MemoryStore, AsyncMemoryStore])
def test_a_forked_pool_goes_on_with_the_parents_client(sandbox: Sandbox, tmp_path: Path, store: Any) -> None:
    global shared
    store = f"sqlite:{tmp_path}/tokens.db" if store == "sqlite" else store()
    shared = evergrant.Client(**sandbox.config(store=store, state_dir=tmp_path))
    shared.finish(sandbox.consent(shared.begin("alice").url))
    url = f"{sandbox.url}/api/me"
    assert shared.grant("alice").get(url).status == 200

    with multiprocessing.get_context("fork").Pool(2) as pool:
        results = pool.map_async(call_api, [url] * 8, chunksize=1).get(20)
    assert {status for _, status in results} == {200}
    assert os.getpid() not in {process for process, _ in results}
    assert shared.grant("alice").get(url).status == 200


def test_gunicorn_preloads_a_client_that_was_used(sandbox: Sandbox, tmp_path: Path) -> None:
    config = sandbox.config(store=f"sqlite:{tmp_path}/tokens.db", state_dir=str(tmp_path))
    client = evergrant.Client(**config)
    client.finish(sandbox.consent(client.begin("alice").url))
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers=2", "--bind=127.0.0.1:0", "preloaded:application"]
    environment = {**os.environ, "CLIENT_CONFIG": json.dumps(config), "API": f"{sandbox.url}/api/me"}
    server = subprocess.Popen(command, cwd=HERE, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        address = listening_address(server)
        workers = set()
        for _ in range(12):
            with urllib.request.urlopen(address, timeout=10) as answer:
                body = json.load(answer)
            assert body["status"] == 200 and body["worker"] != body["opened_in"]
            workers.add(body["worker"])
        assert workers
    finally:
        server.terminate()
        server.communicate(timeout=20)


def listening_address(server: subprocess.Popen[str]) -> str:
    assert server.stderr is not None
    for line in server.stderr:
        if found := re.search(r"Listening at: (http://\S+)", line):
            return found[1]
    raise AssertionError("gunicorn does not listen")


def run(program: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", program, *arguments]
    return subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=30, **options)


def test_import_starts_no_thread_and_loads_no_event_loop() -> None:
    ended = run(
        "import os, sys, evergrant; "
        "print(len(os.listdir('/proc/self/task')), 'asyncio' in sys.modules, 'inspect' in sys.modules)"
    )
    assert ended.stdout.split() == ["1", "False", "False"], ended.stderr


PROGRAM = """
import json, sys, threading, evergrant
client = evergrant.Client(**json.loads(sys.argv[1]), on_event=print)
client.finish(sys.argv[2])
grant = client.grant("alice")
def until_closed(call, *arguments, **options):
    try: call(*arguments, **options)
    except evergrant.CancelledError: pass # the end came before the call
"""


@pytest.mark.parametrize(
    "last_words",
    [
        "threading.Thread(target=until_closed, args=[grant.get, sys.argv[3]], daemon=True).start()",
        "threading.Thread(target=until_closed, args=[grant.refresh], kwargs={'force': True}, daemon=True).start()",
        "import asyncio; client = evergrant.AsyncClient(**json.loads(sys.argv[1]))\n"
        "async def leave(): client.grant('alice').access_token()\n"
        "asyncio.run(leave())",
        "sys.exit()",
    ],
)
def test_an_interpreter_ends_while_calls_are_under_way(sandbox: Sandbox, tmp_path: Path, last_words: str) -> None:
    config = sandbox.config(store=f"sqlite:{tmp_path}/tokens.db", state_dir=str(tmp_path))
    callback = sandbox.consent(evergrant.Client(**config).begin("alice").url)
    ended = run(PROGRAM + last_words, json.dumps(config), callback, f"{sandbox.url}/api/slow?ms=200")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_renewal_under_way_is_not_lost_when_the_program_ends(sandbox: Sandbox, tmp_path: Path) -> None:
    config = sandbox.config(store=f"sqlite:{tmp_path}/tokens.db", state_dir=str(tmp_path))
    client = evergrant.Client(**config)
    client.finish(sandbox.consent(client.begin("alice").url))
    sandbox.fault("token", "delay", milliseconds=500)
    ended = run(
        "import json, sys, evergrant\n"
        "grant = evergrant.Client(**json.loads(sys.argv[1])).grant('alice')\n"
        "try: grant.refresh(force=True, timeout=0.1)\n"
        "except evergrant.TimeoutError: print('late')",
        json.dumps(config),
    )
    assert (ended.stdout, ended.stderr) == ("late\n", "")
    assert sandbox.refreshes() == 1 and client.grant("alice").inspect()["generation"] == 2
    assert client.grant("alice").refresh(force=True)["generation"] == 3


def test_ctrl_c_ends_a_program_that_waits(sandbox: Sandbox, tmp_path: Path) -> None:
    config = sandbox.config(store=f"sqlite:{tmp_path}/tokens.db", state_dir=str(tmp_path))
    callback = sandbox.consent(evergrant.Client(**config).begin("alice").url)
    program = PROGRAM + "print('waiting', flush=True); grant.get(sys.argv[3])"
    command = [sys.executable, "-c", program, json.dumps(config), callback, f"{sandbox.url}/api/slow?ms=20000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while "waiting" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=5)
    assert "KeyboardInterrupt" in errors
