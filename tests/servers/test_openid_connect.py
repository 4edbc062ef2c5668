"""OpenID Connect of this library's core at the oidc-provider: id_token, userinfo, introspection, logout, other keys."""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from http_client import journal, send
from programs import Core
from test_meetings import confidential_by_issuer


@pytest.fixture
def openid(core: Core, oidc_provider: str, tmp_path: Path) -> Core:
    core("open", config={**confidential_by_issuer(oidc_provider, tmp_path), "detached": "off"})
    return core


def id_token(core: Core, user: str) -> dict[str, Any]:
    """What the newest id_token of a user says, read out of the logout address."""
    url = core("logout_url", options={"subject": user})["url"]
    payload = parse_qs(urlsplit(url).query)["id_token_hint"][0].split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


def test_an_id_token_comes_with_consent_and_with_renewal_and_is_taken(openid: Core, oidc_provider: str) -> None:
    assert openid.granted("olga")[1]["generation"] == 1
    first = id_token(openid, "olga")
    assert (first["sub"], first["aud"], first["iss"]) == ("olga", "confidential", oidc_provider)
    assert len(first["nonce"]) == 43

    renewed = openid("refresh", "olga", options={"force": True})

    assert (renewed["generation"], renewed["hold"]) == (2, None)
    second = id_token(openid, "olga")
    assert (second["sub"], second["aud"]) == ("olga", "confidential")


def test_userinfo_is_of_the_user_who_consented(openid: Core, oidc_provider: str) -> None:
    openid.granted("ulla")
    assert openid("userinfo", "ulla") == {"sub": "ulla"}
    assert journal(oidc_provider)[-1]["event"] == "userinfo"


def test_introspection_knows_either_token_until_the_grant_is_revoked(openid: Core) -> None:
    openid.granted("ivo")
    access = openid("introspect", "ivo")
    assert (access["active"], access["client_id"], access["sub"]) == (True, "confidential", "ivo")
    refresh = openid("introspect", "ivo", options={"token": "refresh_token"})
    assert (refresh["active"], "offline_access" in refresh["scope"]) == (True, True)


def test_the_logout_address_leads_to_the_page_that_logs_out_and_to_no_other_redirect(openid: Core) -> None:
    openid.granted("lena")
    lena = {"subject": "lena"}
    address = openid("logout_url", options={**lena, "post_logout_redirect_uri": "http://127.0.0.1/bye", "state": "s 1"})["url"]
    page = send("GET", address)
    assert (page.status, "/session/end/confirm" in page.text) == (200, True), page.text
    wrong = openid("logout_url", options={**lena, "post_logout_redirect_uri": "http://127.0.0.1/other"})["url"]
    assert send("GET", wrong).status == 400


def test_keys_that_the_provider_changed_are_fetched_again_and_hold_no_renewal(openid: Core, oidc_provider: str) -> None:
    openid.granted("kai")
    assert send("POST", f"{oidc_provider}/rotate_keys").status == 204
    renewed = openid("refresh", "kai", options={"force": True})
    assert (renewed["generation"], renewed["hold"]) == (2, None)
    assert openid.granted("kim")[1]["generation"] == 1
    assert openid("userinfo", "kim") == {"sub": "kim"}
