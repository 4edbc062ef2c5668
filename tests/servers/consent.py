"""Gives a user's consent by plain HTTP, as a person would with a browser.

    python consent.py AUTHORIZATION_URL [USER]

Follows redirects with a cookie jar and posts the form of every page it is shown, until the server redirects to another
origin: that address is the callback, which is printed and not fetched. Works with each server of this folder.
"""

import sys
from html.parser import HTMLParser
from http.client import HTTPMessage
from http.cookiejar import CookieJar
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, OpenerDirector, Request, build_opener

MOST_STEPS = 20
TIMEOUT_SECONDS = 10


class ConsentFailed(Exception):
    """The server showed a page that leads no further; the message holds its status and the beginning of its body."""


class _Form(HTMLParser):
    """The first form of a page: where it goes and the fields it holds."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "form" and self.action is None:
            self.action = attributes.get("action") or ""
        elif tag == "input" and attributes.get("name"):
            self.fields.setdefault(attributes["name"] or "", attributes.get("value") or "")


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


def consent(authorization_url: str, user: str = "alice") -> str:
    """Returns the callback address with its parameters. Raises ConsentFailed."""
    address, page = _walk(authorization_url, user)
    if page is not None:
        raise ConsentFailed(f"no callback, but a page at {urlsplit(address).path}: {page[:500]}")
    return address


def connect_device(verification_uri_complete: str, user: str = "alice") -> None:
    """Consents for a device whose code is in the address. Raises ConsentFailed."""
    address, page = _walk(verification_uri_complete, user)
    if page is None or "success" not in page:
        raise ConsentFailed(f"no page that tells success at {urlsplit(address).path}: {(page or '')[:500]}")


def _walk(start: str, user: str) -> tuple[str, str | None]:
    """Goes on to another origin, or to a page without a form: its address, and the page."""
    browser = build_opener(HTTPCookieProcessor(CookieJar()), _NoRedirects())
    address, form = start, None
    for _ in range(MOST_STEPS):
        status, location, page = _fetch(browser, address, form)
        if location is not None:
            address, form = urljoin(address, location), None
            if _origin(address) != _origin(start):
                return address, None
            continue
        shown = _Form(page)
        if status != 200:
            raise ConsentFailed(f"{status} at {urlsplit(address).path}: {page[:500]}")
        if shown.action is None:
            return address, page
        address, form = urljoin(address, shown.action), _filled_in(shown.fields, user)
    raise ConsentFailed(f"no end after {MOST_STEPS} steps")


def _filled_in(fields: dict[str, str], user: str) -> dict[str, str]:
    typed = {"login": user, "password": "not looked at"}
    return {name: typed.get(name, value) for name, value in fields.items()}


def _fetch(browser: OpenerDirector, address: str, form: dict[str, str] | None) -> tuple[int, str | None, str]:
    """One request without following redirects: status, Location and body."""
    body = urlencode(form).encode() if form is not None else None
    request = Request(address, body, {"Accept": "text/html"})
    try:
        response = browser.open(request, timeout=TIMEOUT_SECONDS)
    except HTTPError as not_ok:
        response = not_ok
    with response:
        return response.status, response.headers.get("Location"), response.read().decode()


def _origin(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme, parts.netloc


if __name__ == "__main__":
    print(consent(*sys.argv[1:]))
