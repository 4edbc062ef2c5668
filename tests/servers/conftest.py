"""The servers of this folder as pytest fixtures."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@contextmanager
def running(*command: str | Path) -> Iterator[str]:
    """Starts a server, gives its base URL once it listens, and ends it."""
    server = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert server.stdout is not None
        announced = server.stdout.readline()
        assert announced, f"{command} ended without listening"
        yield json.loads(announced)["base_url"]
    finally:
        server.terminate()
        server.wait(10)
        if server.stdout is not None:
            server.stdout.close()


@pytest.fixture(scope="session")
def oidc_provider() -> Iterator[str]:
    with running("node", HERE / "oidc-provider" / "server.mjs") as base_url:
        yield base_url


@pytest.fixture(scope="session")
def oidc_provider_with_short_tokens() -> Iterator[str]:
    with running("node", HERE / "oidc-provider" / "server.mjs", "--access-token-ttl", "1") as base_url:
        yield base_url


@pytest.fixture(scope="session")
def oidc_provider_with_tokens_of_two_seconds() -> Iterator[str]:
    with running("node", HERE / "oidc-provider" / "server.mjs", "--access-token-ttl", "2") as base_url:
        yield base_url


@pytest.fixture
def oidc_provider_with_tokens_of_three_seconds() -> Iterator[str]:
    with running("node", HERE / "oidc-provider" / "server.mjs", "--access-token-ttl", "3") as base_url:
        yield base_url


@pytest.fixture(scope="session")
def oauth1_provider() -> Iterator[str]:
    with running(sys.executable, HERE / "oauth1" / "server.py") as base_url:
        yield base_url
