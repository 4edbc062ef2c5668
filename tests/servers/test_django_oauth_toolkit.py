"""The OAuth 2.0 server on django-oauth-toolkit by itself, driven by hand: what meetings and the storm may rely on."""

import base64
import hashlib
import secrets
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

import pytest
from conftest import HERE, running
from consent import consent
from http_client import Answer, journal, send

SERVER = HERE / "django-oauth-toolkit" / "server.py"
CALLBACK = "http://127.0.0.1:9/callback"
GRACE_SECONDS = 3


@dataclass(frozen=True)
class Client:
    """One of the server's two clients, at one server."""

    base_url: str
    client_id: str = "confidential"
    client_secret: str | None = "confidential-secret: 100% + /"

    def granted(self, user: str = "alice") -> dict[str, Any]:
        """The token response after a user's consent."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self.client_id,
                "redirect_uri": CALLBACK,
                "state": "a state",
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            }
        )
        callback = parse_qs(urlsplit(consent(f"{self.base_url}/o/authorize/?{query}", user)).query)
        answer = self.token_request(
            grant_type="authorization_code", code=callback["code"][0], code_verifier=verifier, redirect_uri=CALLBACK
        )
        assert answer.status == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    def refresh(self, tokens: dict[str, Any]) -> Answer:
        return self.token_request(grant_type="refresh_token", refresh_token=tokens["refresh_token"])

    def token_request(self, **parameters: str) -> Answer:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self.client_secret is None:
            parameters["client_id"] = self.client_id
        else:
            credentials = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
            headers["Authorization"] = "Basic " + base64.b64encode(credentials.encode()).decode()
        return send("POST", f"{self.base_url}/o/token/", headers, urlencode(parameters))

    def me(self, tokens: dict[str, Any]) -> Answer:
        return send("GET", f"{self.base_url}/api/me", {"Authorization": f"Bearer {tokens['access_token']}"})

    def families(self) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = send("GET", f"{self.base_url}/grants").json()
        return told


@pytest.fixture(scope="module")
def strict() -> Iterator[str]:
    with running(sys.executable, SERVER) as base_url:
        yield base_url


@pytest.fixture(scope="module")
def lenient() -> Iterator[str]:
    with running(sys.executable, SERVER, "--grace", str(GRACE_SECONDS), "--access-token-ttl", "2") as base_url:
        yield base_url


@pytest.mark.parametrize("client", [("confidential", "confidential-secret: 100% + /"), ("public", None)], ids=lambda c: c[0])
def test_consent_by_script_ends_in_an_api_call_as_that_user(strict: str, client: tuple[str, str | None]) -> None:
    at = Client(strict, *client)
    answer = at.me(at.granted("carol"))
    assert (answer.status, answer.json()) == (200, {"sub": "carol"})


def test_a_refresh_rotates_and_ends_the_old_access_token_at_once(strict: str) -> None:
    client = Client(strict)
    first = client.granted()
    second = client.refresh(first).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert (client.me(first).status, client.me(second).status) == (401, 200)


def test_without_grace_a_refresh_token_used_twice_kills_its_family(strict: str) -> None:
    client = Client(strict)
    first = client.granted("dora")
    second = client.refresh(first).json()

    reuse = client.refresh(first)

    assert (reuse.status, reuse.json()["error"]) == (400, "invalid_grant")
    assert client.refresh(second).status == 400
    assert client.me(second).status == 401
    assert [family["alive"] for family in client.families() if family["user"] == "dora"] == [False]


def test_inside_the_grace_it_brings_the_same_successor_and_after_it_death(lenient: str) -> None:
    client = Client(lenient)
    first = client.granted("erik")
    second = client.refresh(first).json()
    again = client.refresh(first).json()
    assert again["refresh_token"] == second["refresh_token"]
    assert client.me(again).status == 200

    time.sleep(GRACE_SECONDS + 0.5)
    assert client.refresh(first).status == 400
    assert client.refresh(second).status == 400
    [family] = [family for family in client.families() if family["user"] == "erik"]
    assert (family["generations"], family["alive"]) == (2, False)


def test_two_generations_old_is_death_even_inside_the_grace(lenient: str) -> None:
    client = Client(lenient)
    first = client.granted()
    second = client.refresh(first).json()
    third = client.refresh(second).json()
    assert client.refresh(first).status == 400
    assert client.refresh(third).status == 400


def test_an_access_token_lives_as_long_as_the_server_was_told(lenient: str) -> None:
    client = Client(lenient)
    tokens = client.granted()
    assert tokens["expires_in"] == 2
    assert client.me(tokens).status == 200
    time.sleep(2.1)
    assert client.me(tokens).status == 401


def test_the_journal_tells_requests_and_no_token(strict: str) -> None:
    client = Client(strict)
    tokens = client.granted("fred")
    before = len(journal(strict))
    client.refresh(tokens)
    client.me(tokens)
    told = journal(strict)
    assert [(entry["event"], entry["status"]) for entry in told[before:]] == [("token", 200), ("api", 401)]
    assert tokens["access_token"] not in str(told)
    assert tokens["refresh_token"] not in str(told)
