"""HTTP for the tests of this folder: one request, its status and its whole answer."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Answer:
    status: int
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


def send(method: str, url: str, headers: dict[str, str] | None = None, body: str | None = None) -> Answer:
    request = Request(url, body.encode() if body is not None else None, headers or {}, method=method)
    try:
        response = urlopen(request, timeout=TIMEOUT_SECONDS)
    except HTTPError as not_ok:
        response = not_ok
    with response:
        return Answer(response.status, response.read().decode())


def journal(base_url: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = send("GET", f"{base_url}/journal").json()
    return entries
