"""Runs without workers: ten thousand grants that are due at once, and places where a store cannot be used."""

from __future__ import annotations

import base64
import json
import os
import re
import pty
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import evergrant
from providers import EVERGRANT
from storm import Run
from stores import Postgres, Sqlite
from verdict import Evidence, Found, broken, examine

SAMPLE = 100
"""Of so many grants it is tried at the end whether they are alive."""


class Keepalive(Run):
    """Two `evergrant keepalive` at once, while every grant is due. One of them believes that a person is watching."""

    MOST_MEMORY = 150_000
    """Of a process at its largest, in KiB."""

    def run(self) -> tuple[Found, list[str]]:
        self.consent_all()
        time.sleep(self.plan.manner.lifetime)  # now every token is over
        # What is renewed once is not to be due again.
        self.provider.post("/sandbox/options", {"access_token_lifetime": 3600})
        counted_from = time.time()
        before = self.inspected()
        self.keep_alive()
        ended = time.time()
        after = self.inspected()
        if not_once := [subject for subject in after if after[subject]["generation"] != before[subject]["generation"] + 1]:
            self.problems.append(f"{len(not_once)} grants were not renewed once, such as {not_once[0]}")
        trial = self.tried(self.chance.sample(list(before), min(SAMPLE, len(before))))
        evidence = Evidence(self.proxy.journal, counted_from, ended, before, after, trial, problems=self.problems)
        found = examine(evidence, self.subject_of_line)
        return found, broken(found, evidence, self.plan.promises)

    def keep_alive(self) -> None:
        configuration = str(self.command_line_configuration())
        command = [str(EVERGRANT), "keepalive", "--once", "--config", configuration]
        near, far = pty.openpty()
        watched = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=far, stderr=far)
        os.close(far)
        shown: list[str] = []
        watching = threading.Thread(target=read_terminal, args=[near, shown])
        watching.start()
        told = subprocess.Popen([*command, "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert told.stdout is not None
        report = told.stdout.read().decode()
        for process in (told, watched):
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                self.problems.append(f"keepalive ended with {process.returncode}: {report} {''.join(shown)[-500:]}")
            if used.ru_maxrss > self.MOST_MEMORY:
                self.problems.append(f"keepalive took {used.ru_maxrss} KiB, at most {self.MOST_MEMORY}")
        watching.join()
        os.close(near)
        # Of how many: what the other process renewed before this one looked is not among them.
        totals = [int(total) for total in re.findall(r"\d+/(\d+)\b", "".join(shown))]
        if not any(self.plan.grants * 0.9 <= total <= self.plan.grants for total in totals):
            self.problems.append(f"no progress was shown: {''.join(shown)[-200:]!r}")


def read_terminal(terminal: int, shown: list[str]) -> None:
    while True:
        try:
            shown.append(os.read(terminal, 65536).decode(errors="replace"))
        except OSError:  # the other end is closed
            return


class Places(Run):
    """A full disk, a read-only one, a wrong key, a table of somebody else: an error of its own for each, and the records
    are as they were."""

    RIGHT, WRONG = (base64.b64encode(bytes([number]) * 32).decode() for number in (3, 4))

    def run(self) -> tuple[Found, list[str]]:
        self.extra_config["encryption"] = {"keys": [self.RIGHT]}
        places = {"wrong key": self.wrong_key, "foreign schema": self.foreign_schema}
        if isinstance(self.store, Sqlite):
            self.on_a_disk_of_its_own(self.store)
            places |= {"full disk": self.full_disk, "read-only disk": self.read_only_disk}
        else:
            places |= {"read-only database": self.read_only_database}
        try:
            self.consent_all()
            before, counted_from = self.inspected(), time.time()
            for name, place in places.items():
                self.visit(name, place())
            after = self.inspected()
            trial = self.tried(list(before))
        finally:
            self.leave_disk()
        evidence = Evidence(self.proxy.journal, counted_from, time.time(), before, after, trial, problems=self.problems)
        found = examine(evidence, self.subject_of_line)
        return found, broken(found, evidence, self.plan.promises)

    def visit(self, name: str, place: Any) -> None:
        """Tries to renew a grant there."""
        records, sent = self.records(), len(self.proxy.journal)
        with place as (expected, config):
            try:
                with self.open(**config) as client:
                    client.grant("u0").refresh(force=True)
                self.problems.append(f"{name}: a renewal succeeded")
            except evergrant.Error as error:
                if (error.code, error.reason) != expected:
                    self.problems.append(f"{name}: {error.code}, {error.reason}: {error}; expected {expected}")
        if len(self.proxy.journal) != sent:
            self.problems.append(f"{name}: a token request was sent")
        if self.records() != records:
            self.problems.append(f"{name}: the records were changed")

    def records(self) -> list[Any]:
        return self.store.change("SELECT subject, generation, revision, status, record FROM evergrant_grants ORDER BY subject")

    @contextmanager
    def wrong_key(self) -> Iterator[Any]:
        yield ("decryption", "unknown_key"), {"encryption": {"keys": [self.WRONG]}}

    @contextmanager
    def foreign_schema(self) -> Iterator[Any]:
        folder = self.folder / "foreign"
        folder.mkdir()
        foreign = type(self.store)(folder)
        foreign.change("CREATE TABLE evergrant_grants (colour TEXT)")
        try:
            yield ("store", "foreign"), {"store": foreign.address}
        finally:
            foreign.close()

    @contextmanager
    def full_disk(self) -> Iterator[Any]:
        filler = self.disk / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        yield ("store", "full"), {}
        filler.unlink()

    @contextmanager
    def read_only_disk(self) -> Iterator[Any]:
        subprocess.run(["mount", "-o", "remount,ro", self.disk], check=True)
        yield ("store", "read_only"), {}
        subprocess.run(["mount", "-o", "remount,rw", self.disk], check=True)

    @contextmanager
    def read_only_database(self) -> Iterator[Any]:
        assert isinstance(self.store, Postgres)
        self.store.ask(f'ALTER DATABASE "{self.store.database}" SET default_transaction_read_only = on', "evergrant")
        yield ("store", "read_only"), {}
        self.store.ask(f'ALTER DATABASE "{self.store.database}" RESET default_transaction_read_only', "evergrant")

    def on_a_disk_of_its_own(self, store: Sqlite) -> None:
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "evergrant-storm", self.disk], check=True)
        store.path = self.disk / "grants.db"
        store.address = f"sqlite:{store.path}"

    def leave_disk(self) -> None:
        if isinstance(self.store, Sqlite):
            # The helper of this process may have the file open until it has been idle for a while.
            subprocess.run(["umount", "--lazy", self.disk], check=True)
