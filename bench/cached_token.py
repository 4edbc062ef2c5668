"""Gets a cached access token with Evergrant and with google-auth.

Both run in interleaved rounds of one run. Printed are medians of CPU time and their ratios; trust the ratios, not the
figures. google-auth's `valid` tells whether its token can be used; `before_request` is what its transports call for
every request, and sets the header.

    scripts/setup bench && target/venv/bin/python bench/cached_token.py
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
CALLS = 20_000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=25)
    rounds = arguments.parse_args().rounds
    build_release()
    rows = {**evergrant_rows(), **google_rows()}
    nanoseconds = {name: [] for name in rows}
    for _ in range(rounds):
        for name, row in rows.items():
            nanoseconds[name].append(row(CALLS) / CALLS * 1e9)
    medians = {name: median(times) for name, times in nanoseconds.items()}
    for name, figure in medians.items():
        print(f"{name:<44} {figure:8.0f} ns")
    ours = medians["evergrant access_token()"]
    for name in google_rows():
        print(f"evergrant access_token() / {name}: {ours / medians[name]:.2f}")


def build_release() -> None:
    environment = {**os.environ, "VIRTUAL_ENV": sys.prefix}
    command = [f"{sys.prefix}/bin/maturin", "develop", "--release", "--quiet"]
    subprocess.run(command, cwd=ROOT / "bindings-python", env=environment, check=True)


def evergrant_rows():
    import evergrant

    config = {"provider": "google", "client_id": "bench", "store": "memory:"}
    client = evergrant.Client(**config)
    client.put("alice", access_token="ya29.token", expires_in=3600)
    grant = client.grant("alice")
    assert grant.access_token().token == "ya29.token"

    def awaited(times):
        return asyncio.run(await_tokens(config, times))

    return {
        "evergrant access_token()": lambda times: cpu_seconds(grant.access_token, times),
        "evergrant await access_token()": awaited,
    }


async def await_tokens(config, times):
    import evergrant

    client = evergrant.AsyncClient(**config)
    await client.put("alice", access_token="ya29.token", expires_in=3600)
    grant = client.grant("alice")
    await grant.access_token()
    start = time.process_time()
    for _ in range(times):
        await grant.access_token()
    return time.process_time() - start


def google_rows():
    from google.auth.transport import Request
    from google.oauth2.credentials import Credentials

    expiry = datetime.now(timezone.utc).replace(tzinfo=None) + timedelta(hours=1)
    credentials = Credentials("ya29.token", expiry=expiry)
    request = type("NoRequest", (Request,), {"__call__": None})()
    return {
        "google-auth valid": lambda times: cpu_seconds(lambda: credentials.valid, times),
        "google-auth before_request()": lambda times: cpu_seconds(
            lambda: credentials.before_request(request, "GET", "https://www.googleapis.com/", {}), times
        ),
    }


def cpu_seconds(call, times) -> float:
    start = time.process_time()
    for _ in range(times):
        call()
    return time.process_time() - start


if __name__ == "__main__":
    main()
