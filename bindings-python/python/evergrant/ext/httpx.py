"""``httpx.get(url, auth=evergrant.ext.httpx.Auth(grant))``; with an ``httpx.AsyncClient``, ``AsyncAuth(async_grant)``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING

import httpx

from .._errors import Error, NeedsConsentError
from ._form import is_form, parameters

if TYPE_CHECKING:
    from .._asyncio import AsyncGrant
    from .._client import Grant


class Auth(httpx.Auth):
    """Authorizes each request with a grant's token. On a 401 it is sent once more with another, where its body can be."""

    def __init__(self, grant: Grant) -> None:
        self._grant = grant

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        form = parameters(request.read()) if is_form(request.headers.get("content-type")) else None
        request.headers.update(self._grant.headers(request.method, str(request.url), form=form))
        response = yield request
        if response.status_code == 401 and isinstance(request.stream, httpx.ByteStream):
            refused = request.headers["authorization"]
            response.read()
            challenge = f"{response.headers.get('www-authenticate', '')}\n{response.text}"
            try:
                headers = self._grant.headers(
                    request.method,
                    str(request.url),
                    form=form,
                    refused=refused,
                    challenge=challenge,
                    dpop_nonce=response.headers.get("dpop-nonce"),
                )
            except NeedsConsentError:
                raise
            except Error:
                return  # the API's own answer says more
            request.headers.update(headers)
            yield request


class AsyncAuth(httpx.Auth):
    """The same for an ``AsyncGrant`` under an ``httpx.AsyncClient``."""

    def __init__(self, grant: AsyncGrant) -> None:
        self._grant = grant

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        form = parameters(await request.aread()) if is_form(request.headers.get("content-type")) else None
        request.headers.update(await self._grant.headers(request.method, str(request.url), form=form))
        response = yield request
        if response.status_code == 401 and isinstance(request.stream, httpx.ByteStream):
            refused = request.headers["authorization"]
            await response.aread()
            challenge = f"{response.headers.get('www-authenticate', '')}\n{response.text}"
            try:
                headers = await self._grant.headers(
                    request.method,
                    str(request.url),
                    form=form,
                    refused=refused,
                    challenge=challenge,
                    dpop_nonce=response.headers.get("dpop-nonce"),
                )
            except NeedsConsentError:
                raise
            except Error:
                return  # the API's own answer says more
            request.headers.update(headers)
            yield request
