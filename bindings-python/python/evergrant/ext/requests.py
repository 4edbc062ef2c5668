"""``requests.get(url, auth=evergrant.ext.requests.Auth(grant))``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from requests.auth import AuthBase

from ._form import is_form, parameters

if TYPE_CHECKING:
    from requests import PreparedRequest

    from .._client import Grant


class Auth(AuthBase):
    """Authorizes each request with a grant's token, renewed when it is due. A 401 is the application's to handle."""

    def __init__(self, grant: Grant) -> None:
        self._grant = grant

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        form = None
        if is_form(r.headers.get("content-type")) and isinstance(r.body, bytes | str):
            form = parameters(r.body)
        r.headers.update(self._grant.headers(r.method or "GET", r.url or "", form=form))
        return r
