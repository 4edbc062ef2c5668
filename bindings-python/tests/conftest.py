"""A sandbox provider for each test, and clients with either face."""

from __future__ import annotations

import inspect
import json
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import evergrant
from evergrant import _evergrant as native


class Sandbox:
    """A provider in this process, told what to do over HTTP: see sandbox/README.md."""

    def __init__(self) -> None:
        self._running = native._TestingSandbox()  # type: ignore[attr-defined]
        self.url: str = self._running.base_url

    def control(self, path: str, order: object = None) -> Any:
        data = None if order is None else json.dumps(order).encode()
        with urllib.request.urlopen(f"{self.url}/sandbox/{path}", data) as answer:
            return json.load(answer)

    def consent(self, url: str, user: str = "alice", decision: str = "allow") -> str:
        callback: str = self.control("consent", {"url": url, "user": user, "decision": decision})["redirect"]
        return callback

    def fault(self, on: str, kind: str, **more: object) -> None:
        self.control("faults", {"on": on, "kind": kind, **more})

    def decide_device(self, user_code: str, decision: str = "allow", user: str = "alice") -> None:
        """The user types the code of a device, and decides."""
        self.control("device", {"user_code": user_code, "user": user, "decision": decision})

    def answer(self, on: str, body: object, status: int = 200, times: int = 0) -> None:
        """Answers requests to one place with this."""
        text = json.dumps(body)
        self.fault(on, "status", status=status, body=text, content_type="application/json", times=times)

    def requests(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in self.control("journal") if entry["kind"] == kind]

    def refreshes(self) -> int:
        return sum(entry["grant_type"] == "refresh_token" for entry in self.requests("token"))

    def config(self, **changes: Any) -> dict[str, Any]:
        """The configuration of an OAuth 2 client."""
        return {
            "provider": {
                "name": "sandbox",
                "authorization_endpoint": f"{self.url}/oauth2/authorize",
                "token_endpoint": f"{self.url}/oauth2/token",
                "revocation_endpoint": f"{self.url}/oauth2/revoke",
            },
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
            "redirect_uri": "http://127.0.0.1:9/callback",
            "scope": ["read", "write"],
            "store": "memory:",
            **changes,
        }

    def oauth1_config(self, **changes: Any) -> dict[str, Any]:
        """The configuration of an OAuth 1 client."""
        return {
            "provider": {
                "name": "sandbox-oauth1",
                "protocol": "oauth1",
                "temporary_credential_endpoint": f"{self.url}/oauth1/request_token",
                "authorization_endpoint": f"{self.url}/oauth1/authorize",
                "token_endpoint": f"{self.url}/oauth1/access_token",
            },
            "client_id": "sandbox-consumer",
            "client_secret": "sandbox-consumer-secret",
            "redirect_uri": "http://127.0.0.1:9/callback",
            "store": "memory:",
            **changes,
        }


async def settled(result: Any) -> Any:
    """The result of an operation of either face."""
    return await result if inspect.isawaitable(result) else result


async def consent(client: Any, sandbox: Sandbox, subject: str = "alice", **options: Any) -> evergrant.Finished:
    """A user's consent, from begin to finish."""
    start = await settled(client.begin(subject, **options))
    finished: evergrant.Finished = await settled(client.finish(sandbox.consent(start.url, subject)))
    return finished


OpenClient = Callable[..., Any]


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox()


@pytest.fixture(params=[evergrant.Client, evergrant.AsyncClient], ids=["blocking", "asyncio"])
def open_client(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path) -> OpenClient:
    """Opens clients of one face on the sandbox."""

    def opened(**changes: Any) -> Any:
        return request.param(**{"state_dir": tmp_path, **sandbox.config(**changes)})

    return opened


@pytest.fixture
def client(open_client: OpenClient) -> Any:
    return open_client()


@pytest.fixture
def blocking(sandbox: Sandbox, tmp_path: Path) -> evergrant.Client:
    """A blocking client to whose grant ``alice`` has consented."""
    client = evergrant.Client(**sandbox.config(state_dir=tmp_path))
    client.finish(sandbox.consent(client.begin("alice").url))
    return client
