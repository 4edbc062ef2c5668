"""The command line of the storm: which scenarios are run, and the table that comes of them."""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
import tomllib
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from providers import BUILD, PROVIDERS, TREE, Manner
from stores import STORES
from verdict import Found

PLACE = TREE / "target/storm"
SCENARIOS = Path(__file__).parent / "scenarios.toml"

COLUMNS = ["scenario", "store", "server", "seed", "grants", "expiries", "per expiry", "median age", "calls 200", "other",
           "lost", "outcome_lost", "longest gap", "verdict"]


def main(usage: str) -> int:
    options = parse_arguments(usage)
    PLACE.mkdir(parents=True, exist_ok=True)
    plans = list(chosen(options))
    if options.list:
        for plan in plans:
            print(plan.scenario, plan.store, plan.server, plan.grants, f"{plan.seconds:g}s", plan.seed)
        return 0
    build()
    rows: list[list[str]] = []
    for number, plan in enumerate(plans, 1):
        print(f"storm: {number}/{len(plans)} {plan.scenario} on {plan.store} at {plan.server}, seed {plan.seed}", flush=True)
        rows.append(row_of(plan))
        print(" | ".join(rows[-1]), flush=True)
        (PLACE / "table.md").write_text(table(rows))
    print("\n" + table(rows))
    broken = sum(not row[-1].startswith("kept") for row in rows)
    print(f"{len(rows) - broken} kept, {broken} BROKEN")
    return bool(broken)


def parse_arguments(usage: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=usage, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", nargs="+", metavar="NAME", choices=list(scenarios()))
    parser.add_argument("--store", nargs="+", choices=list(STORES))
    parser.add_argument("--server", nargs="+", choices=list(PROVIDERS))
    parser.add_argument("--seeds", type=int, metavar="N", help="runs of each line, each with another seed")
    parser.add_argument("--seed", type=int, metavar="N", help="the first seed; printed with each line")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--grants", type=int, nargs="+")
    parser.add_argument("--languages", nargs="+", default=["rust", "python", "node", "php", "c"],
                        help="of the workers; one process for each word")
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="all of it so many times")
    parser.add_argument("--subset", action="store_true")
    parser.add_argument("--list", action="store_true", help="only say what would be run")
    return parser.parse_args()


def scenarios() -> dict[str, dict[str, Any]]:
    return tomllib.loads(SCENARIOS.read_text())


def chosen(options: argparse.Namespace) -> Iterator[Any]:
    from storm import Plan

    first_seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    for _ in range(options.runs):
        for name, scenario in scenarios().items():
            if options.scenario and name not in options.scenario:
                continue
            if options.subset:
                if "subset" not in scenario:
                    continue
                scenario = {**scenario, "seeds": 1, **scenario["subset"]}
            variants = [{**scenario, **variant} for variant in scenario.get("variants", [{}])]
            for variant in variants:
                for store in variant["stores"]:
                    for server in variant["servers"]:
                        if (options.store and store not in options.store) or (options.server and server not in options.server):
                            continue
                        for grants in options.grants or [variant["grants"]]:
                            for number in range(options.seeds or variant.get("seeds", 1)):
                                yield Plan(
                                    scenario=name,
                                    about=variant["about"],
                                    store=store,
                                    server=server,
                                    grants=grants,
                                    seconds=options.seconds or variant["seconds"],
                                    seed=first_seed + number,
                                    manner=Manner(**variant["manner"]),
                                    faults=tuple(variant.get("faults", [])),
                                    acts=tuple(variant.get("acts", [])),
                                    promises=variant["must"],
                                    config=variant.get("config", {}),
                                    languages=tuple(options.languages),
                                    kind=variant.get("kind", "workers"),
                                )


def build() -> None:
    started = time.monotonic()
    log = PLACE / "build.log"
    print("storm: building the library, the command line and the workers", flush=True)
    with log.open("w") as output:
        done = subprocess.run([TREE / "tests/storm/build", BUILD], stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        sys.exit(f"storm: the build failed:\n{log.read_text()[-4000:]}")
    print(f"storm: built in {time.monotonic() - started:.0f} s", flush=True)


def row_of(plan: Any) -> list[str]:
    """Runs a line of the table. What keeps it from being run to its end breaks it, too."""
    from special import Keepalive, Places
    from storm import Run

    kinds = {"workers": Run, "keepalive": Keepalive, "places": Places}
    key = [plan.scenario, plan.store, plan.server, str(plan.seed)]
    try:
        run = kinds[plan.kind](plan)
        try:
            found, complaints = run.run()
        finally:
            run.close()
    except Exception as failure:
        traceback.print_exc()
        return [*key, *[""] * (len(COLUMNS) - len(key) - 1), f"BROKEN: {type(failure).__name__}: {failure}"]
    return [*key, *figures(found), "BROKEN: " + "; ".join(complaints) if complaints else "kept"]


def figures(found: Found) -> list[str]:
    age = "" if found.median_age is None else f"{found.median_age:.2f}"
    return [str(found.grants), str(found.expiries), f"{found.per_expiry:.3f}", age, str(found.calls_ok),
            str(found.calls_other), str(len(found.lost)), str(found.outcome_lost), f"{found.longest_gap:.2f} s"]


def table(rows: list[list[str]]) -> str:
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
