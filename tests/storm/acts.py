"""What happens in a run beside the faults of the proxy. An act prepares before the users consent, goes on a thread of its
own while the workers work, and finishes when they have ended. All that it finds wrong goes to the run's problems."""

from __future__ import annotations

import base64
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import evergrant
from clocks import WallClock, tidy
from providers import EVERGRANT

if TYPE_CHECKING:
    from storm import Run, Worker

ALREADY_SENT_SECONDS = 1.0
"""How long after a store went away a request may still arrive whose lease was written before."""
SPILLS_END_WITHIN_SECONDS = 20
"""How long the next process takes at most to commit or revoke what an earlier one could not. What a store without a disk write for
each answer has taken stays in the folder for five seconds more."""

A_STEP_SECONDS = 60.0
"""What no clock moves by itself between a second and the next."""


class Act:
    def __init__(self, run: Run) -> None:
        self.run = run

    def prepare(self) -> None:
        pass

    def consented(self) -> None:
        """When all users have consented, before the workers start."""

    def go(self) -> None:
        pass

    def left_after_the_next_process(self) -> list[Path]:
        """The answers in the spill folder that the next process of the application could not end either."""
        with self.run.open("storm-after"):
            deadline = time.monotonic() + SPILLS_END_WITHIN_SECONDS
            while (left := list((self.run.folder / "state").rglob("*.spill"))) and time.monotonic() < deadline:
                time.sleep(0.1)
        return left

    def finish(self) -> None:
        pass

    def wait(self, seconds: float) -> bool:
        """Whether the storm goes on."""
        return not self.run.over.wait(seconds)


class KillAtRandom(Act):
    """`kill -9` of a process of the application, any, every so often; it is started anew."""

    def __init__(self, run: Run, every: float) -> None:
        super().__init__(run)
        self.every = every

    def go(self) -> None:
        while self.wait(self.every):
            if living := self.run.living():
                self.run.kill(self.run.chance.choice(living))


class StopStore(Act):
    """The database is stopped, or a file locked, and comes back."""

    def __init__(self, run: Run, at: float, seconds: float) -> None:
        super().__init__(run)
        self.at, self.seconds = at, seconds

    def go(self) -> None:
        self.wait(self.at)
        self.run.store.stop()
        gone = time.time()
        # Not cut short by the end of the storm: what is stopped is started again.
        time.sleep(self.seconds)
        self.run.store_away = (gone + ALREADY_SENT_SECONDS, time.time())
        self.run.store.start()

    def finish(self) -> None:
        """Answers that the store could not take have come to it since."""
        if left := self.left_after_the_next_process():
            self.run.problems.append(f"{len(left)} answers are still in the spill folder")


class RestoreStore(Act):
    """A copy of the store is kept and later put in its place, under the running processes."""

    def __init__(self, run: Run, at: float, age: float) -> None:
        super().__init__(run)
        self.at, self.age = at, age

    def go(self) -> None:
        self.wait(self.at)
        self.run.store.keep_copy()
        if self.wait(self.age):
            self.run.store.restore_copy()
        else:
            # Nobody would be left who knows better.
            self.run.problems.append("the storm was over before the store was restored")


class NamespaceOfItsOwn(Act):
    """Every second worker runs in a process-id namespace of its own, as in a container, on the same volume; every so often
    one of these is killed with all that is in it."""

    def __init__(self, run: Run, every: float) -> None:
        super().__init__(run)
        self.every = every

    def prepare(self) -> None:
        unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self.run.wrapped = lambda command, number: [*unshare, *command] if number % 2 else command

    def go(self) -> None:
        while self.wait(self.every):
            if contained := [worker for worker in self.run.living() if is_contained(worker)]:
                self.run.kill(self.run.chance.choice(contained))


def is_contained(worker: Worker) -> bool:
    return worker.pid != worker.process.pid


class Change(Act):
    """Users consent again, grants are forgotten and revoked, while processes use and renew them."""

    def __init__(self, run: Run, every: float) -> None:
        super().__init__(run)
        self.every = every
        self.ended: list[tuple[str, float, str]] = []
        """Lines of tokens that the application gave up: which, when that was done, and how."""

    def go(self) -> None:
        with self.run.open("storm-change") as client:
            while self.wait(self.every):
                subject = self.run.chance.choice(self.run.subjects)
                self.change(client, subject, self.run.chance.choice(["consent again", "forget", "revoke"]))

    def change(self, client: evergrant.Client, subject: str, what: str) -> None:
        line = self.run.line_of(subject)
        grant = client.grant(subject)
        try:
            if what == "forget":
                grant.forget()
            elif what == "revoke":
                grant.revoke()
            given_up_at = time.time()
            self.run.consent(client, subject)
            # Until the new consent is stored the old one is in use, and may be renewed.
            self.ended.append((line, time.time() if what == "consent again" else given_up_at, what))
        except evergrant.Error as error:
            self.run.problems.append(f"{what} of {subject}: {error.code}: {error}")

    def finish(self) -> None:
        """A line that was revoked must be dead; of one that was forgotten or replaced, what came after that: a late answer that
        could not be revoked at once waits in the spill folder."""
        self.left_after_the_next_process()
        for line, at, what in self.ended:
            token, issued_at = self.run.proxy.newest_of(line)
            if what != "revoke" and issued_at <= at:
                continue
            if self.is_alive(token):
                self.run.problems.append(f"after {what} a refresh token of {self.run.subject_of_line[line]} lives on")

    def is_alive(self, refresh_token: str) -> bool:
        provider = self.run.provider
        name, secret = (urllib.parse.quote_plus(provider.client[key]) for key in ("client_id", "client_secret"))
        credentials = base64.b64encode(f"{name}:{secret}".encode()).decode()
        form = urllib.parse.urlencode({"grant_type": "refresh_token", "refresh_token": refresh_token}).encode()
        request = urllib.request.Request(provider.base_url + provider.token_path, form,
                                         {"Authorization": f"Basic {credentials}"})
        try:
            with urllib.request.urlopen(request, timeout=30):
                return True
        except urllib.error.HTTPError:
            return False


class Rekey(Act):
    """The records are sealed anew with another key while processes use both; afterwards the new key alone must do."""

    OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))

    def __init__(self, run: Run, at: float) -> None:
        super().__init__(run)
        self.at = at

    def prepare(self) -> None:
        self.run.extra_config["encryption"] = {"keys": [self.OLD]}

    def consented(self) -> None:
        self.run.extra_config["encryption"] = {"keys": [self.NEW, self.OLD]}

    def go(self) -> None:
        self.wait(self.at)
        command = [str(EVERGRANT), "rekey", "--json", "--config", str(self.run.command_line_configuration())]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            self.run.problems.append(f"rekey failed: {done.stderr.strip()}")

    def finish(self) -> None:
        self.run.extra_config["encryption"] = {"keys": [self.NEW]}
        told = self.run.inspected()
        if len(told) != self.run.plan.grants:
            self.run.problems.append(f"only {len(told)} grants can be read with the new key alone")


class NewerMinor(Act):
    """Another minor version with a newer schema, and fields that this one does not know, is at home in the same database."""

    FUTURE = "ALTER TABLE evergrant_grants ADD COLUMN of_the_future TEXT; UPDATE evergrant_schema SET version = version + 1"

    def consented(self) -> None:
        self.run.store.change(self.FUTURE)
        self.run.store.change("UPDATE evergrant_grants SET of_the_future = 'kept'")

    def finish(self) -> None:
        kept = self.run.store.change("SELECT count(*) FROM evergrant_grants WHERE of_the_future = 'kept'")
        if kept != [(self.run.plan.grants,)]:
            self.run.problems.append(f"what a newer version wrote was lost: {kept}")


class MoveClocks(Act):
    """The wall clocks of some `processes` and of their helpers are set ahead of the host's or behind it, each for itself."""

    def __init__(self, run: Run, processes: int, every: float, ahead: list[int]) -> None:
        super().__init__(run)
        self.processes, self.every, self.ahead = processes, every, ahead
        self.clocks: dict[int, WallClock] = {}
        """By the number of the worker."""

    def prepare(self) -> None:
        languages = dict(enumerate(self.run.plan.languages, 1))
        numbers = self.run.chance.sample(list(languages), self.processes)
        self.clocks = {number: WallClock(self.run.folder / f"clock-{number}", EVERGRANT) for number in numbers}
        environments = {number: clock.environment(languages[number]) for number, clock in self.clocks.items()}
        self.run.environment = lambda number: environments.get(number, {})

    def go(self) -> None:
        clocks = list(self.clocks.values())
        while self.wait(self.every):
            self.run.chance.choice(clocks).set(self.run.chance.choice(self.ahead))

    def finish(self) -> None:
        """That it was done: the workers of those clocks saw them move, no other did, and renewals were dated by them."""
        for number, worker in enumerate(self.run.workers, 1):
            told = [line["at"] for line in worker.lines if "ok" in line]
            has_moved = any(abs(later - earlier) > A_STEP_SECONDS for earlier, later in zip(told, told[1:]))
            if has_moved != (number in self.clocks):
                self.run.problems.append(f"the clock of {worker.name} {'moved' if has_moved else 'never moved'}")
        dated = [entry["at"] / 1000 - time.time() for grant in self.run.inspected().values() for entry in grant["trail"]]
        if not any(off > A_STEP_SECONDS for off in dated):
            self.run.problems.append("no helper went by a clock that was set ahead")
        tidy()


ACTS: dict[str, type[Act]] = {
    "kill-at-random": KillAtRandom,
    "stop-store": StopStore,
    "restore-store": RestoreStore,
    "namespaces": NamespaceOfItsOwn,
    "change": Change,
    "rekey": Rekey,
    "newer-minor": NewerMinor,
    "move-clocks": MoveClocks,
}


def child_of(pid: int) -> int | None:
    """The only child of a process."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        words = children.read_text().split()
    except OSError:
        return None
    return int(words[0]) if words else None

