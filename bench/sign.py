"""Signs one OAuth 1.0 request (HMAC-SHA1, header, base string of about 1.4 kB) with Evergrant and with oauthlib.

Both run in interleaved rounds of one run, on the same request, and must agree on the signature before anything is
timed. Printed are medians of CPU time and their ratio; trust the ratio, not the figures.

    scripts/setup bench && target/venv/bin/python bench/sign.py
"""

import argparse
import json
import subprocess
import time
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from oauthlib.oauth1 import Client

ROOT = Path(__file__).resolve().parent.parent
FORM = [
    ("status", "Hello Ladies + Gentlemen, a signed OAuth request! " * 4),
    ("text", "Grüße aus Köln, 100 % ☃ " * 3),
    *((f"parameter_{number:02}", f"value {number}/with=some&reserved") for number in range(8)),
]
CASE = {
    "method": "POST",
    "url": "https://api.example.com/1.1/statuses/update.json?include_entities=true&count=100",
    "form": FORM,
    "client_key": "xvz1evFS4wEEPTGEFPHBog",
    "client_secret": "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
    "token": "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
    "token_secret": "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
    "nonce": "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg",
    "timestamp": 1318622958,
}


class Evergrant:
    """The Rust program `sign`, which stays for all rounds."""

    def __init__(self) -> None:
        build = ["cargo", "build", "--quiet", "--release", "-p", "evergrant-bench", "--bin", "sign"]
        subprocess.run(build, cwd=ROOT, check=True)
        program = ROOT / "target" / "release" / "sign"
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.authorization = self._ask(json.dumps(CASE))

    def cpu_seconds(self, work: str, times: int) -> float:
        return int(self._ask(f"{work} {times}")) / 1e9 / times

    def _ask(self, line: str) -> str:
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


class Oauthlib:
    def __init__(self) -> None:
        self._body = urlencode(FORM)
        self._headers = {"Content-Type": "application/x-www-form-urlencoded"}
        self._client = Client(
            CASE["client_key"],
            client_secret=CASE["client_secret"],
            resource_owner_key=CASE["token"],
            resource_owner_secret=CASE["token_secret"],
            nonce=CASE["nonce"],
            timestamp=str(CASE["timestamp"]),
        )
        self.authorization = self._sign()

    def cpu_seconds(self, times: int) -> float:
        start = time.process_time()
        for _ in range(times):
            self._sign()
        return (time.process_time() - start) / times

    def _sign(self) -> str:
        _, headers, _ = self._client.sign(CASE["url"], CASE["method"], self._body, self._headers)
        return headers["Authorization"]


def parameters(authorization: str) -> set[str]:
    return set(authorization.removeprefix("OAuth ").split(", "))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=15)
    rounds = arguments.parse_args().rounds

    evergrant, oauthlib = Evergrant(), Oauthlib()
    if parameters(evergrant.authorization) != parameters(oauthlib.authorization):
        raise SystemExit(f"the two disagree:\n{evergrant.authorization}\n{oauthlib.authorization}")

    samples = {"evergrant": [], "its HMAC alone": [], "oauthlib": []}
    for _ in range(rounds):
        samples["evergrant"].append(evergrant.cpu_seconds("sign", 20_000))
        samples["its HMAC alone"].append(evergrant.cpu_seconds("hmac", 20_000))
        samples["oauthlib"].append(oauthlib.cpu_seconds(200))

    print(f"sign, HMAC-SHA1: CPU time of one signature, median of {rounds} interleaved rounds")
    peer = median(samples["oauthlib"])
    for name, seconds in samples.items():
        print(f"  {name:15} {median(seconds) * 1e6:9.2f} µs   {median(seconds) / peer:8.4f} × oauthlib")


if __name__ == "__main__":
    main()
