"""The conformance cases, one test each, with the testee in Python."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
CASES = sorted(path.stem for path in (TOP / "tests/conformance/cases").glob("**/*.toml"))


@pytest.mark.parametrize("case", CASES)
def test_conformance(case: str) -> None:
    command = ["target/debug/evergrant-conformance", "run", "--testee", "python", case]
    ended = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
