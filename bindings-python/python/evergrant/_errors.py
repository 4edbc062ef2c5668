"""One exception for each error code of the core: ``needs_consent`` is ``NeedsConsentError``."""

from __future__ import annotations

import json
from typing import Any


class Error(Exception):
    """A failed operation; never shows a secret."""

    code: str
    """The stable code, the same in every language, such as ``needs_consent``."""
    message: str
    """What was wrong, where, and what was expected."""
    retryable: bool
    """Whether the same call may succeed later without anybody changing anything."""
    retry_at: float | None
    """Unix seconds before which no attempt will be made, where that is known."""
    status_at: float | None
    """Unix seconds since which the grant is so, where that is known."""
    reason: str | None
    """A stable word that says more than the code."""
    provider: str | None
    subject: str | None
    status: int | None
    """HTTP status of the provider's answer."""
    server_error: str | None
    """The provider's own ``error`` (RFC 6749 section 5.2)."""
    error_description: str | None
    """The provider's own ``error_description``."""


class InvalidConfigError(Error):
    """A configuration key is unknown, missing, or has the wrong type or value."""

    code = "invalid_config"


class UnknownProviderError(Error):
    """No catalogue entry has this name."""

    code = "unknown_provider"


class InvalidArgumentError(Error):
    """An argument of a call is of the wrong type or value."""

    code = "invalid_argument"


class NoGrantError(Error):
    """Nothing is stored for this subject."""

    code = "no_grant"


class NeedsConsentError(Error):
    """The user has to consent (again); no request is sent until then."""

    code = "needs_consent"


class ConsentDeniedError(Error):
    """The user, or the provider for the user, said no."""

    code = "consent_denied"


class StateMismatchError(Error):
    """The state of a callback is unknown, already used, expired, or of another browser session."""

    code = "state_mismatch"


class TemporarilyUnavailableError(Error):
    """The provider asked for a pause, or the last attempts failed; see ``retry_at``."""

    code = "temporarily_unavailable"


class MisconfiguredClientError(Error):
    """The provider refuses this client registration's authentication."""

    code = "misconfigured_client"


class ProviderError(Error):
    """The provider answered with an error that has no meaning of its own here."""

    code = "provider_error"


class InvalidResponseError(Error):
    """The provider's answer cannot be read."""

    code = "invalid_response"


class TransportError(Error):
    """The provider or API cannot be reached."""

    code = "transport"


class TimeoutError(Error):
    """The caller's deadline passed."""

    code = "timeout"


class CancelledError(Error):
    """The client is closed."""

    code = "cancelled"


class StoreError(Error):
    """The token store failed."""

    code = "store"


class StoreConflictError(Error):
    """Somebody else wrote the record at the same time, again and again."""

    code = "store_conflict"


class DecryptionError(Error):
    """A stored record cannot be opened with the keys at hand."""

    code = "decryption"


class InsecureUrlError(Error):
    """The URL is not https (http is for loopback only), or carries a password."""

    code = "insecure_url"


class UnsupportedError(Error):
    """This provider, store or version has no way to do it."""

    code = "unsupported"


class CallbackError(Error):
    """The application's own store or hook failed."""

    code = "callback"


class InternalError(Error):
    """A fault of this library."""

    code = "internal"


BY_CODE = {error.code: error for error in Error.__subclasses__()}


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def from_json(text: str) -> Error:
    """The exception for the core's error."""
    details: dict[str, Any] = json.loads(text)
    error = BY_CODE[details["code"]](details["message"])
    error.message = details["message"]
    error.retryable = details["retryable"]
    error.retry_at = _seconds(details.get("retry_at"))
    error.status_at = _seconds(details.get("status_at"))
    error.reason = details.get("reason")
    error.provider = details.get("provider")
    error.subject = details.get("subject")
    error.status = details.get("status")
    error.server_error = details.get("error")
    error.error_description = details.get("error_description")
    return error
