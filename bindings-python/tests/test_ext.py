"""A grant under other HTTP clients."""

from __future__ import annotations

from pathlib import Path

import pytest

import evergrant
from conftest import Sandbox, consent


@pytest.fixture
def oauth1(sandbox: Sandbox, tmp_path: Path) -> evergrant.Grant:
    client = evergrant.Client(**sandbox.oauth1_config(state_dir=tmp_path))
    client.finish(sandbox.consent(client.begin("alice").url))
    return client.grant("alice")


def test_requests_sends_the_token(blocking: evergrant.Client, sandbox: Sandbox) -> None:
    requests = pytest.importorskip("requests")
    from evergrant.ext.requests import Auth

    answer = requests.get(f"{sandbox.url}/api/me", auth=Auth(blocking.grant("alice")), timeout=10)
    assert answer.json()["user"] == "alice"


def test_requests_signs_a_form(oauth1: evergrant.Grant, sandbox: Sandbox) -> None:
    requests = pytest.importorskip("requests")
    from evergrant.ext.requests import Auth

    answer = requests.post(f"{sandbox.url}/api/echo?q=1", {"f": "a b"}, auth=Auth(oauth1), timeout=10)
    assert answer.json()["form"] == [["f", "a b"]]


def test_httpx_sends_the_token(blocking: evergrant.Client, sandbox: Sandbox) -> None:
    httpx = pytest.importorskip("httpx")
    from evergrant.ext.httpx import Auth

    assert httpx.get(f"{sandbox.url}/api/me", auth=Auth(blocking.grant("alice"))).json()["user"] == "alice"


def test_httpx_signs_a_form(oauth1: evergrant.Grant, sandbox: Sandbox) -> None:
    httpx = pytest.importorskip("httpx")
    from evergrant.ext.httpx import Auth

    answer = httpx.post(f"{sandbox.url}/api/echo?q=1", data={"f": "a b"}, auth=Auth(oauth1))
    assert answer.json()["form"] == [["f", "a b"]]


@pytest.mark.parametrize("protocol", ["oauth1", "oauth2"])
async def test_httpx_awaits_an_async_grant(sandbox: Sandbox, protocol: str) -> None:
    httpx = pytest.importorskip("httpx")
    from evergrant.ext.httpx import AsyncAuth

    client = evergrant.AsyncClient(**(sandbox.config() if protocol == "oauth2" else sandbox.oauth1_config()))
    await consent(client, sandbox)
    async with httpx.AsyncClient(auth=AsyncAuth(client.grant("alice"))) as session:
        answer = await session.post(f"{sandbox.url}/api/echo", data={"f": "a b"})
    assert answer.json()["form"] == [["f", "a b"]]
