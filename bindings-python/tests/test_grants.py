"""Further ways to a grant, and what can be asked about one, with both faces."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest

import evergrant
from conftest import OpenClient, Sandbox, consent, settled


async def test_a_code_that_came_another_way_is_exchanged(client: Any, sandbox: Sandbox) -> None:
    redirect_uri = "http://127.0.0.1/other"
    query = {"response_type": "code", "client_id": "sandbox-client", "scope": "read", "redirect_uri": redirect_uri}
    callback = sandbox.consent(f"{sandbox.url}/oauth2/authorize?{urlencode(query)}")
    (code,) = parse_qs(urlsplit(callback).query)["code"]
    exchanged = await settled(client.exchange("alice", code, redirect_uri=redirect_uri, slot="second"))
    assert (exchanged.subject, exchanged.slot, exchanged.scope) == ("alice", "second", ["read"])
    assert exchanged.missing_scope == ["write"]
    answer = await settled(client.grant("alice", "second").get(f"{sandbox.url}/api/me"))
    assert answer.json()["user"] == "alice"
    with pytest.raises(evergrant.ProviderError) as caught:
        await settled(client.exchange("bob", "unknown"))
    assert caught.value.server_error


async def test_a_check_says_whether_the_user_is_needed(client: Any, sandbox: Sandbox) -> None:
    standing = await settled(client.check("alice", scope="read", prompt="consent"))
    assert (standing.status, standing.reason, standing.missing_scope) == ("need_user", "no_grant", [])
    assert "prompt=consent" in standing.start.url and standing.start.open_by is None
    await settled(client.finish(sandbox.consent(standing.start.url)))
    asked = len(sandbox.control("journal"))

    standing = await settled(client.check("alice", scope=["read"]))
    assert (standing.status, standing.reason, standing.start) == ("valid", None, None)
    standing = await settled(client.check("alice", scope="read write", incremental=True))
    assert (standing.status, standing.reason, standing.missing_scope) == ("need_user", "missing_scope", ["write"])
    client._testing_set_clock(round((time.time() + 3600) * 1000))
    assert (await settled(client.check("alice"))).status == "refreshable"
    assert len(sandbox.control("journal")) == asked


async def test_a_pushed_request_has_to_be_opened_in_time(open_client: OpenClient, sandbox: Sandbox) -> None:
    client = open_client(provider=sandbox.url, par="always")
    start = await settled(client.begin("alice"))
    assert start.open_by == pytest.approx(time.time() + 60, abs=30)
    assert start.open_by < start.expires_at
    assert (await settled(client.finish(sandbox.consent(start.url)))).subject == "alice"


async def test_a_bare_code_will_do_with_the_state_that_it_is_for(client: Any, sandbox: Sandbox) -> None:
    start = await settled(client.begin("alice"))
    (code,) = parse_qs(urlsplit(sandbox.consent(start.url)).query)["code"]
    with pytest.raises(evergrant.InvalidArgumentError):
        await settled(client.finish(code))
    assert (await settled(client.finish(code, state=start.state))).subject == "alice"


async def test_the_provider_is_asked_about_the_user(open_client: OpenClient, sandbox: Sandbox) -> None:
    client = open_client(provider=sandbox.url, scope="openid read")
    await consent(client, sandbox)
    sandbox.answer("userinfo", {"sub": "alice", "updated_at": 1700000000}, times=1)
    claims = await settled(client.grant("alice").userinfo())
    assert claims == {"sub": "alice", "updated_at": 1700000000}  # as it came
    assert await settled(client.grant("alice").userinfo(timeout=20)) == {"sub": "alice"}
    said = await settled(client.grant("alice").token_response())
    assert said["scope"] == "openid read" and "id_token" in said and "access_token" not in said
    sandbox.answer("userinfo", {"sub": "bob"}, times=1)
    with pytest.raises(evergrant.InvalidResponseError) as caught:
        await settled(client.grant("alice").userinfo())
    assert caught.value.reason == "another_user"


async def test_the_provider_is_asked_about_either_token(open_client: OpenClient, sandbox: Sandbox) -> None:
    client = open_client(provider=sandbox.url)
    await consent(client, sandbox)
    grant = client.grant("alice")
    said = await settled(grant.introspect())
    assert (said["active"], said["scope"], said["sub"]) == (True, "read write", "alice")
    assert (await settled(grant.introspect(token="refresh_token")))["active"] is True
    sandbox.control("expire_access", {"user": "alice"})
    assert (await settled(grant.introspect(token="access_token"))) == {"active": False}
    hints = [dict(entry["form"])["token_type_hint"] for entry in sandbox.requests("introspect")]
    assert hints == ["access_token", "refresh_token", "access_token"]
    with pytest.raises(evergrant.InvalidArgumentError, match="token: "):
        await settled(grant.introspect(token="id_token"))


async def test_the_logout_address_names_the_user_and_where_to_go_then(open_client: OpenClient, sandbox: Sandbox) -> None:
    provider = {**sandbox.config()["provider"], "end_session_endpoint": f"{sandbox.url}/logout?tenant=1"}
    client = open_client(provider=provider, scope="openid")
    await consent(client, sandbox)
    url = await settled(
        client.logout_url(subject="alice", post_logout_redirect_uri="https://app.example/bye?a=b", state="s&t")
    )
    told = dict(parse_qsl(urlsplit(url).query))
    assert url.startswith(f"{sandbox.url}/logout?tenant=1&id_token_hint=")
    assert (told["post_logout_redirect_uri"], told["state"]) == ("https://app.example/bye?a=b", "s&t")
    assert "id_token_hint" not in await settled(client.logout_url())
    with pytest.raises(evergrant.InvalidArgumentError, match="state"):
        await settled(client.logout_url(state="s"))


async def test_scopes_that_were_not_granted_are_named(client: Any, sandbox: Sandbox) -> None:
    with pytest.raises(evergrant.NoGrantError):
        await settled(client.grant("alice").missing_scope())
    await consent(client, sandbox, scope="read")
    grant = client.grant("alice")
    assert await settled(grant.missing_scope()) == ["write"]
    assert await settled(grant.missing_scope("read")) == []
    assert await settled(grant.missing_scope(("read", "admin"))) == ["admin"]
    with pytest.raises(evergrant.InvalidArgumentError, match="scopes"):
        await settled(grant.missing_scope(7))


async def test_a_password_is_taken_only_where_the_configuration_says_so(open_client: OpenClient, sandbox: Sandbox) -> None:
    events: list[dict[str, Any]] = []
    client = open_client(legacy_grants=["password"], on_event=events.append)
    sandbox.answer("token", {"access_token": "a", "refresh_token": "r", "expires_in": 3600}, times=1)
    inspected = await settled(client.grant_by_password("alice", "alice@example.org", "canary", slot="old"))
    assert (inspected["subject"], inspected["slot"], inspected["has_refresh_token"]) == ("alice", "old", True)
    assert inspected["expires_at"] == pytest.approx(time.time() + 3600, abs=60)
    assert (await settled(client.grant("alice", "old").access_token())).token == "a"
    (asked,) = sandbox.requests("token")
    assert asked["grant_type"] == "password" and ["username", "alice@example.org"] in asked["form"]
    assert [(event["event"], event.get("detail")) for event in events][0] == ("legacy_grant", "password")
    assert "canary" not in json.dumps([inspected, events])

    with pytest.raises(evergrant.UnsupportedError, match="legacy_grants"):
        await settled(open_client().grant_by_password("alice", username="alice", password="canary"))
    assert len(sandbox.requests("token")) == 1


async def test_a_pin_is_taken_only_where_the_configuration_says_so(open_client: OpenClient, sandbox: Sandbox) -> None:
    client = open_client(legacy_grants=["pin"])
    page = await settled(client.pin_url())
    assert page == f"{sandbox.url}/oauth2/authorize?response_type=pin&client_id=sandbox-client"
    sandbox.answer("token", {"access_token": "a", "expires_in": 3600}, times=1)
    assert (await settled(client.grant_by_pin("alice", "1234")))["subject"] == "alice"
    assert sandbox.requests("token")[0]["grant_type"] == "pin"
    with pytest.raises(evergrant.UnsupportedError, match="legacy_grants"):
        await settled(open_client().grant_by_pin("alice", pin="1234"))
    with pytest.raises(evergrant.UnsupportedError, match="legacy_grants"):
        await settled(open_client().pin_url())


async def test_a_client_may_have_a_grant_of_its_own(open_client: OpenClient, sandbox: Sandbox) -> None:
    client = open_client(grant="client_credentials")
    answer = await settled(client.grant("app").get(f"{sandbox.url}/api/me"))
    assert answer.json()["client"] == "sandbox-client"
