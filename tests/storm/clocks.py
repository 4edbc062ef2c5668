"""A wall clock that a worker and its helper have to themselves, and that is set while they run, as an NTP step or a broken
machine does it. Only what tells the date is moved: the clocks on which sleeps, time-outs and leases go stay true.

By libfaketime (Debian: `faketime`), which stands before the C library's calls in a process that is started with it."""

from __future__ import annotations

import shlex
from pathlib import Path

from providers import BUILD, TREE

LIBFAKETIME = "/usr/$LIB/faketime/libfaketimeMT.so.1"
"""`$LIB` is the loader's word (ld.so(8))."""

LOADED_EARLY = {"php": TREE / ("target/c-release" if BUILD == "release" else "target/c") / "lib/libevergrant.so.0"}
"""What PHP loads for an extension calls the C library past libfaketime (RTLD_DEEPBIND); what is there already does not."""


class WallClock:
    """In `folder`, which is made: how far off it is, and the executable that starts `helper` by it."""

    def __init__(self, folder: Path, helper: Path) -> None:
        folder.mkdir()
        self._offset = folder / "offset"
        self._faked = {
            "LD_PRELOAD": LIBFAKETIME,
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # What is written on a disk that others use too is dated by the kernel.
            "NO_FAKE_STAT": "1",
        }
        self.helper = folder / helper.name
        """The library hands a helper only the part of the environment that it needs, and rightly not this one."""
        words = [f"{name}={value}" for name, value in self._faked.items()]
        self.helper.write_text(f'#!/bin/sh\nexec env {shlex.join([*words, str(helper)])} "$@"\n')
        self.helper.chmod(0o755)
        self.set(0)

    def environment(self, language: str) -> dict[str, str]:
        """Of a worker that is to go by this clock."""
        preloaded = f"{LIBFAKETIME}:{LOADED_EARLY.get(language, '')}"
        return {**self._faked, "LD_PRELOAD": preloaded, "EVERGRANT_HELPER": str(self.helper)}

    def set(self, ahead: int) -> None:
        """By how many seconds it is ahead of the host's."""
        written = self._offset.with_suffix(".new")
        written.write_text(f"{ahead:+d}\n")
        written.replace(self._offset)  # never seen half


def tidy() -> None:
    """Removes what libfaketime left of processes that are gone: who gets the number of one could not start with it."""
    for left in Path("/dev/shm").glob("*faketime_s*_*"):
        if not Path("/proc", left.name.rpartition("_")[2]).exists():
            left.unlink(missing_ok=True)
