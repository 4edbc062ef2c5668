"""What the provider's report says of a run of the demo: a table, and whether each promise was kept."""

from __future__ import annotations

USERS = {"alice": "OAuth 2", "bob": "OAuth 1.0a"}
"""The columns of the table."""

MEDIAN_AGE_AT_LEAST = 0.75
"""Age of the token at its refresh, as a part of its lifetime: sooner would be waste."""

NO_CALLS = {"ok": 0, "other": 0}


def lines_of(report: dict) -> dict:
    """The report's line of each user."""
    return {line["user"]: line for line in report["users"]}


def refreshes_per_expiry(line: dict, grant: dict) -> float | None:
    """Refresh requests that reached the provider ÷ renewals that were committed to the store."""
    renewals = grant["generation"] - 1
    return line["refresh_requests"] / renewals if renewals else None


def judge(report: dict, grants: dict, languages: list[str]) -> list[tuple[bool, str]]:
    """What was promised, and whether it was kept."""
    lines = lines_of(report)
    alice = lines["alice"]
    ratio, age = refreshes_per_expiry(alice, grants["alice"]), alice["median_age_at_refresh"] or 0
    calls = [line["programs"].get(language, NO_CALLS) for line in lines.values() for language in languages]
    stray = report["unattributed_token_requests"]
    return [
        (ratio == 1 and stray == 0, "each expired token was renewed by one request, whoever needed it"),
        (age >= MEDIAN_AGE_AT_LEAST, f"and at the median no sooner than at {MEDIAN_AGE_AT_LEAST:.0%} of its lifetime"),
        (all(line["reuses"] == 0 for line in lines.values()), "no refresh token was sent twice"),
        (all(line["grants_lost"] == 0 for line in lines.values()), "no grant was lost"),
        (all(call["ok"] > 0 for call in calls), "every language called for both users"),
        (all(count["other"] == 0 for count in report["programs"].values()), "every call was answered 200"),
    ]


def table(report: dict, grants: dict, languages: list[str]) -> str:
    """What the provider saw, a column for each user."""
    lines = lines_of(report)

    def row(name: str, cell) -> list[str]:
        return [name, *(cell(user, lines[user]) for user in USERS)]

    def calls(language: str):
        def cell(_user: str, line: dict) -> str:
            count = line["programs"].get(language, NO_CALLS)
            return f"{count['ok']} of {count['ok'] + count['other']}"
        return cell

    def ratio(user: str, line: dict) -> str:
        value = refreshes_per_expiry(line, grants[user])
        return "-" if value is None else f"{value:.2f}"

    def age(_user: str, line: dict) -> str:
        value = line["median_age_at_refresh"]
        return "-" if value is None else f"{value:.2f}"

    rows = [
        ["", *(f"{user} ({protocol})" for user, protocol in USERS.items())],
        *(row(f"calls from {language}, answered 200", calls(language)) for language in languages),
        row("refresh requests at the provider", lambda _, line: str(line["refresh_requests"])),
        row("generations committed to the store", lambda user, _: str(grants[user]["generation"])),
        row("refreshes per expiry", ratio),
        row("median token age at refresh ÷ lifetime", age),
        row("reuses detected", lambda _, line: str(line["reuses"])),
        row("grants lost", lambda _, line: str(line["grants_lost"])),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    text = "\n".join(
        row[0].ljust(widths[0]) + "".join("  " + cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    )
    return text + "\n\nThe first generation is the consent: refreshes per expiry = refresh requests ÷ (generations - 1).\n"
