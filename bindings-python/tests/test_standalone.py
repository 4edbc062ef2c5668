"""What needs no client: registration, metadata of APIs, signatures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evergrant
from conftest import Sandbox, settled

REGISTER = [evergrant.register, evergrant.register_async]
PROTECTED_RESOURCE = [evergrant.protected_resource, evergrant.protected_resource_async]


@pytest.fixture
def registering(sandbox: Sandbox) -> Sandbox:
    """A sandbox that registers clients."""
    metadata = {"issuer": sandbox.url, "registration_endpoint": f"{sandbox.url}/register"}
    sandbox.answer("discovery", metadata)
    return sandbox


@pytest.mark.parametrize("register", REGISTER, ids=["blocking", "asyncio"])
async def test_a_registration_is_a_configuration(register: Callable[..., Any], registering: Sandbox) -> None:
    registering.answer(
        "any",
        {
            "client_id": "new",
            "client_secret": "canary-secret",
            "client_secret_expires_at": 2893276800,
            "client_id_issued_at": 1700000000,
            "redirect_uris": ["http://127.0.0.1/callback"],
            "scope": "read write",
            "registration_access_token": "canary-token",
            "registration_client_uri": f"{registering.url}/register/new",
        },
        status=201,
    )
    metadata = {"client_name": "x", "redirect_uris": ["http://127.0.0.1/callback"]}
    registered = await settled(register(registering.url, metadata=metadata, initial_access_token="canary-initial"))
    asked = registering.requests("other")[-1]
    assert (asked["path"], asked["authorization"]) == ("/register", "Bearer")

    assert registered.config == {
        "provider": registering.url,
        "client_id": "new",
        "client_secret": "canary-secret",
        "client_authentication": "client_secret_basic",  # where the answer does not say (RFC 7591 section 2)
        "redirect_uri": "http://127.0.0.1/callback",
        "scope": ["read", "write"],
    }
    assert evergrant.Client(**registered.config, store="memory:").list() == []
    assert registered.client_secret_expires_at == 2893276800.0
    assert registered.registration_access_token == "canary-token"
    assert registered.registration_client_uri == f"{registering.url}/register/new"
    assert registered.metadata["client_id_issued_at"] == 1700000000  # as it came
    assert repr(registered) == "<Registered 'new'>" and "canary" not in str(registered.metadata)


@pytest.mark.parametrize("register", REGISTER, ids=["blocking", "asyncio"])
async def test_a_registration_that_fails_says_why(register: Callable[..., Any], registering: Sandbox) -> None:
    registering.answer("any", {"error": "invalid_redirect_uri"}, status=400)
    with pytest.raises(evergrant.ProviderError) as caught:
        await settled(register(registering.url))
    assert (caught.value.server_error, caught.value.status) == ("invalid_redirect_uri", 400)
    with pytest.raises(evergrant.InvalidArgumentError, match="nope"):
        await settled(register(registering.url, nope=1))
    with pytest.raises(evergrant.InsecureUrlError):
        await settled(register("https://10.0.0.1"))


async def test_a_provider_that_registers_nobody_is_told_so(sandbox: Sandbox) -> None:
    with pytest.raises(evergrant.UnsupportedError, match="registration_endpoint"):
        evergrant.register(sandbox.url)


@pytest.mark.parametrize("protected_resource", PROTECTED_RESOURCE, ids=["blocking", "asyncio"])
async def test_an_api_says_who_gives_tokens_for_it(protected_resource: Callable[..., Any], sandbox: Sandbox) -> None:
    document = {"resource": f"{sandbox.url}/api", "authorization_servers": [sandbox.url], "resource_name": "API"}
    sandbox.answer("any", document)
    said = await settled(protected_resource(f"{sandbox.url}/api"))
    assert said["authorization_servers"] == [sandbox.url] and said["resource_name"] == "API"
    assert set(said) == set(evergrant.ProtectedResource.__annotations__)
    challenge = f'Bearer resource_metadata="{sandbox.url}/elsewhere"'
    assert await settled(protected_resource(f"{sandbox.url}/api/me", challenge=challenge)) == said
    paths = [entry["path"] for entry in sandbox.control("journal")]
    assert paths == ["/.well-known/oauth-protected-resource/api", "/elsewhere"]
    with pytest.raises(evergrant.InsecureUrlError):
        await settled(protected_resource("https://10.0.0.1/api"))
    with pytest.raises(evergrant.InvalidArgumentError, match="nope"):
        await settled(protected_resource(f"{sandbox.url}/api", nope=1))


def test_a_signature_is_that_of_rfc_5849_section_1_2() -> None:
    signed = evergrant.sign(
        "POST",
        "https://photos.example.net/initiate",
        client_id="dpf43f3p2l4k3l03",
        client_secret="kd94hf93k423kf44",
        parameters={"oauth_callback": "http://printer.example.com/ready"},
        realm="Photos",
        nonce="wIjqoS",
        timestamp=137131200,
        without_version=True,
    )
    assert signed.authorization == (
        'OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_signature_method="HMAC-SHA1", '
        'oauth_timestamp="137131200", oauth_nonce="wIjqoS", '
        'oauth_callback="http%3A%2F%2Fprinter.example.com%2Fready", oauth_signature="74KNZJeDHnMBp0EMJ9ZHt%2FXKycU%3D"'
    )
    assert (signed.url, signed.body) == ("https://photos.example.net/initiate", None)


def test_a_signature_base_string_is_that_of_rfc_5849_section_3_4_1_1() -> None:
    signed = evergrant.sign(
        "POST",
        "http://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b",
        client_id="9djdj82h48djs9d2",
        client_secret="j49sk3j29djd",
        token="kkk9d7dh3k39sjv7",
        token_secret="dh893hdasih9",
        form=[("c2", ""), ("a3", "2 q")],
        nonce="7d8f3e4a",
        timestamp=137131201,
        without_version=True,
    )
    assert signed.base_string == (
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D"
        "%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1"
        "%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
    )
    assert signed.authorization is not None and 'oauth_signature="r6%2FTJjbCOr97%2F%2BUU0NsvSne7s5g%3D"' in signed.authorization
    assert "kkk9" not in repr(signed)


def test_a_signature_goes_where_it_is_wanted_and_covers_a_body(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    url = "https://api.example/photos"
    key: dict[str, Any] = {"client_id": "key", "client_secret": {"file": secret}}
    in_query = evergrant.sign("GET", url, **key, query={"size": ["1", "2"]}, parameters_in="query")
    assert in_query.authorization is None and in_query.url.startswith(f"{url}?size=1&size=2&oauth_consumer_key=key&")
    in_body = evergrant.sign("POST", url, **key, form={"a": "b"}, parameters_in="body")
    assert in_body.body is not None and in_body.body.startswith("a=b&oauth_consumer_key=key&")
    hashed = evergrant.sign("POST", url, **key, body=b"Hello World!")
    assert hashed.authorization is not None and 'oauth_body_hash="Lve95gjOVATpfV8EL5X4nxwjKHE%3D"' in hashed.authorization


def test_what_cannot_be_signed_is_told_so() -> None:
    with pytest.raises(evergrant.InvalidArgumentError, match="form and body"):
        evergrant.sign("POST", "https://api.example/", client_id="key", form={"a": "b"}, body=b"c")
    with pytest.raises(evergrant.InvalidArgumentError, match="url"):
        evergrant.sign("POST", "/relative", client_id="key", client_secret="s")
    with pytest.raises(evergrant.InvalidArgumentError, match="timestamp"):
        evergrant.sign("POST", "https://api.example/", client_id="key", timestamp="now")  # type: ignore[arg-type]
    with pytest.raises(evergrant.InvalidArgumentError, match="nope"):
        evergrant.sign("POST", "https://api.example/", client_id="key", nope=1)  # type: ignore[call-arg]


def test_a_redirect_uri_is_that_of_the_proxy_only_where_it_is_trusted() -> None:
    url, headers = "http://127.0.0.1:8080/start?x=1", {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "app.example"}
    trusted = evergrant.redirect_uri_of(url, "/callback", headers=headers, trust_proxy=True)
    assert trusted == "https://app.example/callback"
    assert evergrant.redirect_uri_of(url, headers=headers) == "http://127.0.0.1:8080/start"
    with pytest.raises(evergrant.InvalidArgumentError, match="url"):
        evergrant.redirect_uri_of("/start")
