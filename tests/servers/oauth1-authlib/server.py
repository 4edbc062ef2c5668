"""An OAuth 1.0a provider on the unmodified library `Authlib`, in its integration with Flask, on loopback.

    python server.py [--port N]

Prints one line {"base_url": ...} when it listens. All checks of a request are Authlib's, with its defaults: timestamps at
most 300 seconds old, a nonce once, protocol parameters in one place only. What is here is what Authlib leaves to a server:
where credentials are kept, and who the user is.

    POST /request_token   GET, POST /authorize   POST /access_token
    /api/me               the user of the token, by any method
    /api/echo             the method, query and form as they were received, by any method
    GET  /journal         what was asked and answered, without secrets
"""

import argparse
import json
import os
import time
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from authlib.integrations.flask_oauth1 import (
    AuthorizationServer,
    ResourceProtector,
    current_credential,
    register_nonce_hooks,
    register_temporary_credential_hooks,
)
from authlib.integrations.flask_oauth1.cache import create_exists_nonce_func
from authlib.oauth1 import ClientMixin, TokenCredentialMixin
from authlib.oauth1.errors import OAuth1Error
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from flask import Flask, Response, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]
PRIVATE_KEY = Path(__file__).with_name("client.key")

CONSENT_PAGE = """<!doctype html>
<title>Consent</title>
<form method="post" action="/authorize">
  <input type="hidden" name="oauth_token" value="{token}">
  <input name="login" placeholder="Any user name" required>
  <button>Allow</button>
</form>
"""


@dataclass
class Client(ClientMixin):  # type: ignore[misc]
    """One consumer: with a secret, or with an RSA key."""

    name: str
    secret: str = ""
    public_key: str = ""

    def get_default_redirect_uri(self) -> str:
        return "http://127.0.0.1:9/callback"

    def get_client_secret(self) -> str:
        return self.secret

    def get_rsa_public_key(self) -> str:
        return self.public_key


@dataclass
class Token(TokenCredentialMixin):  # type: ignore[misc]
    """The outcome of the flow (RFC 5849 section 2.3); never expires."""

    token: str
    secret: str
    client: str
    user: str

    def get_oauth_token(self) -> str:
        return self.token

    def get_oauth_token_secret(self) -> str:
        return self.secret


@dataclass
class User:
    """Whoever typed a name."""

    name: str

    def get_user_id(self) -> str:
        return self.name


class Memory(dict[str, Any]):
    """What Authlib calls a cache."""

    def set(self, key: str, value: Any, timeout: int) -> None:
        self[key] = value

    def has(self, key: str) -> bool:
        return key in self

    def delete(self, key: str) -> None:
        self.pop(key, None)


def public_key() -> str:
    key = load_pem_private_key(PRIVATE_KEY.read_bytes(), None).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def provider() -> Flask:
    """The server with all that it knows."""
    app = Flask(__name__)
    app.config["OAUTH1_SUPPORTED_SIGNATURE_METHODS"] = ["HMAC-SHA1", "RSA-SHA1", "PLAINTEXT"]
    clients = [
        Client("evergrant", secret="oauth1 client secret: 100% & more"),
        Client("evergrant with a key", public_key=public_key()),
    ]
    by_name = {client.name: client for client in clients}
    tokens: dict[str, Token] = {}
    journal: list[dict[str, Any]] = []
    memory = Memory()

    endpoints = AuthorizationServer(app, query_client=by_name.get)
    register_temporary_credential_hooks(endpoints, memory)
    register_nonce_hooks(endpoints, memory)

    def token_of(token: dict[str, str], temporary: Any) -> Token:
        made = Token(
            token["oauth_token"], token["oauth_token_secret"], temporary.get_client_id(), temporary.get_user_id()
        )
        tokens[made.token] = made
        return made

    endpoints.register_hook("create_token_credential", token_of)

    def token_with_client(client: str, token: str) -> Token | None:
        known = tokens.get(token)
        return known if known and known.client == client else None

    protected = ResourceProtector(app, by_name.get, token_with_client, create_exists_nonce_func(memory))

    @app.post("/request_token")
    def request_token() -> Response:
        return endpoints.create_temporary_credentials_response()

    @app.get("/authorize")
    def ask() -> Response:
        try:
            endpoints.check_authorization_request()
        except OAuth1Error as refused:
            return Response(str(refused), 400)
        return Response(CONSENT_PAGE.format(token=escape(request.args["oauth_token"])))

    @app.post("/authorize")
    def decide() -> Response:
        return endpoints.create_authorization_response(grant_user=User(request.form["login"]))

    @app.post("/access_token")
    def access_token() -> Response:
        return endpoints.create_token_response()

    @app.route("/api/me", methods=ANY_METHOD)
    @protected()
    def me() -> Response:
        return jsonify(user=current_credential.user, client=current_credential.client)

    @app.route("/api/echo", methods=ANY_METHOD)
    @protected()
    def echo() -> Response:
        query, form = ([list(pair) for pair in given.items(multi=True)] for given in (request.args, request.form))
        return jsonify(method=request.method, query=query, form=form)

    @app.get("/journal")
    def show_journal() -> Response:
        return jsonify(journal)

    @app.after_request
    def note(response: Response) -> Response:
        if request.path != "/journal":
            line = {"at": time.time(), "method": request.method, "path": request.path, "status": response.status_code}
            journal.append(line)
        return response

    return app


class Quiet(WSGIRequestHandler):
    """The journal tells what was asked, and a request line may hold a verifier."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # loopback
    server = make_server("127.0.0.1", parser.parse_args().port, provider(), threaded=True, request_handler=Quiet)
    print(json.dumps({"base_url": f"http://127.0.0.1:{server.port}"}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
