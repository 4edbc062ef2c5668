"""Why a grant was lost: whether the provider's answer died with a process that was killed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass
class Kill:
    language: str
    at_ms: float
    """Unix milliseconds."""


@dataclass
class Loss:
    user: str
    reason: str
    died_with: str | None
    """The program that was killed while the provider's answer was on its way to it; none where that is not proven."""


def examine(user: str, grant: dict[str, Any], family: dict[str, Any], journal: Iterable[dict[str, Any]],
            kills: Iterable[Kill], patience_ms: float) -> Loss:
    """Compares what the store has of a lost grant with what the provider had of it.

    The answer died with a process if all of this holds: the library says `outcome_lost`; the provider had renewed once
    beyond the store; nobody ever presented that last refresh token; and whoever sent the request that brought it was
    killed within `patience_ms` of its arrival, by which time a living process has its answer committed.
    """
    refreshes = [entry for entry in journal
                 if entry["family"] == family["family"] and entry["grant_type"] == "refresh_token"]
    renewals = [entry for entry in refreshes if not entry["reuse"]]
    presented = max((generation_sent(entry) for entry in refreshes), default=0)
    one_ahead = family["generation"] == grant["generation"] + 1 and presented == grant["generation"]
    killed = killed_while_answered(renewals[-1], kills, patience_ms) if renewals else None
    proven = grant["reason"] == "outcome_lost" and one_ahead and killed is not None
    return Loss(user, grant["reason"] or grant["status"], killed.language if proven else None)


def generation_sent(entry: dict[str, Any]) -> int:
    """Of the refresh token in a request: the journal has it as `refresh#GENERATION`."""
    number = dict(entry["form"]).get("refresh_token", "").removeprefix("refresh#")
    return int(number) if number.isdigit() else 0


def killed_while_answered(refresh: dict[str, Any], kills: Iterable[Kill], patience_ms: float) -> Kill | None:
    """The kill of a refresh's sender, which its user agent names, soon after its arrival."""
    sender, _, _ = refresh["user_agent"].partition(" ")
    since = refresh["at_ms"]
    of_sender = (kill for kill in kills if f"demo-{kill.language}" == sender)
    return next((kill for kill in of_sender if since <= kill.at_ms <= since + patience_ms), None)
