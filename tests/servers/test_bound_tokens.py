"""Tokens that only their owner can use, at `oidc-provider`: bound to a key (RFC 9449), or to a certificate (RFC 8705)."""

from pathlib import Path
from typing import Any

import pytest
from http_client import journal, send
from programs import ended, met, started
from test_meetings import REDIRECT_URI, Config, assert_all_were_answered, me, public_by_own_table, stored_in


def bound_to_a_key(base_url: str, folder: Path) -> Config:
    return {**public_by_own_table(base_url, folder), "client_id": "bound", "dpop": True}


def bound_to_a_certificate(base_url: str, folder: Path, certificates: Path, name: str, method: str) -> Config:
    return {
        "provider": base_url,
        "client_id": "tls" if name == "client" else name,
        "client_authentication": method,
        "client_certificate": {"file": str(certificates / f"{name}.pem")},
        "client_certificate_key": {"file": str(certificates / f"{name}.key")},
        "tls_client_certificate_bound_access_tokens": True,
        "redirect_uri": REDIRECT_URI,
        "scope": ["openid"],
        "offline": True,
        **stored_in(folder),
    }


def token_requests(base_url: str) -> list[tuple[Any, ...]]:
    entries = [entry for entry in journal(base_url) if entry["event"] == "token"]
    return [(entry["grant_type"], entry["status"], entry.get("error")) for entry in entries]


def test_a_grant_bound_to_a_key_is_used_and_renewed(oidc_provider: str, tmp_path: Path) -> None:
    before = len(token_requests(oidc_provider))
    config = bound_to_a_key(oidc_provider, tmp_path)
    told = met("rust", "alice", config=config, request=me(oidc_provider), force=True)
    assert_all_were_answered(told, {"sub": "alice"})
    assert told.generations == [1, 2]
    assert token_requests(oidc_provider)[before:] == [("authorization_code", 200, None), ("refresh_token", 200, None)]


def test_challenges_for_a_nonce_are_answered_and_spend_nothing(
    oidc_provider_with_dpop_nonces: str, tmp_path: Path
) -> None:
    base_url = oidc_provider_with_dpop_nonces
    config = {**bound_to_a_key(base_url, tmp_path), "dpop": "auto", "provider": base_url, "detached": "off"}
    told = met("rust", "alice", config=config, request=me(base_url), force=True)
    assert_all_were_answered(told, {"sub": "alice"})
    assert told.generations == [1, 2]
    challenged, *answered = token_requests(base_url)
    assert challenged == ("authorization_code", 400, "use_dpop_nonce")
    assert answered == [("authorization_code", 200, None), ("refresh_token", 200, None)]
    assert [entry for entry in journal(base_url) if entry["event"] == "revoked"] == []


@pytest.mark.parametrize(
    ("name", "method"), [("client", "tls_client_auth"), ("self-signed", "self_signed_tls_client_auth")]
)
def test_a_certificate_authenticates_the_client_and_its_tokens_are_bound_to_it(
    oidc_provider_over_tls: str, certificates: Path, tmp_path: Path, name: str, method: str
) -> None:
    base_url = oidc_provider_over_tls
    metadata = send("GET", f"{base_url}/.well-known/openid-configuration").json()
    userinfo = {"method": "GET", "url": metadata["mtls_endpoint_aliases"]["userinfo_endpoint"]}
    config = bound_to_a_certificate(base_url, tmp_path, certificates, name, method)
    told = met("rust", "alice", config=config, request=userinfo, force=True)
    assert_all_were_answered(told, {"sub": "alice"})
    assert told.generations == [1, 2]
    assert token_requests(base_url) == [("authorization_code", 200, None), ("refresh_token", 200, None)]

    # The API knows the token by the certificate alone: without it the token is of no use.
    unbound = {**config, "tls_client_certificate_bound_access_tokens": False}
    meeting = {"subject": "alice", "consent": False, "seconds": 0, "force": False}
    with started("rust", {**meeting, "config": unbound, "request": userinfo}) as program:
        told = ended(program)
    assert {status for status, _ in told.answers} == {401}
