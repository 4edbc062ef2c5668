"""Runs the programs of this folder: meet.*, which take the same steps in each language, and core.rs, which does what it is told."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consent import connect_device, consent

HERE = Path(__file__).parent
TARGET = HERE.parent.parent / "target"
PROGRAMS = {
    "rust": [TARGET / "debug" / "evergrant-meet"],
    "python": [sys.executable, HERE / "meet.py"],
    "node": ["node", HERE / "meet.mjs"],
    "php": ["php", "-d", f"extension={TARGET / 'php' / 'modules' / 'evergrant.so'}", HERE / "meet.php"],
    "c": [TARGET / "servers" / "meet-c"],
}
LANGUAGES = list(PROGRAMS)

ENDS_WITHIN_SECONDS = 60


@dataclass(frozen=True)
class Told:
    """What a program printed, in order."""

    generations: list[int]
    answers: list[tuple[int, Any]]
    """Status and JSON of each API call; text where it is not JSON."""


@contextmanager
def started(language: str, meeting: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    command = [str(part) for part in PROGRAMS[language]]
    program = subprocess.Popen(
        [*command, json.dumps(meeting)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with program:
        try:
            yield program
        finally:
            program.kill()


def ended(program: subprocess.Popen[str], callback: str = "") -> Told:
    """Gives the program its callback, if it waits for one, and all that it told until it ended."""
    output, errors = program.communicate(callback + "\n", ENDS_WITHIN_SECONDS)
    assert program.returncode == 0, errors or output
    lines = [json.loads(line) for line in output.splitlines()]
    return Told(
        [line["generation"] for line in lines if "generation" in line],
        [(line["status"], _json_or_text(line["body"])) for line in lines if "status" in line],
    )


def met(language: str, user: str, **meeting: Any) -> Told:
    """Runs a program from the user's consent to its end."""
    asked = {"subject": user, "consent": True, "seconds": 0, "force": False, **meeting}
    with started(language, asked) as program:
        assert program.stdout is not None
        begun = program.stdout.readline()
        if not begun:
            return ended(program)
        url = json.loads(begun)["url"]
        if asked["consent"] == "device":
            connect_device(url, user)
            return ended(program)
        return ended(program, consent(url, user))


def ran(language: str, subject: str, **meeting: Any) -> Told:
    """Runs a program for a grant that nobody consents to, or that is there."""
    with started(language, {"subject": subject, "consent": False, "seconds": 0, "force": False, **meeting}) as program:
        return ended(program)


class Refused(Exception):
    """The core replied with an error: its `code`, and what the provider said."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error)
        self.code = error["code"]
        self.error = error.get("error")


class Core:
    """The program core.rs: a client in a process of its own, which does what it is told."""

    def __init__(self) -> None:
        command = [str(TARGET / "debug" / "evergrant-core")]
        self.program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, do: str, subject: str = "alice", **arguments: Any) -> Any:
        """Raises Refused."""
        assert self.program.stdin is not None and self.program.stdout is not None
        self.program.stdin.write(json.dumps({"do": do, "subject": subject, **arguments}) + "\n")
        self.program.stdin.flush()
        reply = json.loads(self.program.stdout.readline())
        if "error" in reply:
            raise Refused(reply["error"])
        return reply["ok"]

    def granted(self, user: str = "alice", **options: Any) -> tuple[str, Any]:
        """The authorization URL, and what the user's consent led to."""
        url: str = self("begin", user, options=options)["url"]
        return url, self("finish", callback=consent(url, user))


def _json_or_text(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body
