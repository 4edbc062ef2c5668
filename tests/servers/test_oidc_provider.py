"""The OAuth 2.0 server by itself, driven by hand: what meetings with it may rely on."""

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

import pytest
from consent import consent
from http_client import Answer, journal, send

CALLBACK = "http://127.0.0.1:9/callback"
EXPIRY_DEADLINE_SECONDS = 10


@dataclass(frozen=True)
class Client:
    """One of the server's two clients, at one server."""

    base_url: str
    client_id: str
    client_secret: str | None = None

    def authorization_code(self, code_verifier: str) -> str:
        state = secrets.token_urlsafe()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self.client_id,
                "redirect_uri": CALLBACK,
                "scope": "openid offline_access",
                "prompt": "consent",
                "state": state,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            }
        )
        callback = parse_qs(urlsplit(consent(f"{self.base_url}/auth?{query}")).query)
        assert callback["state"] == [state]
        return callback["code"][0]

    def exchange(self, code: str, code_verifier: str) -> Answer:
        return self.token_request(
            grant_type="authorization_code", code=code, code_verifier=code_verifier, redirect_uri=CALLBACK
        )

    def refresh(self, refresh_token: str) -> Answer:
        return self.token_request(grant_type="refresh_token", refresh_token=refresh_token)

    def token_request(self, **parameters: str) -> Answer:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self.client_secret is None:
            parameters["client_id"] = self.client_id
        else:
            credentials = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
            headers["Authorization"] = "Basic " + base64.b64encode(credentials.encode()).decode()
        return send("POST", f"{self.base_url}/token", headers, urlencode(parameters))

    def granted(self) -> dict[str, Any]:
        """The token response after a user's consent."""
        code_verifier = secrets.token_urlsafe(48)
        answer = self.exchange(self.authorization_code(code_verifier), code_verifier)
        assert answer.status == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    def me(self, access_token: str) -> Answer:
        return send("GET", f"{self.base_url}/me", {"Authorization": f"Bearer {access_token}"})


def confidential(base_url: str) -> Client:
    return Client(base_url, "confidential", "confidential-secret: 100% + /")


def public(base_url: str) -> Client:
    return Client(base_url, "public")


@pytest.fixture(params=[confidential, public], ids=["confidential", "public"])
def client(request: pytest.FixtureRequest, oidc_provider: str) -> Client:
    made: Client = request.param(oidc_provider)
    return made


def test_consent_by_script_ends_in_an_api_call_as_that_user(client: Client) -> None:
    answer = client.me(client.granted()["access_token"])
    assert (answer.status, answer.json()) == (200, {"sub": "alice"})


def test_a_wrong_code_verifier_gets_no_tokens(client: Client) -> None:
    answer = client.exchange(client.authorization_code(secrets.token_urlsafe(48)), secrets.token_urlsafe(48))
    assert (answer.status, answer.json()["error"]) == (400, "invalid_grant")


def test_every_refresh_rotates_for_both_kinds_of_client(client: Client) -> None:
    refresh_tokens = [client.granted()["refresh_token"]]
    for _ in range(3):
        answer = client.refresh(refresh_tokens[-1])
        assert answer.status == 200, answer.text
        assert client.me(answer.json()["access_token"]).status == 200
        refresh_tokens.append(answer.json()["refresh_token"])
    assert len(set(refresh_tokens)) == 4


def test_a_refresh_token_used_twice_kills_the_grant_and_its_newest_tokens(client: Client) -> None:
    first = client.granted()
    second = client.refresh(first["refresh_token"]).json()
    assert client.me(second["access_token"]).status == 200

    reuse = client.refresh(first["refresh_token"])

    assert (reuse.status, reuse.json()["error"]) == (400, "invalid_grant")
    assert client.refresh(second["refresh_token"]).status == 400
    assert client.me(second["access_token"]).status == 401


def test_the_journal_names_the_reuse_and_the_revoked_grant(oidc_provider: str) -> None:
    client = confidential(oidc_provider)
    refresh_token = client.granted()["refresh_token"]
    before = len(journal(oidc_provider))
    client.refresh(refresh_token)
    client.refresh(refresh_token)

    rotated, *of_reuse = journal(oidc_provider)[before:]
    assert (rotated["status"], rotated["grant_type"], rotated["rotations"]) == (200, "refresh_token", 1)
    assert [entry["event"] for entry in of_reuse] == ["revoked", "token"]
    assert of_reuse[1]["reason"] == "refresh token already used"
    assert {entry["grant_id"] for entry in (rotated, *of_reuse)} == {rotated["grant_id"]}


def test_the_journal_holds_no_token(client: Client) -> None:
    tokens = client.granted()
    told = str(journal(client.base_url))
    assert tokens["access_token"] not in told
    assert tokens["refresh_token"] not in told


def test_an_access_token_lives_as_long_as_the_server_was_told(oidc_provider_with_short_tokens: str) -> None:
    client = confidential(oidc_provider_with_short_tokens)
    tokens = client.granted()
    assert tokens["expires_in"] == 1
    deadline = time.monotonic() + EXPIRY_DEADLINE_SECONDS
    while client.me(tokens["access_token"]).status != 401:
        assert time.monotonic() < deadline, "the access token never expired"
    assert client.refresh(tokens["refresh_token"]).status == 200
