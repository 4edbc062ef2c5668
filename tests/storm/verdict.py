"""What came of a run, and whether it is what was promised: from the journal of the proxy, what the store held before and
after, a trial of every grant at the end, and what the workers counted. Pure; nothing here is the library's word alone."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from proxy import TokenRequest

NO_SOONER_THAN = 0.75
"""The median age of a token at its refresh, as a part of its lifetime."""
COMMITS_WITHIN_SECONDS = 2.0
"""How long a sender has had an answer, at most, that it has not committed yet."""


@dataclass
class Evidence:
    """All that is known of a run when it is over."""

    journal: list[TokenRequest]
    began_at: float
    ended_at: float
    """When the workers had ended; what comes later in the journal is the trial of the grants."""
    before: dict[str, dict[str, Any]]
    """Each subject's grant as the store had it."""
    after: dict[str, dict[str, Any]]
    trial: dict[str, str | None]
    """For each subject: nothing where its grant still works, else how it fails."""
    calls_ok: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)
    """Calls of living processes that were not answered 200."""
    longest_gap: float = 0.0
    store_away: tuple[float, float] | None = None
    gone_on_purpose: set[str] = field(default_factory=set)
    """Subjects whose grant was forgotten or revoked by the application."""
    problems: list[str] = field(default_factory=list)
    """What a scenario's own checks found."""


@dataclass
class Found:
    """The figures of a run."""

    grants: int
    expiries: int
    """Generations committed."""
    requests: int
    """Refresh requests that the provider saw."""
    median_age: float | None
    calls_ok: int
    calls_other: int
    lost: dict[str, str]
    outcome_lost: int
    longest_gap: float
    own_time: float
    """The longest that the server itself took for a token request."""
    surplus: int
    stale: int
    """Requests with a refresh token that was not the newest."""
    two_old: int
    """Of those, with one that was two generations old or older."""
    needless: int
    """Repeats though the answer to the request before had arrived, with tokens, at a sender that lived to store them."""
    forked: int
    parallel: int
    """Repeats while an earlier request with the same refresh token was under way."""
    died: set[str]
    """Subjects of whom an answer with new tokens was not delivered."""
    most_after_death: int
    """The most requests for one grant after such an answer."""
    retry_after_ignored: int
    while_store_away: int
    early_repeats: int
    """Repeats while the access token still worked."""

    @property
    def per_expiry(self) -> float:
        return self.requests / self.expiries if self.expiries else float("nan")


@dataclass
class _Token:
    """A refresh token that the provider gave: of which line, which number in it, and since when."""

    line: str
    generation: int
    issued_at: float
    lifetime: float | None
    delivered: bool
    successors: set[str] = field(default_factory=set)


def examine(evidence: Evidence, subject_of_line: dict[str, str]) -> Found:
    """`subject_of_line` says for whom the first refresh token of a line was given."""
    tokens: dict[str, _Token] = {}
    newest: dict[str, int] = {}
    presented: dict[str, list[TokenRequest]] = {}
    ages: list[float] = []
    counts = dict.fromkeys(["stale", "two_old", "needless", "forked", "parallel", "early", "retry_after", "away"], 0)
    died: set[str] = set()
    after_death: dict[str, int] = {}
    killed = Killed(evidence.journal)
    requests = 0
    own_time = 0.0
    for entry in evidence.journal:
        if entry.at > evidence.ended_at:
            break
        token = tokens.get(entry.presented or "")
        if entry.grant_type == "refresh_token" and token is not None:
            behind = newest[token.line] - token.generation
            earlier = presented.setdefault(entry.presented or "", [])
            if entry.at >= evidence.began_at:
                requests += entry.reached
                own_time = max(own_time, (entry.answered_at or entry.at) - entry.at)
                counts["stale"] += behind >= 1
                counts["two_old"] += behind >= 2
                counts["needless"] += bool(earlier) and not killed.left_without(earlier[-1])
                counts["parallel"] += any((one.ended_at or float("inf")) > entry.at for one in earlier)
                counts["retry_after"] += any(one.retry_after is not None and entry.at < (one.ended_at or one.at) + one.retry_after
                                             for one in earlier)
                counts["early"] += bool(earlier) and entry.at < token.issued_at + (token.lifetime or 0)
                counts["away"] += is_within(entry.at, evidence.store_away)
                # One whose own answer died, too, told nobody anything: it counts as part of the first loss.
                if token.line in after_death and entry.delivered and not killed.took(entry):
                    after_death[token.line] += 1
                if not earlier and token.lifetime and token.delivered:
                    ages.append((entry.at - token.issued_at) / token.lifetime)
            earlier.append(entry)
        if entry.issued is None or entry.answered_at is None:
            continue
        line = token.line if token is not None else entry.issued
        if token is not None and entry.issued != entry.presented:
            counts["forked"] += bool(token.successors - {entry.issued})
            token.successors.add(entry.issued)
        delivered = entry.delivered and not killed.took(entry)
        if not delivered and token is not None and entry.issued not in tokens:
            died.add(line)
            after_death.setdefault(line, 0)
        generation = token.generation + 1 if token is not None and entry.issued != entry.presented else 0
        if token is not None and entry.issued == entry.presented:
            token.issued_at, token.delivered, token.lifetime = entry.answered_at, delivered, entry.lifetime
            presented[entry.issued] = []
        else:
            tokens.setdefault(entry.issued, _Token(line, generation, entry.answered_at, entry.lifetime, delivered))
        newest[line] = max(newest.get(line, 0), generation)
    expiries = sum(grant["generation"] - evidence.before[subject]["generation"]
                   for subject, grant in evidence.after.items()
                   if subject in evidence.before and grant["grant_id"] == evidence.before[subject]["grant_id"])
    lost = {subject: why for subject, why in evidence.trial.items()
            if why is not None and subject not in evidence.gone_on_purpose}
    return Found(
        grants=len(evidence.before),
        expiries=expiries,
        requests=requests,
        median_age=statistics.median(ages) if ages else None,
        calls_ok=evidence.calls_ok,
        calls_other=len(evidence.failures),
        lost=lost,
        outcome_lost=sum(why == "outcome_lost" for why in lost.values()),
        longest_gap=evidence.longest_gap,
        own_time=own_time,
        surplus=requests - expiries,
        stale=counts["stale"],
        two_old=counts["two_old"],
        needless=counts["needless"],
        forked=counts["forked"],
        parallel=counts["parallel"],
        died={subject_of_line.get(line, line) for line in died},
        most_after_death=max(after_death.values(), default=0),
        retry_after_ignored=counts["retry_after"],
        while_store_away=counts["away"],
        early_repeats=counts["early"],
    )


class Killed:
    """With a sender that is killed for one of its requests die the answers to its others: those that it has read and not yet
    committed, and those that were written to it before the proxy knew."""

    def __init__(self, journal: list[TokenRequest]) -> None:
        self.presented = {entry.presented for entry in journal}
        self.at: dict[str, list[float]] = {}
        """When senders of an application were killed."""
        for entry in journal:
            if (entry.fault or "").startswith("kill-sender"):
                self.at.setdefault(entry.application, []).append(entry.fault_at or entry.at)

    def took(self, entry: TokenRequest) -> bool:
        """Whether this answer died so: nobody ever had its token."""
        return self.struck(entry) and (entry.issued is None or entry.issued not in self.presented)

    def left_without(self, entry: TokenRequest) -> bool:
        """Whether its sender may have got no tokens by this request, and has reason to repeat it."""
        return entry.issued is None or not entry.delivered or self.struck(entry)

    def struck(self, entry: TokenRequest) -> bool:
        answered_at = entry.answered_at or entry.at
        return any(abs(at - answered_at) <= COMMITS_WITHIN_SECONDS for at in self.at.get(entry.application, []))


def is_within(at: float, span: tuple[float, float] | None) -> bool:
    return span is not None and span[0] <= at <= span[1]


def broken(found: Found, evidence: Evidence, expected: dict[str, Any]) -> list[str]:
    """Which of a scenario's promises were broken. The keys of `expected` are those of scenarios.toml."""
    complaints = [*evidence.problems]

    def want(holds: bool, words: str) -> None:
        if not holds:
            complaints.append(words)

    want(found.expiries > 0 or expected.get("no_expiries", False), "nothing was renewed: the run proves nothing")
    want(found.calls_ok > 0 or expected.get("no_calls", False), "no call came through: the run proves nothing")
    want(found.requests >= found.expiries, f"{found.expiries} generations by {found.requests} requests: the count is wrong")
    want(found.parallel == 0, f"{found.parallel} repeats beside a request under way")
    for key, value in expected.items():
        match key:
            case "lost":
                want(len(found.lost) <= value, f"{len(found.lost)} grants lost ({some(found.lost.items())})")
            case "named":
                nameless = {subject: why for subject, why in found.lost.items() if why != "outcome_lost"}
                want(len(nameless) <= value, f"{len(nameless)} lost grants not marked outcome_lost ({some(nameless.items())})")
            case "lost_though_no_answer_died":
                without = set(found.lost) - found.died
                want(len(without) <= value, f"{len(without)} grants lost though no answer died ({some(without)})")
            case "alive_though_the_answer_died":
                kept = found.died - set(found.lost)
                want(len(kept) <= value, f"{len(kept)} grants alive though their answer died ({some(kept)})")
            case "requests_after_death":
                want(found.most_after_death <= value, f"{found.most_after_death} requests for a grant whose answer died")
            case "per_expiry":
                want(found.per_expiry <= value + 1e-9, f"{found.per_expiry:.3f} refreshes per expiry, at most {value}")
            case "median_age":
                want(found.median_age is not None and found.median_age >= value,
                     f"median age at refresh {found.median_age}, at least {value}")
            case ("stale" | "surplus" | "needless" | "forked" | "two_old" | "retry_after_ignored" | "while_store_away"
                  | "early_repeats"):
                number = getattr(found, key)
                want(number <= value, f"{key} {number}, at most {value}")
            case "other":
                want(found.calls_other <= value, f"{found.calls_other} calls not 200 ({kinds(evidence.failures)})")
            case "share_ok":
                share = found.calls_ok / max(1, found.calls_ok + found.calls_other)
                want(share >= value, f"{share:.4%} of calls 200, at least {value:.1%} ({kinds(evidence.failures)})")
            case "gap_beyond_request":
                most = value + found.own_time
                want(found.longest_gap <= most, f"longest gap {found.longest_gap:.2f} s, at most {most:.2f}")
            case "no_expiries" | "no_calls":
                pass
            case _:
                raise ValueError(f"no such promise: {key}")
    return complaints


def kinds(failures: Iterable[dict[str, Any]]) -> str:
    counts: dict[str, int] = {}
    for failure in failures:
        counts[str(failure["failure"])] = counts.get(str(failure["failure"]), 0) + 1
    return ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items(), key=lambda pair: -pair[1]))


def some(things: Iterable[Any]) -> str:
    words = sorted(": ".join(map(str, thing)) if isinstance(thing, tuple) else str(thing) for thing in things)
    return ", ".join(words[:3]) + (", …" if len(words) > 3 else "")
