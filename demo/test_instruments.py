"""The demo and the kill test must be able to fail."""

import copy

import pytest
from losses import Kill, examine
from verdict import judge, table

LINE = {"refresh_requests": 8, "median_age_at_refresh": 0.8, "reuses": 0, "grants_lost": 0,
        "programs": {"rust": {"ok": 350, "other": 0}, "c": {"ok": 350, "other": 0}}}
REPORT = {"users": [{**LINE, "user": "alice"},
                    {**LINE, "user": "bob", "refresh_requests": 0, "median_age_at_refresh": None}],
          "unattributed_token_requests": 0,
          "programs": {"rust": {"ok": 700, "other": 0}, "c": {"ok": 700, "other": 0}}}
GRANTS = {"alice": {"generation": 9}, "bob": {"generation": 1}}
LANGUAGES = ["rust", "c"]


def broken(report: dict, grants: dict) -> list[str]:
    return [text for ok, text in judge(report, grants, LANGUAGES) if not ok]


def test_a_run_without_fault_keeps_every_promise():
    assert broken(REPORT, GRANTS) == []


@pytest.mark.parametrize(("path", "value", "promise"), [
    (["users", 0, "refresh_requests"], 9, "one request"),
    (["unattributed_token_requests"], 1, "one request"),
    (["users", 0, "median_age_at_refresh"], 0.74, "no sooner"),
    (["users", 0, "median_age_at_refresh"], None, "no sooner"),
    (["users", 1, "reuses"], 1, "sent twice"),
    (["users", 0, "grants_lost"], 1, "lost"),
    (["users", 1, "programs", "c", "ok"], 0, "every language"),
    (["users", 1, "programs"], {}, "every language"),
    (["programs", "rust", "other"], 1, "answered 200"),
])
def test_a_promise_that_is_broken_is_told(path, value, promise):
    report = copy.deepcopy(REPORT)
    place = report
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    [told] = broken(report, GRANTS)
    assert promise in told


def test_a_run_without_a_renewal_proves_nothing():
    grants = {"alice": {"generation": 1}, "bob": {"generation": 1}}
    assert any("one request" in text for text in broken(REPORT, grants))


def test_the_table_has_a_column_for_each_user():
    lines = table(REPORT, GRANTS, LANGUAGES).splitlines()
    assert lines[0].split("  ")[-2:] == ["alice (OAuth 2)", "bob (OAuth 1.0a)"]
    assert any(line.startswith("refreshes per expiry") and "1.00" in line for line in lines)


# --- Losses ------------------------------------------------------------------------------------------------------


def refresh(generation: int, at_ms: float, reuse: bool = False, sender: str = "demo-rust evergrant/0.1.0") -> dict:
    return {"family": 1, "grant_type": "refresh_token", "reuse": reuse, "at_ms": at_ms, "user_agent": sender,
            "form": [["grant_type", "refresh_token"], ["refresh_token", f"refresh#{generation}"]]}


GRANT = {"generation": 2, "status": "needs_consent", "reason": "outcome_lost"}
FAMILY = {"family": 1, "generation": 3}
JOURNAL = [refresh(1, 1000), refresh(2, 4000), refresh(2, 6000, reuse=True, sender="demo-c evergrant/0.1.0")]


def died_with(grant=GRANT, family=FAMILY, journal=JOURNAL, kill=Kill("rust", 4100)) -> str | None:
    return examine("alice", grant, family, journal, [kill], patience_ms=1000).died_with


def test_an_answer_that_died_with_its_process_is_told():
    assert died_with() == "rust"


@pytest.mark.parametrize("other", [
    {"grant": {**GRANT, "reason": "revoked"}},
    {"grant": {**GRANT, "generation": 3}},
    {"family": {**FAMILY, "generation": 2}},
    {"journal": [*JOURNAL, refresh(3, 7000)]},
    {"journal": []},
    {"kill": Kill("c", 4100)},
    {"kill": Kill("rust", 3900)},
    {"kill": Kill("rust", 5100)},
])
def test_any_other_loss_is_not_excused(other):
    assert died_with(**other) is None
