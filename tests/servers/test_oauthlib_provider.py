"""The OAuth 1.0a server by itself, driven with oauthlib's own client: what meetings with it may rely on."""

from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from consent import consent
from http_client import Answer, journal, send
from oauthlib.oauth1 import SIGNATURE_HMAC_SHA1, SIGNATURE_HMAC_SHA256, SIGNATURE_PLAINTEXT, Client

CLIENT_KEY = "evergrantOAuth1TestClient"
CLIENT_SECRET = "oauth1 client secret: 100% & more"
CALLBACK = "http://127.0.0.1:9/callback"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def client(**credentials: str) -> Client:
    return Client(CLIENT_KEY, **{"client_secret": CLIENT_SECRET, **credentials})


def signed(signer: Client, method: str, url: str, form: list[tuple[str, str]] | None = None) -> Answer:
    if form is None:
        url, headers, body = signer.sign(url, method)
    else:
        url, headers, body = signer.sign(url, method, urlencode(form), FORM)
    return send(method, url, headers, body)


def consented(base_url: str) -> dict[str, str]:
    """Temporary credentials that a user has authorized, with the verifier."""
    answer = signed(client(callback_uri=CALLBACK), "POST", f"{base_url}/request_token")
    assert answer.status == 200, answer.text
    temporary = dict(parse_qsl(answer.text))
    assert temporary["oauth_callback_confirmed"] == "true"
    query = urlencode({"oauth_token": temporary["oauth_token"]})
    callback = parse_qs(urlsplit(consent(f"{base_url}/authorize?{query}")).query)
    assert callback["oauth_token"] == [temporary["oauth_token"]]
    return {
        "resource_owner_key": temporary["oauth_token"],
        "resource_owner_secret": temporary["oauth_token_secret"],
        "verifier": callback["oauth_verifier"][0],
    }


def granted(base_url: str) -> dict[str, str]:
    """Token credentials after a user's consent."""
    answer = signed(client(**consented(base_url)), "POST", f"{base_url}/access_token")
    assert answer.status == 200, answer.text
    token = dict(parse_qsl(answer.text))
    return {"resource_owner_key": token["oauth_token"], "resource_owner_secret": token["oauth_token_secret"]}


@pytest.mark.parametrize("method", [SIGNATURE_HMAC_SHA1, SIGNATURE_HMAC_SHA256, SIGNATURE_PLAINTEXT])
def test_consent_by_script_ends_in_an_api_call_as_that_user(oauthlib_provider: str, method: str) -> None:
    signer = client(**granted(oauthlib_provider), signature_method=method)
    answer = signed(signer, "GET", f"{oauthlib_provider}/api/me")
    assert (answer.status, answer.json()) == (200, {"user": "alice", "client": CLIENT_KEY})


def test_query_and_form_with_duplicates_empty_values_and_utf_8_are_signed(oauthlib_provider: str) -> None:
    form = [("c2", ""), ("a3", "2 q"), ("a3", "a"), ("city", "Zürich & ☃")]
    answer = signed(
        client(**granted(oauthlib_provider)), "POST", f"{oauthlib_provider}/api/echo?b5=%3D%253D&a3=a&c%40=", form
    )
    assert answer.status == 200, answer.text
    assert answer.json() == {
        "method": "POST",
        "query": [["b5", "=%3D"], ["a3", "a"], ["c@", ""]],
        "form": [list(pair) for pair in form],
    }


def test_a_form_changed_after_signing_is_refused(oauthlib_provider: str) -> None:
    url = f"{oauthlib_provider}/api/echo"
    _, headers, body = client(**granted(oauthlib_provider)).sign(url, "POST", "amount=1", FORM)
    assert send("POST", url, headers, body + "0").status == 401
    assert signed(client(**granted(oauthlib_provider)), "POST", url, [("amount", "1")]).status == 200


def test_a_request_sent_twice_is_refused_the_second_time(oauthlib_provider: str) -> None:
    url, headers, _ = client(**granted(oauthlib_provider)).sign(f"{oauthlib_provider}/api/me")
    assert [send("GET", url, headers).status for _ in range(2)] == [200, 401]


def test_a_wrong_secret_is_refused_at_each_step(oauthlib_provider: str) -> None:
    wrong = {"client_secret": "wrong"}
    requested = signed(client(callback_uri=CALLBACK, **wrong), "POST", f"{oauthlib_provider}/request_token")
    exchanged = signed(client(**consented(oauthlib_provider), **wrong), "POST", f"{oauthlib_provider}/access_token")
    called = signed(client(**granted(oauthlib_provider), **wrong), "GET", f"{oauthlib_provider}/api/me")
    assert [requested.status, exchanged.status, called.status] == [401, 401, 401]


def test_no_token_without_the_verifier_that_the_user_brought(oauthlib_provider: str) -> None:
    credentials = {**consented(oauthlib_provider), "verifier": "aVerifierThatNobodyWasGiven"}
    assert signed(client(**credentials), "POST", f"{oauthlib_provider}/access_token").status == 401


def test_temporary_credentials_work_once(oauthlib_provider: str) -> None:
    credentials = consented(oauthlib_provider)
    statuses = [signed(client(**credentials), "POST", f"{oauthlib_provider}/access_token").status for _ in range(2)]
    assert statuses == [200, 401]


def test_the_journal_tells_paths_and_statuses_and_no_secret(oauthlib_provider: str) -> None:
    before = len(journal(oauthlib_provider))
    token = granted(oauthlib_provider)
    entries = journal(oauthlib_provider)[before:]
    assert [(entry["method"], entry["path"], entry["status"]) for entry in entries] == [
        ("POST", "/request_token", 200),
        ("GET", "/authorize", 200),
        ("POST", "/authorize", 302),
        ("POST", "/access_token", 200),
    ]
    assert not any(secret in str(entries) for secret in token.values())
