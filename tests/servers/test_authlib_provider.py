"""Authlib's OAuth 1.0a server by itself, driven with Authlib's own client: what meetings with it may rely on."""

from typing import Any

import pytest
from authlib.integrations.requests_client import OAuth1Session
from consent import consent
from http_client import journal, send
from programs import HERE

CALLBACK = "http://127.0.0.1:9/callback"
KEY = (HERE / "oauth1-authlib" / "client.key").read_text()
BY_SECRET = {"client_id": "evergrant", "client_secret": "oauth1 client secret: 100% & more"}
BY_KEY = {"client_id": "evergrant with a key", "rsa_key": KEY, "signature_method": "RSA-SHA1"}


def granted(base_url: str, user: str, **client: str) -> Any:
    session = OAuth1Session(redirect_uri=CALLBACK, **client)
    session.fetch_request_token(f"{base_url}/request_token")
    session.parse_authorization_response(consent(session.create_authorization_url(f"{base_url}/authorize"), user))
    session.fetch_access_token(f"{base_url}/access_token")
    return session


@pytest.mark.parametrize("client", [BY_SECRET, BY_KEY, {**BY_SECRET, "signature_method": "PLAINTEXT"}])
def test_consent_by_script_ends_in_an_api_call_as_that_user(authlib_provider: str, client: dict[str, str]) -> None:
    answer = granted(authlib_provider, "bob", **client).get(f"{authlib_provider}/api/me")
    assert (answer.status_code, answer.json()) == (200, {"user": "bob", "client": client["client_id"]})


def test_a_wrong_secret_a_changed_form_and_a_nonce_used_twice_are_refused(authlib_provider: str) -> None:
    session = granted(authlib_provider, "bob", **BY_SECRET)
    url = f"{authlib_provider}/api/echo"
    once = session.post(url, data={"amount": "1"}).request
    headers = {name: str(value) for name, value in once.headers.items() if name in ("Authorization", "Content-Type")}
    session.auth.client_secret = "wrong"
    assert session.get(url).status_code == 401
    assert send("POST", url, headers, "amount=10").status == 401
    assert send("POST", url, headers, "amount=1").status == 401


def test_the_journal_tells_paths_and_statuses_and_no_secret(authlib_provider: str) -> None:
    before = len(journal(authlib_provider))
    session = granted(authlib_provider, "bob", **BY_SECRET)
    entries = journal(authlib_provider)[before:]
    assert [(entry["method"], entry["path"], entry["status"]) for entry in entries] == [
        ("POST", "/request_token", 200),
        ("GET", "/authorize", 200),
        ("POST", "/authorize", 302),
        ("POST", "/access_token", 200),
    ]
    assert not any(secret in str(entries) for secret in (session.auth.token, session.auth.token_secret))
