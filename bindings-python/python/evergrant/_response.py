"""What an API answered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


class Headers(Mapping[str, str]):
    """Response headers by name, in any case; of a name that came more than once, the values joined by ``, ``."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs
        """Every header as it came, names in lower case."""
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> str:
        return ", ".join(self._values[name.lower()])

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def get_all(self, name: str) -> list[str]:
        """Every value of a header, in order."""
        return list(self._values.get(name.lower(), ()))


class Response:
    """An API's answer, whatever its status."""

    __slots__ = ("content", "headers", "status", "url")

    def __init__(self, status: int, headers: list[tuple[str, str]], content: bytes, url: str) -> None:
        self.status = status
        """The HTTP status."""
        self.headers = Headers(headers)
        self.content = content
        """The body."""
        self.url = url
        """Where the answer came from, after redirects."""

    @property
    def text(self) -> str:
        """The body as text, in the encoding that ``Content-Type`` names, else UTF-8; what cannot be read becomes U+FFFD."""
        from email.message import Message

        content_type = Message()
        content_type["content-type"] = self.headers.get("content-type", "")
        try:
            return self.content.decode(content_type.get_content_charset("utf-8"), "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body read as JSON; ``ValueError`` when it is none."""
        return json.loads(self.content)

    def __repr__(self) -> str:
        return f"<Response [{self.status}]>"
