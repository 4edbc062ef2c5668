"""The types name what the core takes: what it knows stands in its answer to a key that it does not."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evergrant
from conftest import Sandbox, settled
from evergrant import _arguments as arguments

NOPE: dict[str, Any] = {"nope": 1}
URL = "https://api.example/"

# The type, what calls the operation with an unknown option, and keys that are arguments of their own.
OPERATIONS: dict[str, tuple[Any, Callable[[Any], Any], set[str]]] = {
    "begin": (arguments.BeginOptions, lambda client: client.begin("a", **NOPE), set()),
    "check": (arguments.BeginOptions, lambda client: client.check("a", **NOPE), set()),
    "finish": (arguments.FinishOptions, lambda client: client.finish("?code=c", **NOPE), set()),
    "exchange": (arguments.ExchangeOptions, lambda client: client.exchange("a", "c", **NOPE), set()),
    "begin_device": (arguments.DeviceOptions, lambda client: client.begin_device("a", **NOPE), set()),
    "logout_url": (arguments.LogoutOptions, lambda client: client.logout_url(**NOPE), set()),
    "grant_by_password": (
        arguments.LegacyGrantOptions,
        lambda client: client.grant_by_password("a", "u", "p", **NOPE),
        {"username", "password"},
    ),
    "grant_by_pin": (arguments.LegacyGrantOptions, lambda client: client.grant_by_pin("a", "1", **NOPE), {"pin"}),
    "put": (arguments.PutTokens, lambda client: client.put("a", **NOPE), set()),
    "due": (arguments.DueOptions, lambda client: client.due(**NOPE), set()),
    "refresh_due": (arguments.RefreshDueOptions, lambda client: client.refresh_due(**NOPE), set()),
    "access_token": (arguments.TokenOptions, lambda client: client.grant("a").access_token(**NOPE), set()),
    "headers": (arguments.HeaderOptions, lambda client: client.grant("a").headers("GET", URL, **NOPE), set()),
    "request": (arguments.RequestOptions, lambda client: client.grant("a").get(URL, **NOPE), {"method", "url"}),
    "refresh": (arguments.RefreshOptions, lambda client: client.grant("a").refresh(**NOPE), set()),
    "revoke": (arguments.RevokeOptions, lambda client: client.grant("a").revoke(**NOPE), set()),
    "userinfo": (arguments.UserinfoOptions, lambda client: client.grant("a").userinfo(**NOPE), set()),
    "introspect": (arguments.IntrospectOptions, lambda client: client.grant("a").introspect(**NOPE), set()),
    "register": (arguments.RegisterOptions, lambda _: evergrant.register(URL, **NOPE), {"issuer"}),
    "protected_resource": (arguments.ResourceOptions, lambda _: evergrant.protected_resource(URL, **NOPE), {"url"}),
    "sign": (arguments.SignOptions, lambda _: evergrant.sign("GET", URL, client_id="c", **NOPE), {"client_id"}),
}

NOT_JSON = {"body"}
"""Bytes go beside the JSON text."""


def known(error: evergrant.Error) -> set[str]:
    """The keys that an error names in place of the unknown one."""
    return set(re.findall(r"`(\w+)`", error.message)) - set(NOPE)


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_every_option_is_in_the_type(client: Any, operation: str) -> None:
    options, call, named = OPERATIONS[operation]
    with pytest.raises(evergrant.InvalidArgumentError, match="nope") as caught:
        await settled(call(client))
    assert options.__optional_keys__ - NOT_JSON == known(caught.value) - named


def test_every_key_of_the_configuration_is_in_the_type(sandbox: Sandbox, tmp_path: Path) -> None:
    def keys(**changes: Any) -> set[str]:
        with pytest.raises(evergrant.InvalidConfigError, match="nope") as caught:
            evergrant.Client(**sandbox.config(state_dir=tmp_path, **changes))
        return known(caught.value)

    assert arguments.Config.__optional_keys__ == keys(nope=1) - {"store"}
    assert arguments.Assertion.__optional_keys__ == keys(assertion=NOPE)
    assert arguments.TokenExchange.__optional_keys__ == keys(token_exchange=NOPE)
    assert arguments.StoreTable.__optional_keys__ == keys(store=NOPE)
    assert arguments.Encryption.__optional_keys__ == keys(encryption=NOPE)


async def test_a_store_may_be_a_table(open_client: Any, tmp_path: Path) -> None:
    client = open_client(store={"address": f"sqlite:{tmp_path / 'tokens.db'}", "grants_table": "own_grants"})
    await settled(client.put("alice", access_token="a"))
    assert b"own_grants" in (tmp_path / "tokens.db").read_bytes()
