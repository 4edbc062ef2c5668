"""This library, in each language, at the servers of this folder: consent, calls, refreshes."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from http_client import journal
from programs import HERE, LANGUAGES, Told, ended, met, ran, started
from test_authlib_provider import BY_KEY, BY_SECRET
from test_oauthlib_provider import CLIENT_KEY, CLIENT_SECRET
from test_oidc_provider import confidential

Config = dict[str, Any]

REDIRECT_URI = "http://127.0.0.1:9/callback"
CLIENT_KEYS = json.loads((HERE / "oidc-provider" / "client_keys.json").read_text())

# Two refreshes at least while tokens of two seconds are called with for so long.
SECONDS_OF_CALLS = 4

PROCESSES = 8
SECONDS_OF_CROWD = 15


def confidential_by_issuer(base_url: str, folder: Path) -> Config:
    return {
        "provider": base_url,
        "client_id": "confidential",
        "client_secret": "confidential-secret: 100% + /",
        "redirect_uri": REDIRECT_URI,
        "scope": ["openid"],
        "offline": True,
        **stored_in(folder),
    }


def public_by_own_table(base_url: str, folder: Path) -> Config:
    return {
        "provider": {
            "issuer": base_url,
            "authorization_endpoint": f"{base_url}/auth",
            "token_endpoint": f"{base_url}/token",
            "revocation_endpoint": f"{base_url}/token/revocation",
            "offline": {"parameters": {"prompt": "consent"}, "scope": ["offline_access"]},
            "rotation": {"grace": 0, "kills_on_reuse": True},
        },
        "client_id": "public",
        "redirect_uri": REDIRECT_URI,
        "scope": "openid",
        "offline": True,
        **stored_in(folder),
    }


def oauth1(base_url: str, folder: Path, **client: str) -> Config:
    return {
        "provider": {
            "protocol": "oauth1",
            "temporary_credential_endpoint": f"{base_url}/request_token",
            "authorization_endpoint": f"{base_url}/authorize",
            "token_endpoint": f"{base_url}/access_token",
        },
        **client,
        "redirect_uri": REDIRECT_URI,
        **stored_in(folder),
    }


def stored_in(folder: Path) -> Config:
    return {"store": f"sqlite:{folder / 'grants.db'}", "state_dir": str(folder)}


def me(base_url: str) -> dict[str, str]:
    return {"method": "GET", "url": f"{base_url}/me"}


def assert_all_were_answered(told: Told, answer: object) -> None:
    assert told.answers
    assert [other for other in told.answers if other != (200, answer)] == []


def assert_each_generation_was_spent_once(told_by_the_server: list[dict[str, Any]], generation: int) -> None:
    """One consent, then one refresh for each generation, none refused and nothing revoked."""
    assert [entry for entry in told_by_the_server if entry["event"] == "revoked"] == []
    requests = [entry for entry in told_by_the_server if entry["event"] == "token"]
    assert {entry["grant_id"] for entry in requests} == {requests[0]["grant_id"]}
    spent = [(entry["grant_type"], entry["status"], entry.get("rotations")) for entry in requests]
    assert spent == [
        ("authorization_code", 200, 0),
        *(("refresh_token", 200, rotations) for rotations in range(1, generation)),
    ]


@pytest.mark.parametrize("config", [confidential_by_issuer, public_by_own_table])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_grant_outlives_its_tokens_at_oidc_provider(
    oidc_provider_with_tokens_of_two_seconds: str,
    tmp_path: Path,
    language: str,
    config: Callable[[str, Path], Config],
) -> None:
    base_url = oidc_provider_with_tokens_of_two_seconds
    before = len(journal(base_url))

    told = met(
        language,
        f"{language} user",
        config=config(base_url, tmp_path),
        request=me(base_url),
        seconds=SECONDS_OF_CALLS,
        force=True,
    )

    assert_all_were_answered(told, {"sub": f"{language} user"})
    consented, forced = told.generations
    assert consented == 1
    assert forced >= 4, "two refreshes in time, then the forced one"
    assert_each_generation_was_spent_once(journal(base_url)[before:], forced)


@pytest.mark.parametrize("language", LANGUAGES)
def test_oauthlib_takes_what_is_signed(oauthlib_provider: str, tmp_path: Path, language: str) -> None:
    query = [["b5", "=%3D"], ["a3", "a"], ["c@", ""]]
    form = [["c2", ""], ["a3", "2 q"], ["a3", "a"], ["city", "Zürich & ☃"]]
    before = len(journal(oauthlib_provider))

    told = met(
        language,
        f"{language} user",
        config=oauth1(oauthlib_provider, tmp_path, client_id=CLIENT_KEY, client_secret=CLIENT_SECRET),
        request={"method": "POST", "url": f"{oauthlib_provider}/api/echo", "query": query, "form": form},
    )

    assert_all_were_answered(told, {"method": "POST", "query": query, "form": form})
    assert [(entry["path"], entry["status"]) for entry in journal(oauthlib_provider)[before:]] == [
        ("/request_token", 200),
        ("/authorize", 200),
        ("/authorize", 302),
        ("/access_token", 200),
        ("/api/echo", 200),
    ]


@pytest.mark.parametrize("client", [BY_SECRET, {**BY_SECRET, "signature_method": "PLAINTEXT"}, BY_KEY])
@pytest.mark.parametrize("language", LANGUAGES)
def test_authlib_takes_what_is_signed(
    authlib_provider: str, tmp_path: Path, language: str, client: dict[str, str]
) -> None:
    """Its way into Flask flattens a form, so no name comes twice there."""
    client = {{"rsa_key": "private_key"}.get(key, key): value for key, value in client.items()}
    query = [["b5", "=%3D"], ["a3", "a"], ["a3", "2 q"], ["c@", ""]]
    form = [["c2", ""], ["a3", "2 q"], ["city", "Zürich & ☃"]]
    before = len(journal(authlib_provider))

    told = met(
        language,
        f"{language} user",
        config=oauth1(authlib_provider, tmp_path, **client),
        request={"method": "POST", "url": f"{authlib_provider}/api/echo", "query": query, "form": form},
    )

    assert_all_were_answered(told, {"method": "POST", "query": query, "form": form})
    assert [(entry["path"], entry["status"]) for entry in journal(authlib_provider)[before:]] == [
        ("/request_token", 200),
        ("/authorize", 200),
        ("/authorize", 302),
        ("/access_token", 200),
        ("/api/echo", 200),
    ]


def signing(base_url: str, folder: Path, algorithm: str) -> Config:
    """A client that authenticates by what it signs."""
    if algorithm == "HS256":
        credentials = {
            "client_authentication": "client_secret_jwt",
            "client_secret": "a secret that signs and is never sent",
        }
    else:
        credentials = {"private_key": json.dumps(CLIENT_KEYS[algorithm])}
    return {"provider": base_url, "client_id": f"signs {algorithm}", **credentials, **stored_in(folder)}


@pytest.mark.parametrize("algorithm", ["HS256", *CLIENT_KEYS])
def test_oidc_provider_takes_each_assertion_of_a_client_once(
    oidc_provider_with_tokens_of_two_seconds: str, tmp_path: Path, algorithm: str
) -> None:
    """It looks for issuer, audience, lifetime and signature, and refuses an identifier that it has seen."""
    base_url = oidc_provider_with_tokens_of_two_seconds
    before = len(journal(base_url))

    told = met(
        "rust",
        "alice",
        config={
            **signing(base_url, tmp_path, algorithm),
            "redirect_uri": REDIRECT_URI,
            "scope": ["openid"],
            "offline": True,
        },
        request=me(base_url),
        seconds=SECONDS_OF_CALLS,
        force=True,
    )

    assert_all_were_answered(told, {"sub": "alice"})
    assert_each_generation_was_spent_once(journal(base_url)[before:], told.generations[-1])


@pytest.mark.parametrize("algorithm", ["HS256", *CLIENT_KEYS])
def test_a_client_has_a_token_without_consent_at_oidc_provider(
    oidc_provider_with_tokens_of_two_seconds: str, tmp_path: Path, algorithm: str
) -> None:
    base_url = oidc_provider_with_tokens_of_two_seconds
    before = len(journal(base_url))

    told = ran(
        "rust",
        "service",
        config={**signing(base_url, tmp_path, algorithm), "grant": "client_credentials"},
        request={"method": "GET", "url": f"{base_url}/client"},
        seconds=SECONDS_OF_CALLS,
        force=True,
    )

    assert_all_were_answered(told, {"client": f"signs {algorithm}"})
    asked = [(entry["grant_type"], entry["status"]) for entry in journal(base_url)[before:]]
    assert set(asked) == {("client_credentials", 200)}
    assert len(asked) == told.generations[-1] - 1 >= 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_service_that_signs_has_a_token_in_each_language(oidc_provider: str, tmp_path: Path, language: str) -> None:
    told = ran(
        language,
        "service",
        config={**signing(oidc_provider, tmp_path, "ES256"), "grant": "client_credentials"},
        request={"method": "GET", "url": f"{oidc_provider}/client"},
        force=True,
    )

    assert_all_were_answered(told, {"client": "signs ES256"})


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_device_is_connected_by_a_code_typed_elsewhere_in_each_language(
    oidc_provider: str, tmp_path: Path, language: str
) -> None:
    before = len(journal(oidc_provider))

    told = met(
        language,
        "alice",
        consent="device",
        config={"provider": oidc_provider, "client_id": "device", "scope": ["openid"], "offline": True, **stored_in(tmp_path)},
        request=me(oidc_provider),
        force=True,
    )

    assert_all_were_answered(told, {"sub": "alice"})
    assert told.generations == [1, 2]
    asked = [(entry["grant_type"], entry["status"]) for entry in journal(oidc_provider)[before:] if "grant_type" in entry]
    device = "urn:ietf:params:oauth:grant-type:device_code"
    assert asked[-2:] == [(device, 200), ("refresh_token", 200)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_pushed_request_of_a_client_that_binds_its_tokens_comes_through_in_each_language(
    oidc_provider: str, tmp_path: Path, language: str
) -> None:
    config = {**public_by_own_table(oidc_provider, tmp_path), "provider": oidc_provider, "client_id": "bound"}

    told = met(
        language, "alice", config={**config, "par": "always", "dpop": True}, request=me(oidc_provider), force=True
    )

    assert_all_were_answered(told, {"sub": "alice"})
    assert told.generations == [1, 2]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_token_of_a_user_is_exchanged_for_one_of_the_client_at_oidc_provider(
    oidc_provider: str, tmp_path: Path, language: str
) -> None:
    subject_token = tmp_path / "token"
    subject_token.write_text(confidential(oidc_provider).granted()["access_token"])

    told = ran(
        language,
        "service",
        config={
            **signing(oidc_provider, tmp_path, "ES256"),
            "grant": "token_exchange",
            "token_exchange": {"subject_token": {"file": str(subject_token)}},
        },
        request={"method": "GET", "url": f"{oidc_provider}/client"},
        force=True,
    )

    assert_all_were_answered(told, {"client": "signs ES256", "sub": "alice"})


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_client_has_a_token_without_consent_at_django_oauth_toolkit(
    django_oauth_toolkit: str, tmp_path: Path, language: str
) -> None:
    base_url = django_oauth_toolkit

    told = ran(
        language,
        "service",
        config={
            "provider": {"token_endpoint": f"{base_url}/o/token/"},
            "client_id": "service",
            "client_secret": "confidential-secret: 100% + /",
            "grant": "client_credentials",
            "scope": "read",
            **stored_in(tmp_path),
        },
        request={"method": "GET", "url": f"{base_url}/api/client"},
        force=True,
    )

    assert_all_were_answered(told, {"client": "service"})
    asked = [(entry["grant_type"], entry["status"]) for entry in journal(base_url) if entry["event"] == "token"]
    assert asked == [("client_credentials", 200)] * 2


def test_processes_of_all_languages_spend_each_generation_once(
    oidc_provider_with_tokens_of_three_seconds: str, tmp_path: Path
) -> None:
    base_url = oidc_provider_with_tokens_of_three_seconds
    meeting = {
        "config": confidential_by_issuer(base_url, tmp_path),
        "request": me(base_url),
        "subject": "alice",
        "seconds": SECONDS_OF_CROWD,
    }
    met(LANGUAGES[0], "alice", **{**meeting, "seconds": 0})

    with ExitStack() as stack:
        languages = [LANGUAGES[number % len(LANGUAGES)] for number in range(PROCESSES)]
        quiet = {**meeting, "consent": False, "force": False}
        crowd = [stack.enter_context(started(language, quiet)) for language in languages]
        for told in [ended(program) for program in crowd]:
            assert_all_were_answered(told, {"sub": "alice"})

    with started(LANGUAGES[0], {**meeting, "consent": False, "force": True, "seconds": 0}) as program:
        (generation,) = ended(program).generations
    assert_each_generation_was_spent_once(journal(base_url), generation)
    assert 5 <= generation <= 10, "tokens of three seconds were renewed when they were due, and the last time by force"
