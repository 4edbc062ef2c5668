"""The servers of this folder as pytest fixtures."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from programs import Core

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
def oidc_provider_with_dpop_nonces() -> Iterator[str]:
    with running("node", HERE / "oidc-provider" / "server.mjs", "--dpop-nonce") as base_url:
        yield base_url


@pytest.fixture
def oidc_provider_over_tls(certificates: Path) -> Iterator[str]:
    with running("node", HERE / "oidc-provider" / "server.mjs", "--tls", certificates) as base_url:
        yield base_url


@pytest.fixture(scope="session")
def made_certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority, what it signed for the server and for a client, and what a client signed itself."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    def made(name: str, *more: str) -> None:
        request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        openssl(*request, "-subj", f"/CN=evergrant test {name}", "-keyout", f"{name}.key", "-out", f"{name}.pem", *more)

    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"]
    made("ca")
    made("server", *signed, "-addext", "subjectAltName=IP:127.0.0.1")
    made("client", *signed)
    made("self-signed", "-addext", "basicConstraints=critical,CA:FALSE")
    return folder


@pytest.fixture
def certificates(made_certificates: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, while this process and its children trust the authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(made_certificates / "ca.pem"))
    return made_certificates


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


@pytest.fixture
def django_oauth_toolkit() -> Iterator[str]:
    with running(sys.executable, HERE / "django-oauth-toolkit" / "server.py") as base_url:
        yield base_url


@pytest.fixture(scope="session")
def oauthlib_provider() -> Iterator[str]:
    with running(sys.executable, HERE / "oauth1-oauthlib" / "server.py") as base_url:
        yield base_url


@pytest.fixture(scope="session")
def authlib_provider() -> Iterator[str]:
    with running(sys.executable, HERE / "oauth1-authlib" / "server.py") as base_url:
        yield base_url


@pytest.fixture
def core() -> Iterator[Core]:
    core = Core()
    with core.program:
        yield core
        core.program.communicate(timeout=60)
