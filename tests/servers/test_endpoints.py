"""What an OAuth 2.0 server has besides code and refresh tokens: this library's core at the endpoints of oidc-provider."""

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from consent import connect_device, consent
from programs import TARGET

ANSWERS_WITHIN_SECONDS = 60
REDIRECT_URI = "http://127.0.0.1:9/callback"
ONE, TWO = "https://one.api.example/", "https://two.api.example/"


class Refused(Exception):
    """The program replied with an error; `code` is its code."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error)
        self.code = error["code"]
        self.error = error.get("error")


class Asking:
    """The program `ask.rs`, with one client."""

    def __init__(self, folder: Path) -> None:
        self.stored = {"store": f"sqlite:{folder / 'grants.db'}", "state_dir": str(folder), "detached": "off"}
        self.program = subprocess.Popen(
            [str(TARGET / "debug" / "evergrant-ask")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, do: str, **arguments: Any) -> Any:
        assert self.program.stdin is not None and self.program.stdout is not None
        self.program.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.program.stdin.flush()
        reply = json.loads(self.program.stdout.readline())
        if "error" in reply:
            raise Refused(reply["error"])
        return reply["ok"]

    def opened(self, **config: Any) -> "Asking":
        self("open", config={"redirect_uri": REDIRECT_URI, "offline": True, **self.stored, **config})
        return self

    def granted(self, **options: Any) -> tuple[str, Any]:
        """The authorization URL, and what the consent led to."""
        url: str = self("begin", options=options)["url"]
        return url, self("finish", callback=consent(url))


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Asking]:
    asking = Asking(tmp_path)
    with asking.program:
        yield asking
        asking.program.kill()


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
    oidc_provider: str, asking: Asking
) -> None:
    asking.opened(par="always", **confidential(oidc_provider))
    url, finished = asking.granted(parameters={"acr_values": "a b"})
    assert set(parse_qs(urlsplit(url).query)) == {"client_id", "request_uri"}
    assert finished["subject"] == "alice"
    assert asking("refresh")["generation"] == 2


def test_a_client_that_has_to_push_can(oidc_provider: str, asking: Asking) -> None:
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
    url, finished = asking.opened(provider=provider, **registered).granted()
    assert "request_uri" in parse_qs(urlsplit(url).query)
    assert "missing_scope" not in finished


def test_a_pushed_request_that_is_wrong_is_told_before_the_user_sees_anything(
    oidc_provider: str, asking: Asking
) -> None:
    asking.opened(par="always", **confidential(oidc_provider))
    with pytest.raises(Refused) as refused:
        asking("begin", options={"redirect_uri": "https://elsewhere.example/"})
    assert (refused.value.code, refused.value.error) == ("provider_error", "invalid_request")


def test_a_device_is_connected_by_a_code_typed_elsewhere(oidc_provider: str, asking: Asking) -> None:
    asking.opened(provider=oidc_provider, client_id="device", scope=["openid"])
    started = asking("begin_device")
    polled = asking("poll_device", state=started["state"])
    assert polled["finished"] is None and polled["poll_at"]
    connect_device(started["verification_uri_complete"], "alice")
    finished = asking("wait_device", state=started["state"])
    assert finished["subject"] == "alice"
    assert asking("poll_device", state=started["state"])["finished"] == finished
    assert asking("refresh")["generation"] == 2


def test_tokens_are_for_the_resource_that_was_configured_also_after_a_refresh(
    oidc_provider: str, asking: Asking
) -> None:
    asking.opened(resource=[ONE], **{**confidential(oidc_provider), "scope": ["openid", "use"]})
    asking.granted()
    assert payload(asking("access_token"))["aud"] == ONE
    asking("refresh")
    assert payload(asking("access_token"))["aud"] == ONE


def test_each_of_several_resources_has_tokens_of_its_own(oidc_provider: str, asking: Asking) -> None:
    asking.opened(**{**confidential(oidc_provider), "scope": ["openid", "use"]})
    asking.granted(resource=[ONE, TWO])
    tokens = {resource: asking("access_token", options={"resource": resource}) for resource in (ONE, TWO)}
    assert {resource: payload(token)["aud"] for resource, token in tokens.items()} == {ONE: ONE, TWO: TWO}
    with pytest.raises(Refused) as refused:
        asking("access_token", options={"resource": "https://three.api.example/"})
    assert refused.value.error == "invalid_target"


def test_a_registered_client_works_as_configured(oidc_provider: str, asking: Asking) -> None:
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
    registered = asking("register", options=options)
    assert registered["metadata"]["client_name"] == "Registered"
    assert registered["registration_access_token"]
    asking.opened(**{**registered["config"], "redirect_uri": REDIRECT_URI, "scope": ["openid"]})
    asking.granted()
    assert asking("refresh")["generation"] == 2


def test_a_registration_without_the_initial_access_token_is_refused(oidc_provider: str, asking: Asking) -> None:
    options = {"issuer": oidc_provider, "metadata": {"redirect_uris": ["http://127.0.0.1/callback"]}}
    with pytest.raises(Refused) as refused:
        asking("register", options=options)
    assert refused.value.code == "provider_error"
