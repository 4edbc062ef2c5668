"""What an OAuth 2.0 server has besides code and refresh tokens: this library's core at the endpoints of oidc-provider."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from consent import connect_device
from programs import Core, Refused

REDIRECT_URI = "http://127.0.0.1:9/callback"
ONE, TWO = "https://one.api.example/", "https://two.api.example/"


Opened = Callable[..., None]


@pytest.fixture
def opened(core: Core, tmp_path: Path) -> Opened:
    """Opens the core's client."""
    stored = {"store": f"sqlite:{tmp_path / 'grants.db'}", "state_dir": str(tmp_path), "detached": "off"}

    def opened(**config: Any) -> None:
        core("open", config={"redirect_uri": REDIRECT_URI, "offline": True, **stored, **config})

    return opened


def payload(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def confidential(base_url: str) -> dict[str, Any]:
    return {
        "provider": base_url,
        "client_id": "confidential",
        "client_secret": "confidential-secret: 100% + /",
        "scope": ["openid"],
    }


def test_a_pushed_request_leaves_nothing_in_the_browsers_url_but_client_and_reference(
    oidc_provider: str, core: Core, opened: Opened
) -> None:
    opened(par="always", **confidential(oidc_provider))
    url, finished = core.granted(parameters={"acr_values": "a b"})
    assert set(parse_qs(urlsplit(url).query)) == {"client_id", "request_uri"}
    assert finished["subject"] == "alice"
    assert core("refresh")["generation"] == 2


def test_a_client_that_has_to_push_can(oidc_provider: str, core: Core, opened: Opened) -> None:
    registered = {"client_id": "pushing", "client_secret": "pushing-secret", "scope": ["openid"]}
    provider = {
        "issuer": oidc_provider,
        "authorization_endpoint": f"{oidc_provider}/auth",
        "token_endpoint": f"{oidc_provider}/token",
        "pushed_authorization_request_endpoint": f"{oidc_provider}/request",
        "require_pushed_authorization_requests": True,
        "authorization_response_iss_parameter_supported": True,
        "client_authentication": "client_secret_post",
        "offline": {"parameters": {"prompt": "consent"}, "scope": ["offline_access"]},
    }
    opened(provider=provider, **registered)
    url, finished = core.granted()
    assert "request_uri" in parse_qs(urlsplit(url).query)
    assert "missing_scope" not in finished


def test_a_pushed_request_that_is_wrong_is_told_before_the_user_sees_anything(
    oidc_provider: str, core: Core, opened: Opened
) -> None:
    opened(par="always", **confidential(oidc_provider))
    with pytest.raises(Refused) as refused:
        core("begin", options={"redirect_uri": "https://elsewhere.example/"})
    assert (refused.value.code, refused.value.error) == ("provider_error", "invalid_request")


def test_a_device_is_connected_by_a_code_typed_elsewhere(oidc_provider: str, core: Core, opened: Opened) -> None:
    opened(provider=oidc_provider, client_id="device", scope=["openid"])
    started = core("begin_device")
    polled = core("poll_device", state=started["state"])
    assert polled["finished"] is None and polled["poll_at"]
    connect_device(started["verification_uri_complete"], "alice")
    finished = core("wait_device", state=started["state"])
    assert finished["subject"] == "alice"
    assert core("poll_device", state=started["state"])["finished"] == finished
    assert core("refresh")["generation"] == 2


def test_tokens_are_for_the_resource_that_was_configured_also_after_a_refresh(
    oidc_provider: str, core: Core, opened: Opened
) -> None:
    opened(resource=[ONE], **{**confidential(oidc_provider), "scope": ["openid", "use"]})
    core.granted()
    assert payload(core("access_token"))["aud"] == ONE
    core("refresh")
    assert payload(core("access_token"))["aud"] == ONE


def test_each_of_several_resources_has_tokens_of_its_own(oidc_provider: str, core: Core, opened: Opened) -> None:
    opened(**{**confidential(oidc_provider), "scope": ["openid", "use"]})
    core.granted(resource=[ONE, TWO])
    tokens = {resource: core("access_token", options={"resource": resource}) for resource in (ONE, TWO)}
    assert {resource: payload(token)["aud"] for resource, token in tokens.items()} == {ONE: ONE, TWO: TWO}
    with pytest.raises(Refused) as refused:
        core("access_token", options={"resource": "https://three.api.example/"})
    assert refused.value.error == "invalid_target"


def test_a_registered_client_works_as_configured(oidc_provider: str, core: Core, opened: Opened) -> None:
    options = {
        "issuer": oidc_provider,
        "metadata": {
            "application_type": "native",
            "client_name": "Registered",
            "redirect_uris": ["http://127.0.0.1/callback"],
            "response_types": ["code"],
        },
        "initial_access_token": "initial-access-token",
    }
    registered = core("register", options=options)
    assert registered["metadata"]["client_name"] == "Registered"
    assert registered["registration_access_token"]
    opened(**{**registered["config"], "redirect_uri": REDIRECT_URI, "scope": ["openid"]})
    core.granted()
    assert core("refresh")["generation"] == 2


def test_a_registration_without_the_initial_access_token_is_refused(oidc_provider: str, core: Core) -> None:
    options = {"issuer": oidc_provider, "metadata": {"redirect_uris": ["http://127.0.0.1/callback"]}}
    with pytest.raises(Refused) as refused:
        core("register", options=options)
    assert refused.value.code == "provider_error"
