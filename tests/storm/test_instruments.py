"""The storm must be able to fail: its proxy does the harm it is told to, and every promise that is broken is told."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from clocks import WallClock, tidy
from proxy import Fault, Proxy, TokenRequest, hashed
from storm import LANGUAGES, TREE
from table import scenarios
from verdict import Evidence, broken, examine

# --- The proxy ---------------------------------------------------------------------------------------------------


class TokenEndpoint(BaseHTTPRequestHandler):
    """Gives the next refresh token for any."""

    protocol_version = "HTTP/1.1"
    given = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        type(self).given += 1
        number = type(self).given
        body = json.dumps({"access_token": f"a{number}", "refresh_token": f"r{number}", "expires_in": 10}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    TokenEndpoint.given = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), TokenEndpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    proxy = Proxy(f"http://127.0.0.1:{server.server_port}/token", seed=1)
    yield proxy
    proxy.close()
    server.shutdown()
    server.server_close()


def request_of(token: str) -> bytes:
    form = f"grant_type=refresh_token&refresh_token={token}"
    head = f"POST /token HTTP/1.1\r\nHost: x\r\nUser-Agent: storm-1-c evergrant/0\r\nContent-Length: {len(form)}\r\n\r\n"
    return (head + form).encode()


def sent(proxy: Proxy, token: str) -> bytes:
    """All that came back until the connection was closed."""
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as connection:
        connection.sendall(request_of(token))
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
        return answer


def ended(proxy: Proxy, number: int) -> TokenRequest:
    """An entry of the journal, when its connection is over."""
    deadline = time.monotonic() + 10
    while proxy.journal[number].ended_at is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return proxy.journal[number]


def test_what_passes_unharmed_is_noted_without_its_tokens(proxy: Proxy) -> None:
    assert b'"refresh_token": "r1"' in sent(proxy, "r0")
    entry = ended(proxy, 0)
    assert (entry.application, entry.presented, entry.issued) == ("storm-1-c", hashed("r0"), hashed("r1"))
    assert (entry.reached, entry.delivered, entry.status, entry.lifetime) == (True, True, 200, 10)
    assert "r0" not in repr(entry).replace(hashed("r0") or "", "")


@pytest.mark.parametrize(
    ("fault", "reached", "delivered", "answer"),
    [
        (Fault("drop"), False, False, b""),
        (Fault("drop", "after"), True, False, b""),
        (Fault("status", status=503, headers={"Retry-After": "2"}), False, False, b"HTTP/1.1 503"),
        (Fault("status", "after", status=502), True, False, b"HTTP/1.1 502"),
        (Fault("drip", "after", seconds=0.2), True, True, b"HTTP/1.0 200"),
        (Fault("delay", seconds=0.1), True, True, b"HTTP/1.0 200"),
    ],
    ids=lambda value: f"{value.what} {value.when}" if isinstance(value, Fault) else "",
)
def test_each_fault_does_its_harm(proxy: Proxy, fault: Fault, reached: bool, delivered: bool, answer: bytes) -> None:
    proxy.faults = [fault]
    got = sent(proxy, "r0")
    entry = ended(proxy, 0)
    assert (entry.reached, entry.delivered, entry.fault) == (reached, delivered, f"{fault.what} {fault.when}")
    assert got.replace(b"HTTP/1.1 200", b"HTTP/1.0 200").startswith(answer) and bool(got) == bool(answer)
    assert entry.retry_after == (2.0 if fault.headers else None)


def test_a_truncated_answer_announces_more_than_it_brings(proxy: Proxy) -> None:
    proxy.faults = [Fault("truncate", "after")]
    head, _, body = sent(proxy, "r0").partition(b"\r\n\r\n")
    assert b"Content-Length: 63" in head and 0 < len(body) < 63
    assert not ended(proxy, 0).delivered


def test_no_refresh_token_is_struck_twice(proxy: Proxy) -> None:
    proxy.faults = [Fault("drop")]
    assert sent(proxy, "r0") == b""
    assert b"200" in sent(proxy, "r0")


SENDER = """
import socket, sys
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
connection.sendall(bytes.fromhex(sys.argv[2]))
print(len(connection.recv(65536)), flush=True)
"""


@pytest.fixture
def a_sender(proxy: Proxy) -> Iterator[Any]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", SENDER, str(proxy.port), request_of("r0").hex()]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        return started[0]

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.parametrize(("when", "reached"), [("before", False), ("after", True)])
def test_the_process_that_sent_the_request_is_found_and_killed(
    proxy: Proxy, a_sender: Any, when: str, reached: bool
) -> None:
    killed: list[int] = []
    proxy.casualty = killed.append
    proxy.faults = [Fault("kill-sender", when)]
    sender = a_sender()
    assert sender.wait(10) == -signal.SIGKILL
    assert killed == [sender.pid]
    assert ended(proxy, 0).reached is reached
    assert not proxy.journal[0].delivered


def test_the_application_is_killed_and_the_sender_lives(proxy: Proxy, a_sender: Any) -> None:
    with subprocess.Popen(["sleep", "60"]) as application:
        proxy.process_of = {"storm-1-c": application.pid}.get
        proxy.faults = [Fault("kill-application", "before")]
        sender = a_sender()
        assert sender.wait(10) == 0
        assert application.wait(10) == -signal.SIGKILL


def test_a_sender_is_stopped_and_goes_on(proxy: Proxy, a_sender: Any) -> None:
    proxy.faults = [Fault("stop-sender", "before", seconds=1.0)]
    sender = a_sender()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{sender.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline, "it was never stopped"
    assert sender.wait(10) == 0


# --- The clocks --------------------------------------------------------------------------------------------------

CONFIGURATION = {"provider": "sandbox", "client_id": "c", "store": "memory:"}

TELLS_TIME = {
    "python": [sys.executable, "-c", f"""
import evergrant, threading, time
client = evergrant.Client(**{CONFIGURATION})
while input():
    began = time.monotonic()
    threading.Event().wait(0.1)
    print(client.put("u", access_token="a")["updated_at"], time.monotonic() - began, flush=True)
"""],
    "node": ["node", "--input-type=module", "-e", f"""
import {{ Client }} from '{TREE}/bindings-node/lib/index.mjs'
const client = new Client({{ provider: 'sandbox', clientId: 'c', store: 'memory:' }})
process.stdin.on('data', () => {{
  const began = performance.now()
  setTimeout(async () => {{
    const {{ updatedAt }} = await client.put('u', {{ accessToken: 'a' }})
    console.log(updatedAt / 1000, (performance.now() - began) / 1000)
  }}, 100)
}})
"""],
    "php": [*map(str, LANGUAGES["php"][:-1]), "-r", f"""
$client = new Evergrant\\Client(json_decode('{json.dumps(CONFIGURATION)}', true));
while (fgets(STDIN)) {{
    $began = hrtime(true);
    usleep(100000);
    echo $client->put('u', ['access_token' => 'a'])['updated_at'], " ", (hrtime(true) - $began) / 1e9, "\\n";
}}
"""],
}
"""Programs that for each line tell what the library takes for now, and how long they slept by the clock that nobody sets.
(Python's own `sleep`, which is until a moment, is refused under libfaketime 0.9.10: no worker uses it.)"""


@pytest.fixture
def clock(tmp_path: Path) -> Iterator[WallClock]:
    yield WallClock(tmp_path / "clock", Path("/bin/date"))
    tidy()


@pytest.mark.parametrize("language", TELLS_TIME)
def test_the_clock_of_the_library_in_a_process_is_set_while_it_runs_and_not_how_long_it_sleeps(
    clock: WallClock, language: str
) -> None:
    with subprocess.Popen(TELLS_TIME[language], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, **clock.environment(language)}) as process:
        assert process.stdin is not None and process.stdout is not None
        for ahead in (0, 3600, -3600, 300):
            clock.set(ahead)
            process.stdin.write("tell\n")
            process.stdin.flush()
            at, slept = map(float, process.stdout.readline().split())
            assert at - time.time() == pytest.approx(ahead, abs=10)
            assert 0.05 < slept < 10
        process.kill()


def test_a_helper_goes_by_the_clock_of_its_application_though_it_gets_nothing_of_its_environment(clock: WallClock) -> None:
    for ahead in (3600, -3600):
        clock.set(ahead)
        told = subprocess.run([clock.helper, "+%s"], env={}, capture_output=True, check=True)
        assert int(told.stdout) - time.time() == pytest.approx(ahead, abs=10)


def test_a_process_that_is_killed_leaves_nothing_of_its_clock(clock: WallClock) -> None:
    with subprocess.Popen(["sleep", "60"], env={**os.environ, **clock.environment("")}) as process:
        left = Path(f"/dev/shm/faketime_shm_{process.pid}")
        deadline = time.monotonic() + 10
        while not left.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        tidy()
        assert left.exists()
        process.kill()
    tidy()
    assert not left.exists()


# --- The verdict -------------------------------------------------------------------------------------------------

CONSENT = TokenRequest(0, 0.0, "authorization_code", "storm-driver", None, reached=True, status=200, issued="t1",
                       lifetime=10, answered_at=0.0, ended_at=0.0, delivered=True)


def refresh(presented: str, issued: str | None, at: float, **fields: Any) -> TokenRequest:
    entry = TokenRequest(0, at, "refresh_token", "storm-1-c", presented, reached=True, status=200, issued=issued,
                         lifetime=10, answered_at=at + 0.1, ended_at=at + 0.1, delivered=True)
    return replace(entry, **fields)


def lost_answer(presented: str, issued: str, at: float) -> TokenRequest:
    return refresh(presented, issued, at, delivered=False, fault="drop after")


def evidence(*journal: TokenRequest, generation: int = 3, trial: str | None = None, **fields: Any) -> Evidence:
    grant = {"grant_id": "g", "generation": 1}
    after = {"u0": {**grant, "generation": generation}}
    made = Evidence([CONSENT, *journal], 1.0, 100.0, {"u0": grant}, after, {"u0": trial}, calls_ok=100)
    return replace(made, **fields)


CALM = (refresh("t1", "t2", 8.0), refresh("t2", "t3", 16.2))
PROMISES = {"lost": 0, "per_expiry": 1.0, "surplus": 0, "stale": 0, "needless": 0, "forked": 0, "two_old": 0, "median_age": 0.75,
            "other": 0, "share_ok": 0.999, "named": 0, "lost_though_no_answer_died": 0, "alive_though_the_answer_died": 0,
            "requests_after_death": 1, "retry_after_ignored": 0, "while_store_away": 0, "early_repeats": 0,
            "gap_beyond_request": 1.0}


def complaints(seen: Evidence, promises: dict[str, Any] = PROMISES) -> list[str]:
    return broken(examine(seen, {"t1": "u0"}), seen, promises)


def test_a_run_without_fault_keeps_every_promise() -> None:
    found = examine(evidence(*CALM), {"t1": "u0"})
    assert (found.expiries, found.requests, found.per_expiry, found.stale) == (2, 2, 1.0, 0)
    assert found.median_age == pytest.approx(0.805)
    assert complaints(evidence(*CALM)) == []


FAILURE = {"failure": 401, "subject": "u0"}


@pytest.mark.parametrize(
    ("promise", "seen", "words"),
    [
        ("lost", evidence(*CALM, trial="revoked"), "1 grants lost (u0: revoked)"),
        ("named", evidence(*CALM, trial="revoked"), "not marked outcome_lost"),
        ("lost_though_no_answer_died", evidence(*CALM, trial="outcome_lost"), "though no answer died"),
        ("alive_though_the_answer_died", evidence(*CALM, lost_answer("t3", "t4", 24)), "though their answer died"),
        ("per_expiry", evidence(*CALM, refresh("t2", None, 17)), "1.500 refreshes per expiry"),
        ("surplus", evidence(*CALM, refresh("t2", None, 17)), "surplus 1"),
        ("stale", evidence(*CALM, refresh("t2", None, 17)), "stale 1"),
        ("needless", evidence(*CALM[:1], refresh("t1", "t2", 9), generation=2), "needless 1"),
        ("two_old", evidence(*CALM, refresh("t1", None, 17)), "two_old 1"),
        ("forked", evidence(*CALM, refresh("t2", "t3b", 17)), "forked 1"),
        ("median_age", evidence(refresh("t1", "t2", 5), refresh("t2", "t3", 10)), "median age"),
        ("other", evidence(*CALM, failures=[FAILURE]), "1 calls not 200 (401 1)"),
        ("share_ok", evidence(*CALM, failures=[FAILURE]), "99.0099% of calls 200"),
        ("requests_after_death",
         evidence(*CALM, lost_answer("t3", "t4", 24), refresh("t3", None, 30), refresh("t3", None, 40)), "2 requests"),
        ("retry_after_ignored",
         evidence(refresh("t1", None, 8, retry_after=2.0, delivered=False), refresh("t1", "t2", 9), generation=2), "ignored 1"),
        ("while_store_away", evidence(*CALM, store_away=(16.0, 20.0)), "while_store_away 1"),
        ("early_repeats", evidence(lost_answer("t1", "t2", 8), refresh("t1", "t2", 9), generation=2), "early_repeats 1"),
        ("gap_beyond_request", evidence(*CALM, longest_gap=1.2), "longest gap 1.20 s, at most 1.10"),
    ],
    ids=lambda value: value if isinstance(value, str) and value in PROMISES else "",
)
def test_a_promise_that_is_broken_is_told(promise: str, seen: Evidence, words: str) -> None:
    [told] = complaints(seen, {promise: PROMISES[promise]})
    assert words in told


def test_an_answer_that_its_sender_read_and_did_not_commit_before_it_was_killed_died_with_it() -> None:
    killed = lost_answer("x1", "x2", 8.4)
    killed.fault, killed.fault_at = "kill-sender after", 8.5
    read, repeated = refresh("t1", "t2", 8.0), refresh("t1", None, 20.0)
    seen = evidence(killed, read, repeated, generation=1, trial="outcome_lost")
    assert examine(seen, {"t1": "u0"}).died == {"u0"}
    seen = evidence(killed, *CALM)
    assert examine(seen, {"t1": "u0"}).died == set()


@pytest.mark.parametrize(
    "before",
    [
        lost_answer("t1", "t2", 8.0),
        refresh("t1", None, 8.0, status=503),
        refresh("t1", "t2", 8.0, fault="kill-sender after", fault_at=8.5),
    ],
    ids=["answer lost", "no tokens", "sender killed"],
)
def test_a_repeat_by_whom_no_tokens_reached_is_not_needless(before: TokenRequest) -> None:
    assert complaints(evidence(before, refresh("t1", "t2", 20.0), generation=2), {"needless": 0}) == []


def test_a_repeat_beside_a_request_under_way_is_told_whatever_was_promised() -> None:
    seen = evidence(*CALM[:1], refresh("t2", "t3", 16.2, ended_at=18.0), refresh("t2", "t3", 17.0))
    assert complaints(seen, {}) == ["1 repeats beside a request under way"]


def test_a_run_without_renewals_or_calls_proves_nothing() -> None:
    assert len(complaints(evidence(generation=1, calls_ok=0), {})) == 2


def test_generations_that_no_request_brought_are_a_fault_of_the_count() -> None:
    assert any("count is wrong" in told for told in complaints(evidence(*CALM, generation=9), {}))


def test_what_was_given_up_on_purpose_is_not_lost() -> None:
    assert complaints(evidence(*CALM, trial="no_grant", gone_on_purpose={"u0"}), {"lost": 0}) == []


def test_a_server_that_keeps_its_refresh_token_has_no_old_ones() -> None:
    found = examine(evidence(refresh("t1", "t1", 8), refresh("t1", "t1", 16.2)), {"t1": "u0"})
    assert (found.stale, found.forked, found.requests) == (0, 0, 2)
    assert found.median_age == pytest.approx(0.805)


# --- The scenarios -----------------------------------------------------------------------------------------------


def test_every_scenario_names_promises_faults_and_acts_that_there_are() -> None:
    from acts import ACTS

    for scenario in scenarios().values():
        complaints(evidence(*CALM), scenario["must"])
        for fault in scenario.get("faults", []):
            Fault(**fault)
        assert {act["act"] for act in scenario.get("acts", [])} <= set(ACTS)

