"""A grant under other HTTP clients."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import requests

import evergrant
import evergrant.ext.httpx
import evergrant.ext.requests
from conftest import Sandbox, consent


@pytest.fixture
def oauth1(sandbox: Sandbox, tmp_path: Path) -> evergrant.Grant:
    client = evergrant.Client(**sandbox.oauth1_config(state_dir=tmp_path))
    client.finish(sandbox.consent(client.begin("alice").url))
    return client.grant("alice")


def test_requests_sends_the_token(blocking: evergrant.Client, sandbox: Sandbox) -> None:
    answer = requests.get(f"{sandbox.url}/api/me", auth=evergrant.ext.requests.Auth(blocking.grant("alice")), timeout=10)
    assert answer.json()["user"] == "alice"


def test_requests_signs_a_form(oauth1: evergrant.Grant, sandbox: Sandbox) -> None:
    answer = requests.post(f"{sandbox.url}/api/echo?q=1", {"f": "a b"}, auth=evergrant.ext.requests.Auth(oauth1), timeout=10)
    assert answer.json()["form"] == [["f", "a b"]]


def test_httpx_sends_the_token(blocking: evergrant.Client, sandbox: Sandbox) -> None:
    assert httpx.get(f"{sandbox.url}/api/me", auth=evergrant.ext.httpx.Auth(blocking.grant("alice"))).json()["user"] == "alice"


def test_httpx_signs_a_form(oauth1: evergrant.Grant, sandbox: Sandbox) -> None:
    answer = httpx.post(f"{sandbox.url}/api/echo?q=1", data={"f": "a b"}, auth=evergrant.ext.httpx.Auth(oauth1))
    assert answer.json()["form"] == [["f", "a b"]]


@pytest.mark.parametrize("protocol", ["oauth1", "oauth2"])
async def test_httpx_awaits_an_async_grant(sandbox: Sandbox, protocol: str) -> None:
    client = evergrant.AsyncClient(**(sandbox.config() if protocol == "oauth2" else sandbox.oauth1_config()))
    await consent(client, sandbox)
    async with httpx.AsyncClient(auth=evergrant.ext.httpx.AsyncAuth(client.grant("alice"))) as session:
        answer = await session.post(f"{sandbox.url}/api/echo", data={"f": "a b"})
    assert answer.json()["form"] == [["f", "a b"]]


def test_requests_sends_once_more_after_a_401(blocking: evergrant.Client, sandbox: Sandbox) -> None:
    auth = evergrant.ext.requests.Auth(blocking.grant("alice"))
    sandbox.control("expire_access", {"user": "alice"})
    answer = requests.post(f"{sandbox.url}/api/echo", {"f": "1"}, auth=auth, timeout=10)
    assert (answer.status_code, len(answer.history)) == (200, 1)
    assert requests.get(f"{sandbox.url}/api/status/401", auth=auth, timeout=10).status_code == 401


def test_httpx_sends_once_more_after_a_401(blocking: evergrant.Client, sandbox: Sandbox) -> None:
    auth = evergrant.ext.httpx.Auth(blocking.grant("alice"))
    sandbox.control("expire_access", {"user": "alice"})
    assert httpx.post(f"{sandbox.url}/api/echo", data={"f": "1"}, auth=auth).status_code == 200
    assert httpx.get(f"{sandbox.url}/api/status/401", auth=auth).status_code == 401


async def test_httpx_sends_once_more_after_a_401_of_an_async_grant(sandbox: Sandbox) -> None:
    client = evergrant.AsyncClient(**sandbox.config())
    await consent(client, sandbox)
    sandbox.control("expire_access", {"user": "alice"})
    async with httpx.AsyncClient(auth=evergrant.ext.httpx.AsyncAuth(client.grant("alice"))) as session:
        assert (await session.get(f"{sandbox.url}/api/me")).json()["user"] == "alice"


def test_requests_tells_that_a_revoked_token_needs_consent(oauth1: evergrant.Grant, sandbox: Sandbox) -> None:
    sandbox.control("revoke", {"user": "alice"})
    with pytest.raises(evergrant.NeedsConsentError):
        requests.get(f"{sandbox.url}/api/me", auth=evergrant.ext.requests.Auth(oauth1), timeout=10)
    assert oauth1.inspect()["status"] == "needs_consent"


def test_httpx_tells_that_a_revoked_token_needs_consent(oauth1: evergrant.Grant, sandbox: Sandbox) -> None:
    sandbox.control("revoke", {"user": "alice"})
    with pytest.raises(evergrant.NeedsConsentError):
        httpx.get(f"{sandbox.url}/api/me", auth=evergrant.ext.httpx.Auth(oauth1))
    assert oauth1.inspect()["status"] == "needs_consent"
