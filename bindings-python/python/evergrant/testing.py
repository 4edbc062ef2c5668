"""For the tests of whoever wrote a token store: holds it to what the library relies on.

::

    def test_my_store():
        evergrant.testing.assert_store(MyStore())

The check writes under a client key of its own, ``evergrant-check:…``, and removes it where the store has ``delete``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, TypedDict

from . import _arguments as arguments
from . import _evergrant as native

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._store import TokenStore


class CheckOptions(TypedDict, total=False):
    """How a store is checked."""

    grants: int | None
    """How many grants are written and listed; 10,000 when absent, 100 with ``quick``."""
    quick: bool
    """Fewer rounds of calls at once: finds less, and takes seconds on any store."""


class Finding(TypedDict, total=False):
    """What was found of one promise."""

    promise: str
    """Its name, which says what is promised."""
    verdict: Literal["passed", "failed", "skipped"]
    expected: str
    """Of a broken one: what should have come."""
    got: str
    """Of a broken one: what came."""
    remark: str
    """Of a skipped one: the method that is missing, and what is not promised without it. Of others: what was measured."""
    milliseconds: int


class Report(TypedDict):
    """What became of a check."""

    ok: bool
    """Whether no promise was broken."""
    summary: str
    """The outcome in words: how many promises are kept, and each broken one."""
    findings: list[Finding]
    remarks: list[str]


def check_store(
    store: TokenStore, beside: TokenStore | None = None, **options: Unpack[CheckOptions]
) -> Report:
    """Tries every promise of a store, plain or async, and tells of each whether it was kept.

    ``beside`` is a second object over the same data, as another process would have it: what a store keeps in the memory
    of one process is found out by it. Coroutines run on an event loop of the package's own.
    """
    report: Report = json.loads(native._check_store(store, beside, arguments.options(options), False))
    return report


async def check_store_async(
    store: TokenStore, beside: TokenStore | None = None, **options: Unpack[CheckOptions]
) -> Report:
    """As ``check_store``; coroutines of the store run on the caller's event loop."""
    report: Report = json.loads(await native._check_store(store, beside, arguments.options(options), True))
    return report


def assert_store(store: TokenStore, beside: TokenStore | None = None, **options: Unpack[CheckOptions]) -> None:
    """Raises ``AssertionError`` with each broken promise where ``check_store`` finds one."""
    report = check_store(store, beside, **options)
    if not report["ok"]:
        raise AssertionError(report["summary"])
