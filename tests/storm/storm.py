"""One run: a provider, a store, a proxy between, users who consent, workers in five languages, and what happens to them."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import evergrant
from acts import ACTS, Act, child_of
from providers import BUILD, BUILT, EVERGRANT, PROVIDERS, TREE, Manner, Provider
from proxy import Fault, Proxy, hashed
from stores import STORES, Store
from verdict import Evidence, Found, broken, examine

PHP = TREE / ("target/php-release" if BUILD == "release" else "target/php")
LANGUAGES: dict[str, list[Any]] = {
    "rust": [BUILT / "evergrant-storm-worker"],
    "python": [sys.executable, TREE / "tests/storm/worker.py"],
    "node": ["node", TREE / "tests/storm/worker.mjs"],
    "php": ["php", "-d", f"extension={PHP / 'modules/evergrant.so'}", TREE / "tests/storm/worker.php"],
    "c": [TREE / "target/storm" / BUILD / "worker-c"],
}
HELPER = {"EVERGRANT_HELPER": str(EVERGRANT)}
os.environ.update(HELPER)

TASKS = 4
CALLS_PER_SECOND = 25
AT_ONCE = 8
"""Users who consent, or grants that are tried, at the same time."""
STOPS_WITHIN_SECONDS = 45
HELPERS_END_WITHIN_SECONDS = 30


@dataclass(frozen=True)
class Plan:
    """One line of the table before it is run."""

    scenario: str
    about: str
    store: str
    server: str
    grants: int
    seconds: float
    seed: int
    manner: Manner
    faults: tuple[dict[str, Any], ...]
    acts: tuple[dict[str, Any], ...]
    promises: dict[str, Any]
    config: dict[str, Any] = field(default_factory=dict)
    """Added to the configuration of every client."""
    languages: tuple[str, ...] = tuple(LANGUAGES)
    """Of the workers."""
    kind: str = "workers"
    """Or one of `special.py`."""


@dataclass
class Worker:
    """A process of the application."""

    name: str
    language: str
    process: subprocess.Popen[str]
    killed: bool = False
    lines: list[dict[str, Any]] = field(default_factory=list)
    errors: str = ""
    readers: list[threading.Thread] = field(default_factory=list)

    is_wrapped: bool = False

    @property
    def pid(self) -> int:
        """Of the worker itself, also where it runs as the child of a command that gives it a namespace."""
        return (child_of(self.process.pid) if self.is_wrapped else None) or self.process.pid

    def signal(self, number: signal.Signals) -> None:
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            pass  # it ended by itself, and `tend` will tell


class Run:
    """Everything of one run. The acts of `acts.py` get it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.chance = random.Random(plan.seed)
        self.folder = Path(tempfile.mkdtemp(prefix="evergrant-storm-"))
        self.folder.chmod(0o755)
        self.workers: list[Worker] = []
        self.workers_lock = threading.Lock()
        self.started = 0
        self.over = threading.Event()
        self.problems: list[str] = []
        self.gone_on_purpose: set[str] = set()
        self.store_away: tuple[float, float] | None = None
        self.subject_of_line: dict[str, str] = {}
        """For whom the first refresh token of a line of them was given; the latest of a subject last."""
        self.extra_config = dict(plan.config)
        self.wrapped: Callable[[list[str], int], list[str]] = lambda command, _number: command
        """How an act wants a worker's command to be run."""
        self.environment: Callable[[int], dict[str, str]] = lambda _number: {}
        """What an act adds to the environment of a worker."""
        self.store: Store = STORES[plan.store](self.folder)
        self.provider: Provider = PROVIDERS[plan.server](plan.manner)
        self.proxy = Proxy(self.provider.base_url + self.provider.token_path, plan.seed)
        self.proxy.process_of = self.pid_of
        self.proxy.casualty = self.note_killed

    def close(self) -> None:
        self.over.set()
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.signal(signal.SIGKILL)
            worker.process.wait()
        self.proxy.close()
        self.provider.close()
        self.store.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- Configuration and consent ---

    @property
    def api(self) -> str:
        return self.provider.base_url + self.provider.api_path

    def configuration(self, name: str) -> dict[str, Any]:
        base = self.provider.configuration(self.proxy.url)
        own = {
            "store": self.store.address,
            "state_dir": str(self.folder / "state"),
            "user_agent": name,
            # No falling back to the application's own threads without a word.
            "detached": "require",
        }
        return {**base, **own, **self.extra_config}

    def open(self, name: str = "storm-driver", **config: Any) -> evergrant.Client:
        return evergrant.Client(**{**self.configuration(name), **config})

    def consent(self, client: evergrant.Client, subject: str) -> None:
        start = client.begin(subject)
        client.finish(self.provider.consent(start.url, subject))
        # Which line of refresh tokens is whose: the proxy saw the access token that came with the first.
        access = hashed(client.grant(subject).access_token().token)
        line = next(entry.issued for entry in reversed(self.proxy.journal) if entry.access == access)
        self.subject_of_line[line or ""] = subject

    def command_line_configuration(self) -> Path:
        """A file for `evergrant --config`, with one client."""
        path = self.folder / "config.toml"
        path.write_text(f"clients = {{ storm = {in_toml(self.configuration('storm-command'))} }}\n")
        return path

    def line_of(self, subject: str) -> str:
        return next(line for line, whose in reversed(self.subject_of_line.items()) if whose == subject)

    def consent_all(self) -> None:
        with self.open() as client, ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda subject: self.consent(client, subject), self.subjects))

    @property
    def subjects(self) -> list[str]:
        return [f"u{number}" for number in range(self.plan.grants)]

    # --- Workers ---

    def start_workers(self) -> None:
        for language in self.plan.languages:
            self.start_worker(language)

    def start_worker(self, language: str) -> Worker:
        self.started += 1
        name = f"storm-{self.started}-{language}"
        work = {
            "config": self.configuration(name),
            "url": self.api,
            "grants": self.plan.grants,
            "tasks": TASKS,
            "rate": CALLS_PER_SECOND,
        }
        command = [*map(str, LANGUAGES[language]), json.dumps(work)]
        wrapped = self.wrapped(command, self.started)
        process = subprocess.Popen(wrapped, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env={**os.environ, **self.environment(self.started)})
        worker = Worker(name, language, process, is_wrapped=wrapped is not command)
        for read in (self._read_lines, self._read_errors):
            reader = threading.Thread(target=read, args=[worker], daemon=True)
            reader.start()
            worker.readers.append(reader)
        with self.workers_lock:
            self.workers.append(worker)
        return worker

    def _read_lines(self, worker: Worker) -> None:
        assert worker.process.stdout is not None
        for line in worker.process.stdout:
            try:
                worker.lines.append(json.loads(line))
            except ValueError:
                pass  # the last line of one that was killed while it wrote

    def _read_errors(self, worker: Worker) -> None:
        assert worker.process.stderr is not None
        worker.errors = worker.process.stderr.read()

    def living(self) -> list[Worker]:
        with self.workers_lock:
            return [worker for worker in self.workers if worker.process.poll() is None and not worker.killed]

    def kill(self, worker: Worker) -> None:
        worker.killed = True
        worker.signal(signal.SIGKILL)

    def note_killed(self, pid: int) -> None:
        for worker in self.living():
            if worker.pid == pid:
                worker.killed = True

    def pid_of(self, application: str) -> int | None:
        return next((worker.pid for worker in self.living() if worker.name == application), None)

    def tend(self) -> None:
        """Starts anew what was killed, and notes what ended by itself."""
        with self.workers_lock:
            ended = [worker for worker in self.workers if worker.process.poll() is not None and worker.readers]
        for worker in ended:
            for reader in worker.readers:
                reader.join()
            worker.readers = []
            if not worker.killed:
                said = worker.errors.strip()[-500:]
                self.problems.append(f"{worker.name} ended by itself ({worker.process.returncode}): {said}")
            if not self.over.is_set():
                self.start_worker(worker.language)

    def stop_workers(self) -> None:
        self.over.set()
        for worker in self.living():
            worker.signal(signal.SIGTERM)
        for worker in self.workers:
            try:
                worker.process.wait(STOPS_WITHIN_SECONDS)
            except subprocess.TimeoutExpired:
                self.problems.append(f"{worker.name} did not stop ({worker.killed=}, {worker.lines[-1:]}, {state_of(worker.pid)})")
                worker.signal(signal.SIGKILL)
                worker.killed = True
                worker.process.wait()
            for reader in worker.readers:
                reader.join()
            ended_before_it_listened = worker.process.returncode == -signal.SIGTERM and not worker.lines
            if worker.process.returncode != 0 and not worker.killed and not ended_before_it_listened:
                self.problems.append(f"{worker.name} ended with {worker.process.returncode}: {worker.errors.strip()[-500:]}")

    # --- The run itself ---

    def run(self) -> tuple[Found, list[str]]:
        acts: list[Act] = [ACTS[act["act"]](self, **{key: value for key, value in act.items() if key != "act"})
                for act in self.plan.acts]
        for act in acts:
            act.prepare()
        self.consent_all()
        for act in acts:
            act.consented()
        counted_from = time.time()
        before = self.inspected()
        self.start_workers()
        while sum(bool(worker.lines) for worker in self.living()) < len(self.plan.languages):
            time.sleep(0.05)  # until each has told of its first second
            self.tend()
        began = time.time()
        self.proxy.faults = [Fault(**fault) for fault in self.plan.faults]
        threads = [threading.Thread(target=act.go) for act in acts]
        for thread in threads:
            thread.start()
        while (left := began + self.plan.seconds - time.time()) > 0:
            self.over.wait(min(left, 0.1))
            self.tend()
        self.proxy.faults = []
        self.over.set()
        for thread in threads:
            thread.join()
        self.stop_workers()
        ended = time.time()
        after = self.inspected()
        self.expect_no_helpers()
        for act in acts:
            act.finish()
        trial = self.tried(list(before))
        evidence = Evidence(self.proxy.journal, counted_from, ended, before, after, trial, store_away=self.store_away,
                            gone_on_purpose=self.gone_on_purpose, problems=self.problems)
        self.count_calls(evidence)
        found = examine(evidence, self.subject_of_line)
        return found, broken(found, evidence, self.plan.promises)

    def expect_no_helpers(self) -> None:
        """A helper ends by itself when its application has ended and what was under way is finished."""
        deadline = time.monotonic() + HELPERS_END_WITHIN_SECONDS
        while (left := helpers_of({worker.process.pid for worker in self.workers})) and time.monotonic() < deadline:
            time.sleep(0.2)
        for pid in left:
            self.problems.append(f"the helper {pid} outlives its application")
            os.kill(pid, signal.SIGKILL)

    def inspected(self) -> dict[str, dict[str, Any]]:
        with self.open() as client:
            return {grant["subject"]: grant for grant in client.list()}

    def tried(self, subjects: list[str]) -> dict[str, str | None]:
        """Renews every grant once more and calls the API with it: whether its refresh token is alive shows only so."""
        with self.open("storm-trial") as client, ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(subjects, pool.map(lambda subject: self.try_one(client, subject), subjects)))

    def try_one(self, client: evergrant.Client, subject: str) -> str | None:
        grant = client.grant(subject)
        try:
            stands = grant.inspect()
            if stands["status"] != "active":
                self.tell_trail(stands)
                return stands["reason"] or stands["status"]
            grant.refresh(force=True)  # whatever back-off the faults left
            status = grant.get(self.api).status
        except evergrant.Error as error:
            return error.reason or error.code
        return None if status == 200 else f"API status {status}"

    def tell_trail(self, grant: dict[str, Any]) -> None:
        """What the library itself noted about a grant that does not work, and what came to the server."""
        for entry in grant["trail"]:
            by = entry.get("by", "")
            print(f"    {grant['subject']} {entry['at'] / 1000:.3f} generation {entry['generation']} {entry['what']} {by}",
                  file=sys.stderr, flush=True)
        numbers = {self.line_of(grant["subject"]): 1}
        for entry in list(self.proxy.journal):
            if (number := numbers.get(entry.presented or "")) is None:
                continue
            numbers.setdefault(entry.issued or "", number + 1)
            print(f"    {grant['subject']} {entry.at:.3f} token {number} sent by {entry.application}: {entry.status} "
                  f"{entry.fault or ''}", file=sys.stderr, flush=True)

    def count_calls(self, evidence: Evidence) -> None:
        for worker in self.workers:
            for line in worker.lines:
                evidence.longest_gap = max(evidence.longest_gap, line.get("gap", 0.0))
                if "failure" not in line:
                    evidence.calls_ok += line["ok"]
                elif line["failure"] != "still waiting":
                    evidence.failures.append({**line, "worker": worker.name})


def in_toml(value: Any) -> str:
    """As an inline value (TOML 1.0)."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {in_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(in_toml, value)) + "]"
    return json.dumps(value)


def helpers_of(applications: set[int]) -> list[int]:
    """The processes `evergrant helper --of PID`."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue  # it ended
            if b"helper" in words and b"--of" in words and int(words[words.index(b"--of") + 1]) in applications:
                found.append(int(process.name))
    return found


def state_of(pid: int) -> str:
    """What a process that should have ended waits in."""
    threads = sorted(Path(f"/proc/{pid}/task").iterdir())
    return ", ".join(f"{(thread / 'comm').read_text().strip()} in {(thread / 'wchan').read_text()}" for thread in threads)
