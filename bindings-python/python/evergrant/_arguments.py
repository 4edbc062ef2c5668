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


Key = str | Mapping[str, str]
"""32 random bytes as base64, base64url or hex; or ``{"env": NAME}`` or ``{"file": PATH}``."""


class Encryption(TypedDict, total=False):
    """Encryption at rest; a function is asked once, when the client is made."""

    keys: Sequence[Key] | Callable[[], Sequence[Key]]
    """The newest first: it seals. Those behind it are older and only open."""
    next: Key | Callable[[], Key]
    """The key that will be put first."""


class Config(TypedDict, total=False):
    """The configuration, the same keys in every language; ``provider`` and ``client_id`` have to be there."""

    provider: str | Mapping[str, Any]
    """A name of the catalogue, an issuer URL, or a table of one's own."""
    provider_files: Sequence[str | os.PathLike[str]]
    """Files with provider entries of one's own."""
    provider_variables: Mapping[str, str]
    """What the endpoints of the provider's entry leave open."""
    client_id: str
    client_secret: str | Mapping[str, str]
    """The text, ``{"env": NAME}`` or ``{"file": PATH}``."""
    client_authentication: str
    private_key: str | Mapping[str, str]
    """OAuth 1.0a: PEM with the RSA key that signs; text, ``{"env": NAME}`` or ``{"file": PATH}``."""
    private_key_passphrase: str | Mapping[str, str]
    signature_method: str
    parameters_in: str
    realm: str
    client_certificate: str | Mapping[str, str]
    """PEM with the certificate of mutual TLS (RFC 8705); its key may be in it."""
    client_certificate_key: str | Mapping[str, str]
    tls_client_certificate_bound_access_tokens: bool
    """Whether APIs are shown the certificate, too."""
    dpop: bool | Literal["auto"]
    """Whether tokens are bound to a key of the grant's own (RFC 9449)."""
    redirect_uri: str
    scope: str | Sequence[str]
    offline: bool
    """Ask for whatever this provider needs to give a refresh token."""
    encryption: Encryption
    """The keys that stored records are sealed with."""
    detached: str
    state_dir: str | os.PathLike[str]
    windows: Mapping[str, float]
    timeouts: Mapping[str, float]
    api_hosts: Sequence[str]
    max_response_bytes: int
    user_agent: str


class BeginOptions(TypedDict, total=False):
    """How a user is asked for consent; what is not given is the configuration's."""

    scope: str | Sequence[str] | None
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


def options(given: Mapping[str, object]) -> str:
    """What was given, as text."""
    named = {name: value for name, value in given.items() if value is not None}
    return json.dumps(named, default=_plain)


def configuration(store: str | TokenStore | None, config: Config) -> tuple[str, TokenStore | None]:
    """The configuration as text, and the store where it is an object."""
    named: dict[str, Any] = {**config}
    if isinstance(encryption := named.get("encryption"), Mapping):
        named["encryption"] = {name: each() if callable(each) else each for name, each in encryption.items()}
    if store is None or isinstance(store, str):
        return options({"store": store, **named}), None
    return options(named), store


def request(method: str, url: str, given: RequestOptions) -> tuple[str, bytes | None]:
    """The request as text, and its raw body."""
    named: dict[str, Any] = {**given, "method": method, "url": url}
    body = named.pop("body", None)
    return options(named), None if body is None else bytes(memoryview(body))


def inspection(text: str) -> Inspection:
    """What is known about a grant."""
    return _seconds(json.loads(text))


def inspections(text: str) -> Inspections:
    """The same for several grants."""
    return [_seconds(each) for each in json.loads(text)]


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
