"""Arguments on their way to the native module: JSON text, and what was not given left out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from ._store import TokenStore

Event = dict[str, Any]
"""``event`` (what happened), ``provider``, ``subject``, ``slot`` and, where known, ``grant_id``, ``generation``, ``detail``."""

Inspection = dict[str, Any]
"""Everything about a grant but its secrets; keys that end in ``_at`` are Unix seconds."""

Inspections = list[Inspection]

Claims = dict[str, Any]
"""What a provider says, under its own names and in its own units: ``sub``, ``email``, …; ``active``, ``exp``, …"""

DueGrant = dict[str, Any]
"""``subject``, ``slot``, ``grant_id``, ``generation``, ``due_for`` (``expiry``, ``keepalive`` or ``revocation``), ``expires_at``,
``keepalive_at``, ``retry_at``."""

DueGrants = list[DueGrant]

DueReport = dict[str, Any]
"""Numbers: ``refreshed``, ``renewed_elsewhere``, ``in_back_off``, ``skipped``, ``revoked``, ``cleared``; lists: ``needs_consent``
(``subject``, ``slot``) and ``failed`` (also ``code``, ``message``, ``retry_at``); and ``stopped``: ``None``, or why the rest was left
for a later call."""

Text = str | int | float | bool
Parameters = Mapping[str, Text | Sequence[Text]] | Iterable[tuple[str, Text]]
"""Names and values, as a mapping (of lists where a name comes more than once) or as pairs in order."""


Secret = str | Mapping[str, str | os.PathLike[str]]
"""The text, ``{"env": NAME}`` or ``{"file": PATH}``."""

Key = str | Mapping[str, str]
"""32 random bytes as base64, base64url or hex; or ``{"env": NAME}`` or ``{"file": PATH}``."""


class Encryption(TypedDict, total=False):
    """Encryption at rest; a function is asked once, when the client is made."""

    keys: Sequence[Key] | Callable[[], Sequence[Key]]
    """The newest first: it seals. Those behind it are older and only open."""
    next: Key | Callable[[], Key]
    """The key that will be put first."""


class Assertion(TypedDict, total=False):
    """What assertions say (RFC 7523)."""

    audience: str
    """``issuer``, ``token_endpoint``, a URI or a host name."""
    issuer: str
    """With ``grant="jwt_bearer"``: who signs."""
    subject: str
    """With ``grant="jwt_bearer"``: for whom; ``{subject}`` in it stands for the subject of the grant."""
    claims: Mapping[str, Any]
    """With ``grant="jwt_bearer"``: further claims."""


class TokenExchange(TypedDict, total=False):
    """What is exchanged for a token (RFC 8693); ``subject_token`` has to be there."""

    subject_token: Secret
    subject_token_type: str
    actor_token: Secret
    actor_token_type: str
    requested_token_type: str
    audience: str


class StoreTable(TypedDict, total=False):
    """The address of a store, which has to be there, and how its tables are called."""

    address: Secret
    grants_table: str
    pending_table: str
    schema_table: str
    columns: Mapping[str, str]
    pool_size: int
    create: bool


class Config(TypedDict, total=False):
    """The configuration, the same keys in every language; ``provider`` and ``client_id`` have to be there."""

    provider: str | Mapping[str, Any]
    """A name of the catalogue, an issuer URL, or a table of one's own."""
    provider_files: Sequence[str | os.PathLike[str]]
    """Files with provider entries of one's own."""
    provider_variables: Mapping[str, str]
    """What the endpoints of the provider's entry leave open."""
    google_credentials: Secret
    """One of Google's files as it is, its path, or ``default``; then ``provider`` and ``client_id`` may be absent."""
    redirect_index: int
    """Which of the redirect URIs of a ``client_secrets.json``, counted from 0."""
    client_id: str
    client_secret: Secret
    client_authentication: str
    private_key: Secret
    """PEM or JWK with the key that signs assertions (RFC 7523); OAuth 1.0a: PEM with the RSA key that signs requests."""
    private_key_passphrase: Secret
    private_key_id: str
    """The name by which the provider knows the key (``kid``)."""
    signing_algorithm: str
    """Of assertions, such as ``ES256``."""
    assertion: Assertion
    grant: Literal["authorization_code", "client_credentials", "jwt_bearer", "token_exchange"]
    """How grants come about."""
    token_exchange: TokenExchange
    """With ``grant="token_exchange"``: what is exchanged."""
    legacy_grants: Sequence[Literal["password", "pin"]]
    """Grants that show users' secrets to the application, for servers that know nothing else."""
    signature_method: str
    parameters_in: str
    realm: str
    client_certificate: Secret
    """PEM with the certificate of mutual TLS (RFC 8705); its key may be in it."""
    client_certificate_key: Secret
    tls_client_certificate_bound_access_tokens: bool
    """Whether APIs are shown the certificate, too."""
    dpop: bool | Literal["auto"]
    """Whether tokens are bound to a key of the grant's own (RFC 9449)."""
    redirect_uri: str
    scope: str | Sequence[str]
    offline: bool
    """Ask for whatever this provider needs to give a refresh token."""
    par: Literal["auto", "always", "off"]
    """Whether authorization requests are pushed to the provider (RFC 9126)."""
    request_object: bool
    """Whether authorization requests are signed with ``private_key`` (RFC 9101)."""
    resource: Sequence[str]
    """What the tokens are to be for (RFC 8707), as absolute URIs."""
    allow_private_addresses: bool
    """Whether a provider that is given by its issuer, and its endpoints, may be in private networks."""
    encryption: Encryption
    """The keys that stored records are sealed with."""
    detached: str
    state_dir: str | os.PathLike[str]
    windows: Mapping[str, float]
    timeouts: Mapping[str, float]
    api_hosts: Sequence[str]
    clock_skew: float
    """By how much the provider's clock may differ from this one where times of an ``id_token`` are compared."""
    max_response_bytes: int
    user_agent: str


class BeginOptions(TypedDict, total=False):
    """How a user is asked for consent; what is not given is the configuration's."""

    scope: str | Sequence[str] | None
    incremental: bool
    """Keep what was granted before: the consent is asked for both."""
    resource: Sequence[str] | None
    """What tokens are to be had for beside the configuration's ``resource`` (RFC 8707); ``access_token`` gets those of each."""
    authorization_details: Sequence[Mapping[str, Any]] | None
    """What is to be allowed in detail (RFC 9396): objects, each with its ``type``."""
    redirect_uri: str | None
    prompt: str | None
    reauthenticate: bool
    """Whether the user is to prove once more who they are."""
    login_hint: str | None
    parameters: Mapping[str, str] | None
    """Further parameters of the authorization request."""
    browser_session: str | None
    """A key of the browser's session, which ``finish`` has to give again."""
    slot: str | None
    timeout: float | None


class FinishOptions(TypedDict, total=False):
    """How consent is brought home."""

    browser_session: str | None
    state: str | None
    """The ``state`` of ``begin``, where you know which callback you wait for; with it a bare code will do for a callback."""
    timeout: float | None


class ExchangeOptions(TypedDict, total=False):
    """How a code is exchanged that came another way than by a callback."""

    redirect_uri: str | None
    """That of the request that brought the code; none where it had none."""
    code_verifier: str | None
    """The verifier of its challenge (RFC 7636), if it had one."""
    scope: str | Sequence[str] | None
    """What was asked for; the configuration's when absent."""
    slot: str | None
    timeout: float | None


class DeviceOptions(TypedDict, total=False):
    """How a user is asked for consent on another device; what is not given is the configuration's."""

    scope: str | Sequence[str] | None
    authorization_details: Sequence[Mapping[str, Any]] | None
    """What is to be allowed in detail (RFC 9396): objects, each with its ``type``."""
    parameters: Mapping[str, str] | None
    """Further parameters of the device authorization request."""
    slot: str | None
    timeout: float | None


class LogoutOptions(TypedDict, total=False):
    """How a user is logged out at the provider."""

    subject: str | None
    """Whose session; the ``id_token`` of their grant tells the provider, where there is one."""
    slot: str | None
    post_logout_redirect_uri: str | None
    """Where the provider sends the browser afterwards."""
    state: str | None
    """What comes back with that."""
    timeout: float | None


class LegacyGrantOptions(TypedDict, total=False):
    """How a grant is kept that a password or a PIN brought."""

    slot: str | None
    timeout: float | None


class PutTokens(TypedDict, total=False):
    """Tokens that were got elsewhere."""

    document: str | None
    """What ``evergrant export`` gave, or what another program keeps, in place of all that follows but ``slot``."""
    access_token: str | None
    token_secret: str | None
    """OAuth 1's."""
    token_type: str | None
    refresh_token: str | None
    dpop_key: str | None
    """The key that tokens of the type ``DPoP`` are bound to: a private key on P-256 in PEM (PKCS #8)."""
    expires_in: float | None
    expires_at: float | None
    """Unix seconds."""
    scope: str | Sequence[str] | None
    slot: str | None


class TokenOptions(TypedDict, total=False):
    """Which token will do."""

    min_valid: float | None
    """Seconds for which it has to be valid at least."""
    resource: str | None
    """For which resource the token is to be (RFC 8707), an absolute URI; such a token is renewed by itself."""
    scope: str | Sequence[str] | None
    """Fewer scopes than were granted; a token of its own too."""
    timeout: float | None


class HeaderOptions(TypedDict, total=False):
    """What else a signature covers."""

    form: Parameters | None
    """Form parameters of the request's body, which an OAuth 1 signature covers."""
    refused: str | None
    """The ``Authorization`` value, or the token, that met a 401: headers for sending the request once more."""
    challenge: str | None
    """What came with that 401, a line each: ``WWW-Authenticate``, and the body. It says whether another token may help."""
    dpop_nonce: str | None
    """What ``DPoP-Nonce`` said beside it (RFC 9449)."""
    resource: str | None
    """For which resource the token is to be, as for ``access_token``."""
    scope: str | Sequence[str] | None
    """Fewer scopes than were granted, as for ``access_token``."""
    timeout: float | None


class DueAfter(TypedDict, total=False):
    """The grant after which a list goes on."""

    subject: str
    slot: str


class DueOptions(TypedDict, total=False):
    """Which due grants are listed."""

    within: float | None
    """Also what ends within so many seconds."""
    limit: int | None
    """How many at most; fewer mean that there are no more."""
    after: DueAfter | None


class RefreshDueOptions(TypedDict, total=False):
    """How due grants are renewed."""

    within: float | None
    """Also what ends within so many seconds."""
    concurrency: int | None
    """Renewals at once."""
    limit: int | None


class RefreshOptions(TypedDict, total=False):
    """How a grant is renewed."""

    force: bool
    """Also when the token is fresh; tries a grant that needs consent once more."""
    timeout: float | None


class UserinfoOptions(TypedDict, total=False):
    """How the provider is asked about the user."""

    timeout: float | None


class IntrospectOptions(TypedDict, total=False):
    """How the provider is asked about a token."""

    token: Literal["access_token", "refresh_token"] | None
    """About which; the access token when absent."""
    timeout: float | None


class RevokeOptions(TypedDict, total=False):
    """How a grant is revoked."""

    force: bool
    """Delete the grant whatever the provider answers."""
    timeout: float | None


class RequestOptions(TypedDict, total=False):
    """What an API request may have; at most one of ``form``, ``json`` and ``body``."""

    query: Parameters | None
    """Parameters added to the URL's query."""
    form: Parameters | None
    """A body as ``application/x-www-form-urlencoded``."""
    json: Any
    """A body as ``application/json``."""
    body: bytes | bytearray | memoryview | None
    """A body as it stands; name its type in ``headers``."""
    headers: Parameters | None
    """Further headers; ``Authorization`` is the library's."""
    resource: str | None
    """For which resource the token is to be, as for ``access_token``."""
    scope: str | Sequence[str] | None
    """Fewer scopes than were granted, as for ``access_token``."""
    timeout: float | None
    """Seconds until the call gives up."""
    max_response_bytes: int | None


class RegisterOptions(TypedDict, total=False):
    """A client to be registered."""

    metadata: Mapping[str, Any] | None
    """What the client says about itself (RFC 7591 section 2): ``redirect_uris``, ``client_name``, ``scope``, …"""
    software_statement: str | None
    """What somebody whom the provider trusts says about it: a signed JWT."""
    initial_access_token: Secret | None
    """The token that the registration endpoint wants."""
    allow_private_addresses: bool
    """Whether the issuer and its endpoints may be at private addresses."""
    timeout: float | None


class ResourceOptions(TypedDict, total=False):
    """How an API is asked who gives tokens for it."""

    challenge: str | None
    """The values of ``WWW-Authenticate`` of its 401, a line each; without them the well-known place is asked."""
    allow_private_addresses: bool
    """Whether the document may be at a private address."""
    timeout: float | None


class SignOptions(TypedDict, total=False):
    """Who signs, and what of the request; at most one of ``form`` and ``body``."""

    client_secret: Secret | None
    private_key: Secret | None
    """PEM with the RSA key, for the RSA methods."""
    private_key_passphrase: Secret | None
    signature_method: str | None
    """``HMAC-SHA1`` when absent."""
    parameters_in: str | None
    """``header`` (when absent), ``query`` or ``body``."""
    realm: str | None
    token: str | None
    """The token; none for a two-legged request."""
    token_secret: str | None
    query: Parameters | None
    """Parameters added to the URL's query."""
    form: Parameters | None
    """Parameters of a form-encoded body."""
    body: bytes | bytearray | memoryview | None
    """A body of another type, which ``oauth_body_hash`` is to cover."""
    parameters: Parameters | None
    """Further protocol parameters: ``oauth_callback``, ``oauth_verifier``, …"""
    nonce: str | None
    """A random one when absent."""
    timestamp: int | None
    """Unix seconds; now when absent."""
    without_version: bool
    """Leaves ``oauth_version`` out."""


def options(given: Mapping[str, object]) -> str:
    """What was given, as text."""
    named = {name: value for name, value in given.items() if value is not None}
    return json.dumps(named, default=_plain)


def configuration(store: str | StoreTable | TokenStore | None, config: Config) -> tuple[str, TokenStore | None]:
    """The configuration as text, and the store where it is an object."""
    named: dict[str, Any] = {**config}
    if isinstance(encryption := named.get("encryption"), Mapping):
        named["encryption"] = {name: each() if callable(each) else each for name, each in encryption.items()}
    if store is None or isinstance(store, str | Mapping):
        return options({"store": store, **named}), None
    return options(named), store


def request(method: str, url: str, given: RequestOptions) -> tuple[str, bytes | None]:
    """The request as text, and its raw body."""
    return with_body({**given, "method": method, "url": url})


def with_body(given: Mapping[str, Any]) -> tuple[str, bytes | None]:
    """What was given, as text, and the raw body in it."""
    named = {**given}
    body = named.pop("body", None)
    return options(named), None if body is None else bytes(memoryview(body))


def scope(wanted: str | Sequence[str] | None) -> str:
    """Scopes, or none, as text."""
    return json.dumps(wanted, default=_plain)


def inspection(text: str) -> Inspection:
    """What is known about a grant."""
    return _seconds(json.loads(text))


def inspections(text: str) -> Inspections:
    """The same for several grants."""
    return [_seconds(each) for each in json.loads(text)]


def claims(text: str) -> Claims:
    """What a provider said."""
    said: Claims = json.loads(text)
    return said


def due_report(text: str) -> DueReport:
    """What became of due grants."""
    report: DueReport = json.loads(text)
    for part in (*report["failed"], report["stopped"] or {}):
        _seconds(part)
    return report


def _seconds(inspected: dict[str, Any]) -> Inspection:
    for name, value in inspected.items():
        if name.endswith("_at") and value is not None:
            inspected[name] = value / 1000
    return inspected


def _plain(value: object) -> object:
    """What ``json`` does not know: other mappings, other iterables, and paths."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    return os.fspath(value)  # type: ignore[call-overload] # Else its TypeError says what the value is.
