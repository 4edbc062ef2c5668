"""The form parameters of a request, which an OAuth 1 signature covers (RFC 5849 section 3.4.1.3.1)."""

from __future__ import annotations

from urllib.parse import parse_qsl


def is_form(content_type: str | None) -> bool:
    """Whether a body of this type consists of form parameters."""
    media_type = (content_type or "").partition(";")[0]
    return media_type.strip().lower() == "application/x-www-form-urlencoded"


def parameters(body: bytes | str) -> list[tuple[str, str]]:
    """The form parameters, in order."""
    return parse_qsl(body.decode() if isinstance(body, bytes) else body, keep_blank_values=True)
