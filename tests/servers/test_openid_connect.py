"""OpenID Connect of this library's core at the oidc-provider: id_token, userinfo, introspection, logout, other keys."""

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from consent import consent
from http_client import journal, send
from programs import TARGET
from test_meetings import confidential_by_issuer


class Core:
    """A client of the Rust core in a process of its own, which does what it is told."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.program = subprocess.Popen(
            [TARGET / "debug" / "evergrant-drive", json.dumps(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def does(self, operation: str, **step: Any) -> Any:
        assert self.program.stdin is not None and self.program.stdout is not None
        self.program.stdin.write(json.dumps({"do": operation, **step}) + "\n")
        self.program.stdin.flush()
        return json.loads(self.program.stdout.readline())

    def logs_in(self, user: str) -> Any:
        callback = consent(self.does("begin", subject=user)["url"], user)
        return self.does("finish", callback=callback)

    def id_token(self, user: str) -> dict[str, Any]:
        """What the newest id_token of a user says, read out of the logout address."""
        url = self.does("logout_url", subject=user)["url"]
        payload = parse_qs(urlsplit(url).query)["id_token_hint"][0].split(".")[1]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
        return claims


@pytest.fixture
def core(oidc_provider: str, tmp_path: Path) -> Iterator[Core]:
    core = Core({**confidential_by_issuer(oidc_provider, tmp_path), "detached": "off"})
    with core.program:
        yield core
        core.program.communicate(timeout=10)


def test_an_id_token_comes_with_consent_and_with_renewal_and_is_taken(core: Core, oidc_provider: str) -> None:
    assert core.logs_in("olga")["generation"] == 1
    first = core.id_token("olga")
    assert (first["sub"], first["aud"], first["iss"]) == ("olga", "confidential", oidc_provider)
    assert len(first["nonce"]) == 43

    renewed = core.does("refresh", subject="olga", force=True)

    assert (renewed["generation"], renewed["hold"]) == (2, None)
    second = core.id_token("olga")
    assert (second["sub"], second["aud"]) == ("olga", "confidential")


def test_userinfo_is_of_the_user_who_consented(core: Core, oidc_provider: str) -> None:
    core.logs_in("ulla")
    assert core.does("userinfo", subject="ulla") == {"sub": "ulla"}
    assert journal(oidc_provider)[-1]["event"] == "userinfo"


def test_introspection_knows_either_token_until_the_grant_is_revoked(core: Core) -> None:
    core.logs_in("ivo")
    access = core.does("introspect", subject="ivo")
    assert (access["active"], access["client_id"], access["sub"]) == (True, "confidential", "ivo")
    refresh = core.does("introspect", subject="ivo", token="refresh_token")
    assert (refresh["active"], "offline_access" in refresh["scope"]) == (True, True)


def test_the_logout_address_leads_to_the_page_that_logs_out_and_to_no_other_redirect(core: Core) -> None:
    core.logs_in("lena")
    address = core.does("logout_url", subject="lena", post_logout_redirect_uri="http://127.0.0.1/bye", state="s 1")["url"]
    page = send("GET", address)
    assert (page.status, "/session/end/confirm" in page.text) == (200, True), page.text
    wrong = core.does("logout_url", subject="lena", post_logout_redirect_uri="http://127.0.0.1/other")["url"]
    assert send("GET", wrong).status == 400


def test_keys_that_the_provider_changed_are_fetched_again_and_hold_no_renewal(core: Core, oidc_provider: str) -> None:
    core.logs_in("kai")
    assert send("POST", f"{oidc_provider}/rotate_keys").status == 204
    renewed = core.does("refresh", subject="kai", force=True)
    assert (renewed["generation"], renewed["hold"]) == (2, None)
    assert core.logs_in("kim")["generation"] == 1
    assert core.does("userinfo", subject="kim") == {"sub": "kim"}
