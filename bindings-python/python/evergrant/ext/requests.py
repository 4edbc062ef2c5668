"""``requests.get(url, auth=evergrant.ext.requests.Auth(grant))``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from requests.auth import AuthBase

from .._errors import Error, NeedsConsentError
from ._form import is_form, parameters

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

    from .._client import Grant


class Auth(AuthBase):
    """Authorizes each request with a grant's token. On a 401 it is sent once more with another, where its body can be."""

    def __init__(self, grant: Grant) -> None:
        self._grant = grant

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        r.headers.update(self._headers(r))
        r.register_hook("response", self._replay)  # type: ignore[no-untyped-call]
        return r

    def _headers(
        self,
        request: PreparedRequest,
        refused: str | None = None,
        challenge: str | None = None,
        dpop_nonce: str | None = None,
    ) -> dict[str, str]:
        form = None
        if is_form(request.headers.get("content-type")) and isinstance(request.body, bytes | str):
            form = parameters(request.body)
        return self._grant.headers(
            request.method or "GET",
            request.url or "",
            form=form,
            refused=refused,
            challenge=challenge,
            dpop_nonce=dpop_nonce,
        )

    def _replay(self, response: Response, **kwargs: Any) -> Response:
        refused = response.request.headers.get("authorization")
        # After a redirect to another origin there is none; a stream is gone.
        if response.status_code != 401 or refused is None or not isinstance(response.request.body, bytes | str | None):
            return response
        challenge = f"{response.headers.get('www-authenticate', '')}\n{response.text}"
        try:
            headers = self._headers(response.request, refused, challenge, response.headers.get("dpop-nonce"))
        except NeedsConsentError:
            raise
        except Error:
            return response  # the API's own answer says more
        response.close()  # it was read, so that the connection is free
        request = response.request.copy()
        request.headers.update(headers)
        replayed: Response = response.connection.send(request, **kwargs)
        replayed.history.append(response)
        replayed.request = request
        return replayed
