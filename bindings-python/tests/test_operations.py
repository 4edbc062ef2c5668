"""Every operation, with both faces."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import evergrant
from conftest import OpenClient, Sandbox, consent, settled


async def test_finish_brings_home_what_begin_asked_for(client: Any, sandbox: Sandbox) -> None:
    start = await settled(client.begin("alice", scope="read", parameters={"audience": "x"}))
    assert start.url.startswith(f"{sandbox.url}/oauth2/authorize?")
    assert "audience=x" in start.url and start.state in start.url
    assert time.time() < start.expires_at < time.time() + 24 * 3600

    finished = await settled(client.finish(sandbox.consent(start.url)))
    assert (finished.subject, finished.slot, finished.scope) == ("alice", "", ["read"])
    assert finished.grant_id and finished.generation >= 0
    assert finished.expires_at == pytest.approx(time.time() + 3600, abs=60)


async def test_a_browser_session_is_asked_for_again(client: Any, sandbox: Sandbox) -> None:
    start = await settled(client.begin("alice", browser_session="one"))
    with pytest.raises(evergrant.StateMismatchError):
        await settled(client.finish(sandbox.consent(start.url), browser_session="another"))


async def test_an_access_token_is_given_and_not_shown(client: Any, sandbox: Sandbox) -> None:
    await consent(client, sandbox)
    token = await settled(client.grant("alice").access_token())
    assert token.token.startswith("sbx.") and token.token_type == "Bearer"
    assert token.expires_at == pytest.approx(time.time() + 3600, abs=60)
    assert token.token not in f"{token} {token!r}"


async def test_a_fresh_token_is_given_from_memory(client: Any, sandbox: Sandbox) -> None:
    grant = client.grant("alice")
    assert grant.cached_access_token() is None
    await consent(client, sandbox)
    first = await settled(grant.access_token())
    assert grant.cached_access_token().token == first.token
    assert (await settled(grant.access_token())).token == first.token
    assert sandbox.refreshes() == 0


async def test_a_token_that_is_not_valid_long_enough_is_renewed(client: Any, sandbox: Sandbox) -> None:
    await consent(client, sandbox)
    grant = client.grant("alice")
    first = await settled(grant.access_token())
    sandbox.control("options", {"access_token_lifetime": 7200})
    second = await settled(grant.access_token(min_valid=3700, timeout=None))
    assert first.token != second.token and sandbox.refreshes() == 1


async def test_headers_work_under_any_http_client(client: Any, sandbox: Sandbox) -> None:
    await consent(client, sandbox)
    url = f"{sandbox.url}/api/me"
    headers = await settled(client.grant("alice").headers("GET", url))
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        assert json.load(answer)["user"] == "alice"


async def test_a_request_carries_query_and_headers(client: Any, sandbox: Sandbox) -> None:
    await consent(client, sandbox)
    pairs = iter([("a", "1"), ("a", "2")])
    answer = await settled(
        client.grant("alice").request("GET", f"{sandbox.url}/api/echo", query=pairs, headers={"X-Program": "python"})
    )
    echo = answer.json()
    assert answer.status == 200 and answer.url.startswith(f"{sandbox.url}/api/echo")
    assert echo["query"] == [["a", "1"], ["a", "2"]]
    assert sandbox.requests("api")[-1]["program"] == "python"


@pytest.mark.parametrize("form", [{"a": ["1", "2"], "b": "ü"}, [("a", "1"), ("a", "2"), ("b", "ü")]])
async def test_a_form_is_sent_in_order(client: Any, sandbox: Sandbox, form: Any) -> None:
    await consent(client, sandbox)
    answer = await settled(client.grant("alice").post(f"{sandbox.url}/api/echo", form=form))
    assert answer.json()["form"] == [["a", "1"], ["a", "2"], ["b", "ü"]]


async def test_json_is_sent_and_read(client: Any, sandbox: Sandbox) -> None:
    await consent(client, sandbox)
    answer = await settled(client.grant("alice").put(f"{sandbox.url}/api/echo", json={"ü": [1, None]}))
    assert answer.json()["json"] == {"ü": [1, None]}
    assert answer.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def test_a_raw_body_is_sent_as_it_stands(client: Any, sandbox: Sandbox, kind: Any) -> None:
    await consent(client, sandbox)
    body = kind(bytes(range(256)))
    answer = await settled(
        client.grant("alice").patch(
            f"{sandbox.url}/api/echo", body=body, headers={"Content-Type": "application/octet-stream"}
        )
    )
    assert answer.json()["size"] == 256 and answer.json()["method"] == "PATCH"


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
async def test_each_method_has_a_short_name(client: Any, sandbox: Sandbox, method: str) -> None:
    await consent(client, sandbox)
    answer = await settled(getattr(client.grant("alice"), method)(f"{sandbox.url}/api/echo"))
    assert answer.json()["method"] == method.upper()


async def test_any_status_is_an_answer(client: Any, sandbox: Sandbox) -> None:
    await consent(client, sandbox)
    answer = await settled(client.grant("alice").get(f"{sandbox.url}/api/status/404"))
    assert answer.status == 404 and repr(answer) == "<Response [404]>"


async def test_bytes_come_back_unchanged(client: Any, sandbox: Sandbox) -> None:
    await consent(client, sandbox)
    answer = await settled(client.grant("alice").get(f"{sandbox.url}/api/bytes/100000"))
    assert len(answer.content) == 100_000


async def test_a_forced_refresh_renews_a_fresh_token(client: Any, sandbox: Sandbox) -> None:
    before = await consent(client, sandbox)
    inspected = await settled(client.grant("alice").refresh(force=True))
    assert inspected["generation"] == before.generation + 1 and sandbox.refreshes() == 1


async def test_inspection_shows_times_in_seconds_and_no_secret(client: Any, sandbox: Sandbox) -> None:
    await consent(client, sandbox)
    inspected = await settled(client.grant("alice").inspect())
    assert inspected["subject"] == "alice" and inspected["status"] == "active"
    assert inspected["expires_at"] == pytest.approx(time.time() + 3600, abs=60)
    assert "sbx." not in json.dumps(inspected)


async def test_a_revoked_grant_is_gone_at_the_provider_and_here(client: Any, sandbox: Sandbox) -> None:
    await consent(client, sandbox)
    assert await settled(client.grant("alice").revoke()) is None
    assert sandbox.control("grants")[0]["alive"] is False
    with pytest.raises(evergrant.NoGrantError):
        await settled(client.grant("alice").access_token())


async def test_a_forgotten_grant_lives_on_at_the_provider(client: Any, sandbox: Sandbox) -> None:
    await consent(client, sandbox)
    assert await settled(client.grant("alice").forget()) is None
    assert sandbox.control("grants")[0]["alive"] is True
    with pytest.raises(evergrant.NoGrantError):
        await settled(client.grant("alice").inspect())


async def test_tokens_got_elsewhere_can_be_put(client: Any) -> None:
    inspected = await settled(
        client.put("bob", access_token="elsewhere", refresh_token="r", expires_at=time.time() + 500.5, scope=["read"])
    )
    assert inspected["subject"] == "bob"
    assert inspected["expires_at"] == pytest.approx(time.time() + 500, abs=5)
    assert (await settled(client.grant("bob").access_token())).token == "elsewhere"


async def test_an_exported_grant_goes_on_elsewhere_and_shows_no_secret(client: Any) -> None:
    await settled(client.put("alice", access_token="canary-access", refresh_token="canary-refresh", expires_in=3600))
    exported = await settled(client.grant("alice").export())
    assert "canary" not in repr(exported) and "canary" not in str(exported)
    assert json.loads(exported.text)["tokens"]["refresh"] == "canary-refresh"
    await settled(client.put("bob", document=exported.text))
    assert (await settled(client.grant("bob").access_token())).token == "canary-access"
    with pytest.raises(evergrant.NoGrantError):
        await settled(client.grant("nobody").export())


async def test_grants_are_listed_with_their_slots(client: Any) -> None:
    assert await settled(client.list()) == []
    await settled(client.put("alice", access_token="a"))
    await settled(client.put("alice", access_token="b", slot="second"))
    listed = await settled(client.list())
    assert [(found["subject"], found["slot"]) for found in listed] == [("alice", ""), ("alice", "second")]
    grant = client.grant("alice", "second")
    assert (grant.subject, grant.slot, (await settled(grant.access_token())).token) == ("alice", "second", "b")
    assert repr(grant) == 'Grant(subject="alice", slot="second")'


async def test_what_is_due_is_listed_and_renewed(client: Any, sandbox: Sandbox) -> None:
    await consent(client, sandbox)
    await settled(client.put("bob", refresh_token="unknown"))
    (bob,) = await settled(client.due(within=60))
    assert (bob["subject"], bob["due_for"], bob["generation"], bob["expires_at"]) == ("bob", "expiry", 1, 0)
    assert await settled(client.due(after={"subject": "bob"})) == []
    report = await settled(client.refresh_due(concurrency=2))
    assert (report["refreshed"], report["needs_consent"]) == (0, [{"subject": "bob", "slot": ""}])
    with pytest.raises(evergrant.InvalidArgumentError, match="concurrency"):
        await settled(client.refresh_due(concurrency=0))


async def test_a_closed_client_refuses(client: Any) -> None:
    await settled(client.close())
    await settled(client.close())
    with pytest.raises(evergrant.CancelledError):
        await settled(client.list())


async def test_a_context_manager_closes(open_client: OpenClient) -> None:
    client = open_client()
    if isinstance(client, evergrant.Client):
        with client as entered:
            assert entered is client
    else:
        async with client as entered:
            assert entered is client
    with pytest.raises(evergrant.CancelledError):
        await settled(client.list())


async def test_events_come_before_the_call_returns(open_client: OpenClient, sandbox: Sandbox) -> None:
    events: list[dict[str, Any]] = []
    client = open_client(on_event=events.append)
    await consent(client, sandbox)
    assert [event["event"] for event in events] == ["granted"]
    await settled(client.grant("alice").refresh(force=True))
    assert [event["event"] for event in events] == ["granted", "refreshed"]
    assert events[0]["subject"] == "alice" and "sbx." not in json.dumps(events)


async def test_events_come_without_a_call_too(open_client: OpenClient, sandbox: Sandbox) -> None:
    events: list[str] = []
    client = open_client(on_event=lambda event: events.append(event["event"]))
    await consent(client, sandbox)
    sandbox.fault("token", "delay", milliseconds=200)
    with pytest.raises(evergrant.TimeoutError):
        await settled(client.grant("alice").refresh(force=True, timeout=0.05))
    deadline = time.monotonic() + 5
    while "refreshed" not in events:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_oauth1_signs_what_it_sends(open_client: OpenClient, sandbox: Sandbox) -> None:
    client = open_client(**sandbox.oauth1_config(scope=[]))
    await consent(client, sandbox)
    answer = await settled(client.grant("alice").post(f"{sandbox.url}/api/echo", query={"q": "ä"}, form={"f": "1"}))
    assert answer.status == 200 and answer.json()["form"] == [["f", "1"]]

    url = f"{sandbox.url}/api/echo?q=1"
    headers = await settled(client.grant("alice").headers("POST", url, form=[("f", "a b")]))
    with urllib.request.urlopen(urllib.request.Request(url, b"f=a+b", headers)) as answer:
        assert json.load(answer)["form"] == [["f", "a b"]]


async def test_a_grant_is_shared_through_a_file(open_client: OpenClient, sandbox: Sandbox, tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path}/tokens.db"
    await consent(open_client(store=store), sandbox)
    answer = await settled(open_client(store=store).grant("alice").get(f"{sandbox.url}/api/me"))
    assert answer.json()["user"] == "alice"


async def test_keys_may_come_from_a_function(open_client: OpenClient, tmp_path: Path, sandbox: Sandbox) -> None:
    asked: list[str] = []

    def keys() -> list[str]:
        asked.append("keys")
        return ["ab" * 32]

    store = f"sqlite:{tmp_path / 'tokens.db'}"
    client = open_client(store=store, encryption={"keys": keys, "next": lambda: "cd" * 32})
    await settled(client.put("alice", access_token="canary", expires_in=3600))
    assert asked == ["keys"]
    assert b"canary" not in b"".join(file.read_bytes() for file in tmp_path.glob("tokens.db*"))
    same = open_client(store=store, encryption={"keys": ["ab" * 32]})
    assert (await settled(same.grant("alice").access_token())).token == "canary"
    with pytest.raises(evergrant.DecryptionError) as caught:
        await settled(open_client(store=store).grant("alice").access_token())
    assert caught.value.reason == "no_keys"
