"""Signs one OAuth 1.0 request (header, base string of about 1.4 kB) with Evergrant and with others.

All run in interleaved rounds of one run, on the same request, and must agree on the signature before anything is
timed. Printed are medians of CPU time and their ratios; trust the ratios, not the figures. OpenSSL is called through the
package cryptography, which adds some microseconds to it.

    scripts/setup bench && target/venv/bin/python bench/sign.py
"""

import argparse
import json
import subprocess
import time
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from oauthlib.oauth1 import Client

ROOT = Path(__file__).resolve().parent.parent
FORM = [
    ("status", "Hello Ladies + Gentlemen, a signed OAuth request! " * 4),
    ("text", "Grüße aus Köln, 100 % ☃ " * 3),
    *((f"parameter_{number:02}", f"value {number}/with=some&reserved") for number in range(8)),
]
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CASE = {
    "method": "POST",
    "url": "https://api.example.com/1.1/statuses/update.json?include_entities=true&count=100",
    "form": FORM,
    "client_key": "xvz1evFS4wEEPTGEFPHBog",
    "client_secret": "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
    "token": "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
    "token_secret": "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
    "private_key": KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode(),
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
        self.allocations = {}
        self.authorization = self._ask(json.dumps(CASE))

    def cpu_seconds(self, work: str, times: int) -> float:
        nanoseconds, allocations = map(int, self._ask(f"{work} {times}").split())
        self.allocations[work] = allocations
        return nanoseconds / 1e9 / times

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


class OpenSsl:
    def cpu_seconds(self, times: int) -> float:
        text = b"x" * 1457
        start = time.process_time()
        for _ in range(times):
            KEY.sign(text, padding.PKCS1v15(), hashes.SHA1())
        return (time.process_time() - start) / times


def parameters(authorization: str) -> set[str]:
    return set(authorization.removeprefix("OAuth ").split(", "))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=15)
    rounds = arguments.parse_args().rounds

    evergrant, oauthlib, openssl = Evergrant(), Oauthlib(), OpenSsl()
    if parameters(evergrant.authorization) != parameters(oauthlib.authorization):
        raise SystemExit(f"the two disagree:\n{evergrant.authorization}\n{oauthlib.authorization}")

    tables = {
        "HMAC-SHA1": {
            "hmac-sha1": lambda: evergrant.cpu_seconds("hmac-sha1", 20_000),
            "url-and-hmac-sha1": lambda: evergrant.cpu_seconds("url-and-hmac-sha1", 20_000),
            "by-hand": lambda: evergrant.cpu_seconds("by-hand", 20_000),
            "hmac-alone": lambda: evergrant.cpu_seconds("hmac-alone", 20_000),
            "oauth1-request": lambda: evergrant.cpu_seconds("oauth1-request", 20_000),
            "oauthlib": lambda: oauthlib.cpu_seconds(200),
        },
        "RSA-SHA256, 2048 bits": {
            "rsa-sha256": lambda: evergrant.cpu_seconds("rsa-sha256", 200),
            "aws-lc-rs": lambda: evergrant.cpu_seconds("aws-lc-rs", 200),
        },
        "RSA-SHA1, 2048 bits": {
            "rsa-sha1": lambda: evergrant.cpu_seconds("rsa-sha1", 200),
            "openssl": lambda: openssl.cpu_seconds(200),
        },
    }
    samples = {work: [] for works in tables.values() for work in works}
    for _ in range(rounds):
        for works in tables.values():
            for work, measure in works.items():
                samples[work].append(measure())

    print(f"CPU time of one signature, median of {rounds} interleaved rounds, and Evergrant's share of it")
    for title, works in tables.items():
        print(title)
        ours, *_ = [median(samples[work]) for work in works]
        for work in works:
            seconds = median(samples[work])
            allocations = evergrant.allocations.get(work)
            counted = "" if allocations is None else f"{allocations:4} allocations"
            print(f"  {work:15} {seconds * 1e6:9.2f} µs   {ours / seconds:8.4f}   {counted}")


if __name__ == "__main__":
    main()
