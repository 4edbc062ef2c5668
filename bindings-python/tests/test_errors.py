"""Errors: a class for each code, everything that is known, and no secret."""

from __future__ import annotations

import inspect
import pickle
import re
import time
from typing import Any

import pytest

import evergrant
from conftest import OpenClient, Sandbox, consent, settled
from evergrant import _errors, _evergrant
from evergrant._arguments import Config


def class_name(code: str) -> str:
    return "".join(word.capitalize() for word in code.removesuffix("_error").split("_")) + "Error"


def test_every_code_of_the_core_has_its_exception() -> None:
    assert tuple(_errors.BY_CODE) == _evergrant.ERROR_CODES
    for code, error in _errors.BY_CODE.items():
        assert error.__name__ == class_name(code) and getattr(evergrant, error.__name__) is error
        assert error.__name__ in evergrant.__all__ and issubclass(error, evergrant.Error)


@pytest.mark.parametrize("code", _evergrant.ERROR_CODES)
async def test_a_failure_raises_the_exception_of_its_code(client: Any, code: str) -> None:
    with pytest.raises(_errors.BY_CODE[code]) as raised:
        await settled(client._native._testing_fail(code))
    assert raised.value.code == code and str(raised.value) == raised.value.message == "failed on purpose"


async def test_an_error_tells_what_the_provider_said(client: Any, sandbox: Sandbox) -> None:
    start = await settled(client.begin("alice"))
    with pytest.raises(evergrant.ConsentDeniedError) as raised:
        await settled(client.finish(sandbox.consent(start.url, decision="deny")))
    error = raised.value
    assert error.server_error == "access_denied" and error.provider == "sandbox" and error.subject == "alice"
    assert error.retryable is False and error.retry_at is None


async def test_a_pause_is_told_in_unix_seconds(client: Any, sandbox: Sandbox) -> None:
    await consent(client, sandbox)
    sandbox.fault("token", "status", status=429, headers={"Retry-After": "70"}, times=0)
    with pytest.raises(evergrant.TemporarilyUnavailableError) as raised:
        await settled(client.grant("alice").refresh(force=True))
    assert raised.value.retryable is True and raised.value.status == 429
    assert raised.value.retry_at == pytest.approx(time.time() + 70, abs=15)


async def test_a_withdrawn_grant_needs_consent_and_says_why(client: Any, sandbox: Sandbox) -> None:
    await consent(client, sandbox)
    sandbox.control("revoke", {"user": "alice"})
    with pytest.raises(evergrant.NeedsConsentError) as raised:
        await settled(client.grant("alice").refresh(force=True))
    assert raised.value.reason == "revoked" and raised.value.subject == "alice"


def test_an_error_survives_a_pickle() -> None:
    text = '{"code": "timeout", "message": "late", "retryable": true, "retry_at": 1500, "status": 504}'
    error = pickle.loads(pickle.dumps(_errors.from_json(text)))
    assert type(error) is evergrant.TimeoutError
    assert (str(error), error.retryable, error.retry_at, error.status) == ("late", True, 1.5, 504)


def test_an_unknown_key_is_named_with_the_known_ones(open_client: OpenClient) -> None:
    with pytest.raises(evergrant.InvalidConfigError, match="clientid") as raised:
        open_client(clientid="x")
    known = set(re.findall(r"`(\w+)`", str(raised.value))) - {"clientid"}
    assert known == {*Config.__annotations__, "store"}


async def test_an_unknown_option_is_named(client: Any) -> None:
    with pytest.raises(evergrant.InvalidArgumentError, match="scpoe"):
        await settled(client.begin("alice", scpoe="read"))
    with pytest.raises(evergrant.InvalidArgumentError, match="min_vaild"):
        await settled(client.grant("alice").access_token(min_vaild=5))


async def test_an_option_of_the_wrong_type_is_named(client: Any) -> None:
    with pytest.raises(evergrant.InvalidArgumentError, match="timeout"):
        await settled(client.begin("alice", timeout="soon"))


def test_what_is_not_data_is_a_type_error(open_client: OpenClient) -> None:
    with pytest.raises(TypeError, match="not object"):
        open_client(client_id=object())


async def test_an_error_shows_no_secret(client: Any, sandbox: Sandbox) -> None:
    await consent(client, sandbox)
    sandbox.fault("token", "body", body='{"access_token": "sbx.leak", "refresh_token": ["sbx.leak"]', times=0)
    with pytest.raises(evergrant.Error) as raised:
        await settled(client.grant("alice").refresh(force=True))
    assert "sbx." not in f"{raised.value} {raised.value!r} {vars(raised.value)}"


def test_every_public_name_has_a_doc_string() -> None:
    for name in set(evergrant.__all__) - {"__version__"}:
        exported = getattr(evergrant, name)
        assert inspect.getdoc(exported), name
        for method in vars(exported):
            if not method.startswith("_") and callable(getattr(exported, method)):
                assert inspect.getdoc(getattr(exported, method)), f"{name}.{method}"
