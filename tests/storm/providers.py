"""The authorization servers of the storm: three that others or we wrote, started alone, each with its users' consent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TREE = Path(__file__).resolve().parent.parent.parent
BUILD = os.environ.get("STORM_BUILD", "debug")
"""Which build of the library is run: `debug` or `release`."""
BUILT = TREE / ("target/storm/cargo/release" if BUILD == "release" else "target/debug")
EVERGRANT = BUILT / "evergrant"
SERVERS = TREE / "tests" / "servers"
sys.path.insert(0, str(SERVERS))
import consent as browser  # noqa: E402

CONFIDENTIAL = {"client_id": "confidential", "client_secret": "confidential-secret: 100% + /"}


@dataclass(frozen=True)
class Manner:
    """How a server is to behave."""

    lifetime: int
    """Of access tokens, in seconds."""
    grace: int = 0
    """Seconds in which a used refresh token may be sent again; 0: it kills its grant."""
    rotates: bool = True
    keeps_old_access_token: bool = True
    """Only the sandbox can be told; `dot` never keeps it, `oidc` always."""


class Provider:
    """A running server. Ended by `close`."""

    can_have_grace = True
    kills_old_access_token = False

    def __init__(self, manner: Manner) -> None:
        self.manner = manner
        command = [str(word) for word in self.command(manner)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._process.stdout is not None
        announced = self._process.stdout.readline()
        if not announced:
            raise RuntimeError(f"{command} ended without listening")
        self.base_url: str = json.loads(announced)["base_url"]

    def command(self, manner: Manner) -> list[Any]:
        raise NotImplementedError

    def endpoints(self) -> dict[str, Any]:
        """The [provider] table but for `token_endpoint`."""
        raise NotImplementedError

    token_path: str
    api_path: str
    client: dict[str, Any]

    def configuration(self, token_endpoint: str) -> dict[str, Any]:
        manner = self.manner
        rotation = {"grace": manner.grace, "kills_on_reuse": True} if manner.rotates else {}
        provider = {
            "name": "storm",
            "token_endpoint": token_endpoint,
            "client_authentication": "client_secret_basic",
            **({"rotation": rotation} if rotation else {}),
            **self.endpoints(),
        }
        return {"provider": provider, "redirect_uri": "http://127.0.0.1/callback", **self.client}

    def consent(self, url: str, user: str) -> str:
        """What the user's browser would do; the callback address."""
        return browser.consent(url, user)

    def living(self) -> dict[str, int]:
        """How many grants of each user are alive there."""
        raise NotImplementedError

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.base_url + path, timeout=60) as answer:
            return json.load(answer)

    def post(self, path: str, body: object) -> Any:
        with urllib.request.urlopen(self.base_url + path, json.dumps(body).encode(), timeout=60) as answer:
            return json.load(answer)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Sandbox(Provider):
    """This project's own."""

    token_path, api_path = "/oauth2/token", "/api/me"
    client = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}

    def __init__(self, manner: Manner) -> None:
        super().__init__(manner)
        self.post("/sandbox/options", {
            "rotate": manner.rotates,
            "grace": manner.grace,
            "keep_old_access_token": manner.keeps_old_access_token,
        })

    def command(self, manner: Manner) -> list[Any]:
        lifetime = ["--access-token-lifetime", manner.lifetime]
        return [EVERGRANT, "sandbox", "--port", 0, "--json", *lifetime]

    def endpoints(self) -> dict[str, Any]:
        return {
            "authorization_endpoint": f"{self.base_url}/oauth2/authorize",
            "revocation_endpoint": f"{self.base_url}/oauth2/revoke",
        }

    def consent(self, url: str, user: str) -> str:
        redirect: str = self.post("/sandbox/consent", {"url": url, "user": user, "decision": "allow"})["redirect"]
        return redirect

    def living(self) -> dict[str, int]:
        return counted(grant["user"] for grant in self.get("/sandbox/grants") if grant["alive"])


class OidcProvider(Provider):
    """npm `oidc-provider`: no grace, ever."""

    token_path, api_path, client = "/token", "/me", CONFIDENTIAL
    can_have_grace = False

    def command(self, manner: Manner) -> list[Any]:
        return ["node", SERVERS / "oidc-provider/server.mjs", "--access-token-ttl", manner.lifetime]

    def endpoints(self) -> dict[str, Any]:
        return {
            "authorization_endpoint": f"{self.base_url}/auth",
            "revocation_endpoint": f"{self.base_url}/token/revocation",
            "authorization_parameters": {"prompt": "consent"},
        }

    def configuration(self, token_endpoint: str) -> dict[str, Any]:
        return {**super().configuration(token_endpoint), "scope": ["openid", "offline_access"]}

    def living(self) -> dict[str, int]:
        return counted(grant["user"] for grant in self.get("/grants") if grant["alive"])


class DjangoOauthToolkit(Provider):
    """Kills the old access token at each refresh."""

    token_path, api_path, client = "/o/token/", "/api/me", CONFIDENTIAL
    kills_old_access_token = True

    def command(self, manner: Manner) -> list[Any]:
        times = ["--access-token-ttl", manner.lifetime, "--grace", manner.grace]
        return [sys.executable, SERVERS / "django-oauth-toolkit/server.py", *times]

    def endpoints(self) -> dict[str, Any]:
        return {
            "authorization_endpoint": f"{self.base_url}/o/authorize/",
            "revocation_endpoint": f"{self.base_url}/o/revoke_token/",
        }

    def living(self) -> dict[str, int]:
        return counted(grant["user"] for grant in self.get("/grants") if grant["alive"])


PROVIDERS: dict[str, type[Provider]] = {"sandbox": Sandbox, "oidc": OidcProvider, "dot": DjangoOauthToolkit}


def counted(users: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for user in users:
        counts[user] = counts.get(user, 0) + 1
    return counts
