"""An OAuth 1.0a provider on the unmodified library `oauthlib`, on loopback.

    python server.py [--port N]

Prints one line {"base_url": ...} when it listens. All checks of a request are oauthlib's, with its defaults: nonces,
tokens and client keys of 20 to 30 letters and digits, timestamps at most 600 seconds old, protocol parameters in one
place only. What is here is what oauthlib leaves to a server: where credentials are kept, and HTTP.

    POST /request_token   GET, POST /authorize   POST /access_token
    /api/me               the user of the token, by any method
    /api/echo             the method, query and form as they were received, by any method
    GET  /journal         what was asked and answered, without secrets
"""

import argparse
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from oauthlib.common import Request
from oauthlib.oauth1 import (
    SIGNATURE_HMAC_SHA1,
    SIGNATURE_HMAC_SHA256,
    SIGNATURE_PLAINTEXT,
    OAuth1Error,
    RequestValidator,
    WebApplicationServer,
)

CLIENT_KEY = "evergrantOAuth1TestClient"
# Holds what percent-encoding must change before it becomes part of the signing key (RFC 5849 section 3.4.2).
CLIENTS = {CLIENT_KEY: "oauth1 client secret: 100% & more"}

CONSENT_PAGE = """<!doctype html>
<title>Consent</title>
<form method="post" action="/authorize">
  <input type="hidden" name="oauth_token" value="{token}">
  <input name="login" placeholder="Any user name" required>
  <button>Allow</button>
</form>
"""


@dataclass
class TemporaryCredentials:
    """What RFC 5849 section 2.1 names so and oauthlib calls a request token."""

    secret: str
    client_key: str
    callback: str
    user: str | None = None
    verifier: str | None = None


@dataclass
class TokenCredentials:
    """The outcome of the flow (RFC 5849 section 2.3); never expires."""

    secret: str
    client_key: str
    user: str


@dataclass
class Memory(RequestValidator):  # type: ignore[misc]
    """Answers oauthlib's questions from memory."""

    temporary: dict[str, TemporaryCredentials] = field(default_factory=dict)
    tokens: dict[str, TokenCredentials] = field(default_factory=dict)
    nonces: set[tuple[str, str, str, str | None]] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    # oauthlib checks a signature even for unknown names, so that the time taken tells nothing.
    dummy_client = "nobody"
    dummy_request_token = "nothing"
    dummy_access_token = "nothing"

    enforce_ssl = False
    allowed_signature_methods = (SIGNATURE_HMAC_SHA1, SIGNATURE_HMAC_SHA256, SIGNATURE_PLAINTEXT)

    def get_client_secret(self, client_key: str, request: Request) -> str:
        return CLIENTS.get(client_key, "unknown client")

    def validate_client_key(self, client_key: str, request: Request) -> bool:
        return client_key in CLIENTS

    def validate_timestamp_and_nonce(
        self,
        client_key: str,
        timestamp: str,
        nonce: str,
        request: Request,
        request_token: str | None = None,
        access_token: str | None = None,
    ) -> bool:
        use = (client_key, timestamp, nonce, request_token or access_token)
        with self.lock:
            first = use not in self.nonces
            self.nonces.add(use)
        return first

    def validate_redirect_uri(self, client_key: str, redirect_uri: str, request: Request) -> bool:
        return redirect_uri == "oob" or urlsplit(redirect_uri).hostname in ("127.0.0.1", "localhost")

    def save_request_token(self, token: dict[str, str], request: Request) -> None:
        self.temporary[token["oauth_token"]] = TemporaryCredentials(
            token["oauth_token_secret"], request.client_key, request.redirect_uri
        )

    def verify_request_token(self, token: str, request: Request) -> bool:
        return token in self.temporary

    def get_redirect_uri(self, token: str, request: Request) -> str:
        return self.temporary[token].callback

    def save_verifier(self, token: str, verifier: dict[str, str], request: Request) -> None:
        self.temporary[token].verifier = verifier["oauth_verifier"]
        self.temporary[token].user = dict(request.decoded_body)["login"]

    def validate_request_token(self, client_key: str, token: str, request: Request) -> bool:
        known = self.temporary.get(token)
        return known is not None and known.client_key == client_key

    def get_request_token_secret(self, client_key: str, token: str, request: Request) -> str:
        known = self.temporary.get(token)
        return known.secret if known else "unknown token"

    def validate_verifier(self, client_key: str, token: str, verifier: str, request: Request) -> bool:
        known = self.temporary.get(token)
        return known is not None and known.verifier is not None and secrets.compare_digest(known.verifier, verifier)

    def save_access_token(self, token: dict[str, str], request: Request) -> None:
        user = self.temporary[request.resource_owner_key].user
        if user is None:
            raise AssertionError("a verifier is only given to a user who consented")
        self.tokens[token["oauth_token"]] = TokenCredentials(token["oauth_token_secret"], request.client_key, user)

    def invalidate_request_token(self, client_key: str, request_token: str, request: Request) -> None:
        del self.temporary[request_token]

    def validate_access_token(self, client_key: str, token: str, request: Request) -> bool:
        known = self.tokens.get(token)
        return known is not None and known.client_key == client_key

    def get_access_token_secret(self, client_key: str, token: str, request: Request) -> str:
        known = self.tokens.get(token)
        return known.secret if known else "unknown token"

    # Realms are not used by this server.

    def get_default_realms(self, client_key: str, request: Request) -> list[str]:
        return []

    def get_realms(self, token: str, request: Request) -> list[str]:
        return []

    def validate_requested_realms(self, client_key: str, realms: list[str], request: Request) -> bool:
        return True

    def validate_realms(
        self, client_key: str, token: str, request: Request, uri: str | None = None, realms: list[str] | None = None
    ) -> bool:
        return True


class Provider(ThreadingHTTPServer):
    """The listening server with all that it knows."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.base_url = f"http://127.0.0.1:{self.server_address[1]}"
        self.memory = Memory()
        self.endpoints = WebApplicationServer(self.memory)
        self.journal: list[dict[str, Any]] = []


class Handler(BaseHTTPRequestHandler):
    """One request: reads it whole, asks oauthlib, answers."""

    server: Provider
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.uri = self.server.base_url + self.path
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(errors="replace")
        path = urlsplit(self.path).path
        routes = {
            "/request_token": self.request_token,
            "/authorize": self.authorize,
            "/access_token": self.access_token,
            "/api/me": self.me,
            "/api/echo": self.echo,
            "/journal": self.show_journal,
        }
        routes.get(path, self.not_found)()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def request_token(self) -> None:
        self.send(*self.server.endpoints.create_request_token_response(*self.message()))

    def authorize(self) -> None:
        if self.command == "GET":
            token = parse_qs(urlsplit(self.path).query).get("oauth_token", [""])[0]
            if token not in self.server.memory.temporary:
                self.send({}, "unknown oauth_token", 400)
                return
            self.send({"Content-Type": "text/html"}, CONSENT_PAGE.format(token=escape(token)), 200)
            return
        try:
            self.send(*self.server.endpoints.create_authorization_response(*self.message()))
        except OAuth1Error as refused:
            self.send({}, refused.urlencoded, refused.status_code)

    def access_token(self) -> None:
        self.send(*self.server.endpoints.create_access_token_response(*self.message()))

    def me(self) -> None:
        token = self.token_of_valid_request()
        if token is not None:
            self.send_json({"user": token.user, "client": token.client_key})

    def echo(self) -> None:
        if self.token_of_valid_request() is not None:
            query = parse_qsl(urlsplit(self.path).query, keep_blank_values=True)
            form = parse_qsl(self.body, keep_blank_values=True) if self.is_form() else []
            self.send_json({"method": self.command, "query": query, "form": form})

    def show_journal(self) -> None:
        self.send_json(self.server.journal)

    def not_found(self) -> None:
        self.send({}, "not found", 404)

    def token_of_valid_request(self) -> TokenCredentials | None:
        """The token that signed this request, or None after a 401 was sent."""
        valid, request = self.server.endpoints.validate_protected_resource_request(*self.message())
        if valid:
            return self.server.memory.tokens[request.resource_owner_key]
        self.send({"WWW-Authenticate": "OAuth"}, "invalid signature, nonce or token", 401)
        return None

    def message(self) -> tuple[str, str, str, dict[str, str]]:
        """The request as oauthlib takes it."""
        return self.uri, self.command, self.body, dict(self.headers)

    def is_form(self) -> bool:
        return self.headers.get_content_type() == "application/x-www-form-urlencoded"

    def send_json(self, value: Any) -> None:
        self.send({"Content-Type": "application/json"}, json.dumps(value), 200)

    def send(self, headers: dict[str, str], body: str | None, status: int) -> None:
        path = urlsplit(self.path).path
        if path != "/journal":
            self.server.journal.append({"at": time.time(), "method": self.command, "path": path, "status": status})
        content = (body or "").encode()
        self.send_response(status)
        for name, value in {"Content-Type": "text/plain", **headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the journal tells it, and a request line may hold a verifier."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    with Provider(parser.parse_args().port) as provider:
        print(json.dumps({"base_url": provider.base_url}), flush=True)
        provider.serve_forever()


if __name__ == "__main__":
    main()
