"""OAuth 1.0a and OAuth 2 for offline access: a user consents once; any process may call the API for months.

``Client`` blocks, ``AsyncClient`` is for asyncio. Durations are seconds; times are Unix seconds, as ``time.time()``
has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._client import Client, Grant
from ._errors import (
    CallbackError,
    CancelledError,
    ConsentDeniedError,
    DecryptionError,
    Error,
    InsecureUrlError,
    InternalError,
    InvalidArgumentError,
    InvalidConfigError,
    InvalidResponseError,
    MisconfiguredClientError,
    NeedsConsentError,
    NoGrantError,
    ProviderError,
    StateMismatchError,
    StoreConflictError,
    StoreError,
    TemporarilyUnavailableError,
    TimeoutError,
    TransportError,
    UnknownProviderError,
    UnsupportedError,
)
from ._evergrant import (
    AccessToken,
    DevicePoll,
    DeviceStart,
    Finished,
    GrantDocument,
    SignedRequest,
    Standing,
    Start,
    __version__,
)
from ._response import Headers, Response

if TYPE_CHECKING:
    from ._asyncio import AsyncClient as AsyncClient
    from ._asyncio import AsyncGrant as AsyncGrant
    from ._standalone import ProtectedResource as ProtectedResource
    from ._standalone import Registered as Registered
    from ._standalone import protected_resource as protected_resource
    from ._standalone import protected_resource_async as protected_resource_async
    from ._standalone import register as register
    from ._standalone import register_async as register_async
    from ._standalone import redirect_uri_of as redirect_uri_of
    from ._standalone import sign as sign
    from ._store import TokenStore as TokenStore

__all__ = [
    "AccessToken",
    "AsyncClient",
    "AsyncGrant",
    "CallbackError",
    "CancelledError",
    "Client",
    "ConsentDeniedError",
    "DecryptionError",
    "DevicePoll",
    "DeviceStart",
    "Error",
    "Finished",
    "Grant",
    "GrantDocument",
    "Headers",
    "InsecureUrlError",
    "InternalError",
    "InvalidArgumentError",
    "InvalidConfigError",
    "InvalidResponseError",
    "MisconfiguredClientError",
    "NeedsConsentError",
    "NoGrantError",
    "ProtectedResource",
    "ProviderError",
    "Registered",
    "Response",
    "SignedRequest",
    "Standing",
    "Start",
    "StateMismatchError",
    "StoreConflictError",
    "StoreError",
    "TemporarilyUnavailableError",
    "TimeoutError",
    "TokenStore",
    "TransportError",
    "UnknownProviderError",
    "UnsupportedError",
    "__version__",
    "protected_resource",
    "protected_resource_async",
    "redirect_uri_of",
    "register",
    "register_async",
    "sign",
]

# Imported at first use: whoever has no event loop and no store of their own pays for neither.
_LATER = {
    "AsyncClient": "_asyncio",
    "AsyncGrant": "_asyncio",
    "ProtectedResource": "_standalone",
    "Registered": "_standalone",
    "TokenStore": "_store",
    "protected_resource": "_standalone",
    "protected_resource_async": "_standalone",
    "redirect_uri_of": "_standalone",
    "register": "_standalone",
    "register_async": "_standalone",
    "sign": "_standalone",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f".{_LATER[name]}", __name__), name)
    globals()[name] = value
    return value
