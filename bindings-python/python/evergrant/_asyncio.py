"""The client for asyncio: the blocking client's methods, awaitable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from . import _arguments as arguments
from . import _evergrant as native
from ._exit import closed_at_exit
from ._response import Response

if TYPE_CHECKING:
    from types import TracebackType
    from typing_extensions import Self, Unpack

    from ._arguments import (
        BeginOptions,
        Config,
        DueGrants,
        DueOptions,
        DueReport,
        Event,
        FinishOptions,
        HeaderOptions,
        Inspection,
        Inspections,
        PutTokens,
        RefreshDueOptions,
        RefreshOptions,
        RequestOptions,
        RevokeOptions,
        TokenOptions,
    )
    from ._evergrant import AccessToken, Finished, GrantDocument, Start
    from ._store import TokenStore


class AsyncClient:
    """One client registration at one provider, with a token store. Any number of tasks may share it.

    ``store`` is ``sqlite:PATH``, ``memory:``, or an object with the methods of ``TokenStore``. ``on_event`` is called
    with what happens to grants and stores, on the event loop of the last caller. The other
    keywords are the configuration's keys.
    """

    def __init__(
        self,
        *,
        store: str | TokenStore | None = None,
        on_event: Callable[[Event], object] | None = None,
        **config: Unpack[Config],
    ) -> None:
        text, own_store = arguments.configuration(store, config)
        self._native = closed_at_exit(native.Client(text, own_store, on_event, True))

    async def begin(self, subject: str, **options: Unpack[BeginOptions]) -> Start:
        """Begins to ask a user for consent: redirect the browser to ``url``."""
        start: Start = await self._native.begin(subject, arguments.options(options))
        return start

    async def finish(self, callback: str, **options: Unpack[FinishOptions]) -> Finished:
        """Stores the consent that a redirect to ``callback`` brought: its URL, or path and query, or query."""
        finished: Finished = await self._native.finish(callback, arguments.options(options))
        return finished

    def grant(self, subject: str, slot: str = "") -> AsyncGrant:
        """A handle on a subject's grant; asks neither store nor provider."""
        return AsyncGrant(self._native, subject, slot)

    async def put(self, subject: str, **tokens: Unpack[PutTokens]) -> Inspection:
        """Stores tokens that were got elsewhere."""
        return arguments.inspection(await self._native.put(subject, arguments.options(tokens)))

    async def list(self) -> Inspections:
        """Every grant of this client."""
        return arguments.inspections(await self._native.list())

    async def due(self, **options: Unpack[DueOptions]) -> DueGrants:
        """The grants whose time for a renewal has come, without secrets; nothing is decrypted for it."""
        return arguments.inspections(await self._native.due(arguments.options(options)))

    async def refresh_due(self, **options: Unpack[RefreshDueOptions]) -> DueReport:
        """Renews the grants that are due, each once however many processes do this at the same time."""
        return arguments.due_report(await self._native.refresh_due(arguments.options(options)))

    async def close(self) -> None:
        """Waits for renewals under way; later calls raise ``CancelledError``. May be called again."""
        await self._native.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def _testing_set_clock(self, unix_millis: int | None) -> None:
        """For tests only: what the library takes for now."""
        self._native._testing_set_clock(unix_millis)


class AsyncGrant(native.Grant):
    """A handle on what one user granted; made by ``AsyncClient.grant``."""

    __slots__ = ()

    if TYPE_CHECKING:

        def access_token(self, **options: Unpack[TokenOptions]) -> Awaitable[AccessToken]:
            """A token that can be used now, renewed if need be."""

    async def headers(self, method: str, url: str, **options: Unpack[HeaderOptions]) -> dict[str, str]:
        """The headers to send with this request."""
        return dict(await self._headers(method, url, arguments.options(options)))

    async def request(self, method: str, url: str, **options: Unpack[RequestOptions]) -> Response:
        """Calls the API on the user's behalf."""
        return Response(*await self._request(*arguments.request(method, url, options)))

    async def get(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """``request("GET", …)``."""
        return await self.request("GET", url, **options)

    async def post(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """``request("POST", …)``."""
        return await self.request("POST", url, **options)

    async def put(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """``request("PUT", …)``."""
        return await self.request("PUT", url, **options)

    async def patch(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """``request("PATCH", …)``."""
        return await self.request("PATCH", url, **options)

    async def delete(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """``request("DELETE", …)``."""
        return await self.request("DELETE", url, **options)

    async def refresh(self, **options: Unpack[RefreshOptions]) -> Inspection:
        """Renews the access token if it is due."""
        return arguments.inspection(await self._refresh(arguments.options(options)))

    async def revoke(self, **options: Unpack[RevokeOptions]) -> None:
        """Revokes the grant at the provider, then deletes it."""
        await self._revoke(arguments.options(options))

    async def forget(self) -> None:
        """Deletes the grant here; the provider is not told."""
        await self._forget()

    async def inspect(self) -> Inspection:
        """Everything about the grant but its secrets."""
        return arguments.inspection(await self._inspect())

    async def export(self) -> GrantDocument:
        """The grant as a document that ``put`` takes elsewhere; forget it here once it is there."""
        exported: GrantDocument = await self._export()
        return exported
