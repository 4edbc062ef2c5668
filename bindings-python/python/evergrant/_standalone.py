"""Operations that need no client."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypedDict

from . import _arguments as arguments
from . import _evergrant as native

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Unpack

    from ._arguments import RegisterOptions, ResourceOptions, SignOptions
    from ._evergrant import SignedRequest


class Registered:
    """A registered client."""

    __slots__ = (
        "client_secret_expires_at",
        "config",
        "metadata",
        "registration_access_token",
        "registration_client_uri",
    )

    config: dict[str, Any]
    """Keys of a configuration, the secret among them: ``Client(**registered.config)``."""
    client_secret_expires_at: float | None
    """When the secret expires, in Unix seconds; ``None`` where it does not."""
    registration_access_token: str | None
    """What changes the registration (RFC 7592): a secret."""
    registration_client_uri: str | None
    """Where the registration is changed."""
    metadata: dict[str, Any]
    """What was registered, as the provider took it; no secret is in it."""

    def __init__(self, text: str) -> None:
        told: dict[str, Any] = json.loads(text)
        expires_at = told["client_secret_expires_at"]
        self.config = told["config"]
        self.client_secret_expires_at = None if expires_at is None else expires_at / 1000
        self.registration_access_token = told["registration_access_token"]
        self.registration_client_uri = told["registration_client_uri"]
        self.metadata = told["metadata"]

    def __repr__(self) -> str:
        return f"<Registered {self.config['client_id']!r}>"


class ProtectedResource(TypedDict):
    """What an API says about itself (RFC 9728)."""

    resource: str
    """The identifier, which is also what tokens are asked for."""
    authorization_servers: list[str]
    """Issuers whose tokens it takes; each may be a ``provider``."""
    scopes_supported: list[str]
    bearer_methods_supported: list[str]
    authorization_details_types_supported: list[str]
    dpop_bound_access_tokens_required: bool
    tls_client_certificate_bound_access_tokens: bool
    resource_name: str | None
    resource_documentation: str | None


def register(issuer: str, **options: Unpack[RegisterOptions]) -> Registered:
    """Registers a client at an issuer (RFC 7591), once for each call."""
    return Registered(native._register(arguments.options({"issuer": issuer, **options}), False))


async def register_async(issuer: str, **options: Unpack[RegisterOptions]) -> Registered:
    """As ``register``, for asyncio."""
    return Registered(await native._register(arguments.options({"issuer": issuer, **options}), True))


def protected_resource(url: str, **options: Unpack[ResourceOptions]) -> ProtectedResource:
    """What an API says about itself and who gives tokens for it (RFC 9728).

    ``url`` is its identifier, or the address of a request that it answered with 401.
    """
    told = native._protected_resource(arguments.options({"url": url, **options}), False)
    resource: ProtectedResource = json.loads(told)
    return resource


async def protected_resource_async(url: str, **options: Unpack[ResourceOptions]) -> ProtectedResource:
    """As ``protected_resource``, for asyncio."""
    told = await native._protected_resource(arguments.options({"url": url, **options}), True)
    resource: ProtectedResource = json.loads(told)
    return resource


def redirect_uri_of(
    url: str, path: str | None = None, *, headers: Mapping[str, str] | None = None, trust_proxy: bool = False
) -> str:
    """A redirect URI of the request that the application is answering, at ``path``, or the request's own.

    ``url`` is absolute, as far as the application's server knows it. With ``trust_proxy``, ``Forwarded`` and ``X-Forwarded-*`` of
    ``headers`` are believed: only behind a proxy that sets or removes them all.
    """
    request = {"url": url, "headers": dict(headers or {}), "trust_proxy": trust_proxy}
    return native._redirect_uri_of(arguments.options(request), path)


def sign(method: str, url: str, *, client_id: str, **options: Unpack[SignOptions]) -> SignedRequest:
    """Signs one OAuth 1.0a request (RFC 5849) for use with any HTTP client; nothing is stored or sent."""
    text, body = arguments.with_body({"client_id": client_id, **options})
    return native._sign(method, url, text, body)
