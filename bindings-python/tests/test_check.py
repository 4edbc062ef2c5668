"""A store of one's own is held to its promises."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import evergrant
import evergrant.testing
from stores import AsyncMemoryStore, MemoryStore


class Overwriting(MemoryStore):
    """Says that it wrote, whatever stood."""

    def compare_and_set(self, *arguments: Any) -> bool:
        self.records[arguments[:3]] = arguments[4]
        return True


class OnlyLoadAndSave:
    def __init__(self, records: dict[tuple[str, ...], str]) -> None:
        self.records = records

    def load(self, client: str, subject: str, slot: str) -> str | None:
        return self.records.get((client, subject, slot))

    def save(self, client: str, subject: str, slot: str, record: str) -> None:
        self.records[client, subject, slot] = record


def verdicts(report: evergrant.testing.Report) -> dict[str, str]:
    return {finding["promise"]: finding["verdict"] for finding in report["findings"]}


@pytest.mark.parametrize("store_class", [MemoryStore, AsyncMemoryStore])
def test_a_whole_store_passes_and_is_left_empty(store_class: type[MemoryStore]) -> None:
    store = store_class()
    report = evergrant.testing.check_store(store, grants=50, quick=True)
    assert report["ok"], report["summary"]
    assert set(verdicts(report).values()) == {"passed"}
    assert not store.records and not report["remarks"]


def test_a_broken_store_fails_by_the_promise_that_it_breaks() -> None:
    with pytest.raises(AssertionError, match="compare_and_set_writes_only_over_the_expected_revision"):
        evergrant.testing.assert_store(Overwriting(), grants=10, quick=True)


def test_what_lives_in_one_process_alone_is_found_by_a_second_object() -> None:
    records: dict[tuple[str, ...], str] = {}
    one, other = MemoryStore(), MemoryStore()
    one.records = other.records = records
    report = evergrant.testing.check_store(one, other, grants=10, quick=True)
    assert verdicts(report)["of_many_acquires_at_once_one_gets_the_lease"] == "failed"


def test_a_method_that_is_missing_is_told_with_what_it_promises() -> None:
    report = evergrant.testing.check_store(OnlyLoadAndSave({}), grants=10, quick=True)  # type: ignore[arg-type]
    assert report["ok"]
    skipped = {finding["promise"]: finding["remark"] for finding in report["findings"] if finding["verdict"] == "skipped"}
    told = skipped["of_many_acquires_at_once_one_gets_the_lease"]
    assert told == "no acquire: two processes may spend one refresh token at once"


async def test_an_async_store_is_checked_on_the_callers_event_loop() -> None:
    store = AsyncMemoryStore()
    report = await evergrant.testing.check_store_async(store, grants=10, quick=True)
    assert report["ok"], report["summary"]
    assert store.loops == {asyncio.get_running_loop()}


def test_an_option_that_is_unknown_is_named() -> None:
    with pytest.raises(evergrant.InvalidArgumentError, match="rounds"):
        evergrant.testing.check_store(MemoryStore(), rounds=1)  # type: ignore[call-arg]
