"""The client for asyncio: the blocking client's methods, awaitable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
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
        Claims,
        Config,
        DeviceOptions,
        DueGrants,
        DueOptions,
        DueReport,
        Event,
        ExchangeOptions,
        FinishOptions,
        HeaderOptions,
        Inspection,
        Inspections,
        IntrospectOptions,
        LegacyGrantOptions,
        LogoutOptions,
        PutTokens,
        RefreshDueOptions,
        RefreshOptions,
        RequestOptions,
        RevokeOptions,
        StoreTable,
        TokenOptions,
        UserinfoOptions,
    )
    from ._evergrant import AccessToken, DevicePoll, DeviceStart, Finished, GrantDocument, Standing, Start
    from ._store import TokenStore


class AsyncClient:
    """One client registration at one provider, with a token store. Any number of tasks may share it.

    ``store`` is ``sqlite:PATH``, ``memory:`` and so on, a table with such an ``address``, or an object with the methods
    of ``TokenStore``. ``on_event`` is called with what happens to grants and stores, on the event loop of the last
    caller. The other keywords are the configuration's keys.
    """

    def __init__(
        self,
        *,
        store: str | StoreTable | TokenStore | None = None,
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

    async def exchange(self, subject: str, code: str, **options: Unpack[ExchangeOptions]) -> Finished:
        """Stores the consent that a code brings which came another way than by a callback. It is for you to know that the
        code is this subject's. A code is sent once."""
        finished: Finished = await self._native.exchange(subject, code, arguments.options(options))
        return finished

    async def check(self, subject: str, **options: Unpack[BeginOptions]) -> Standing:
        """How a subject's grant stands, without asking the provider: ``valid``, ``refreshable``, or ``need_user`` with what
        ``begin`` gives for these options. A ``scope`` has to be granted."""
        standing: Standing = await self._native.check(subject, arguments.options(options))
        return standing

    async def begin_device(self, subject: str, **options: Unpack[DeviceOptions]) -> DeviceStart:
        """Begins to ask a user for consent on another device (RFC 8628): show ``user_code`` and ``verification_uri``."""
        start: DeviceStart = await self._native.begin_device(subject, arguments.options(options))
        return start

    async def poll_device(self, state: str) -> DevicePoll:
        """Asks once whether the user has consented, or nobody if it is too soon; any process may, with the ``state`` of
        ``begin_device``."""
        poll: DevicePoll = await self._native.poll_device(state)
        return poll

    async def wait_device(self, state: str, timeout: float | None = None) -> Finished:
        """Polls until the user has answered, or for ``timeout`` seconds, or until the codes expire.

        Cancelling it leaves the flow for whoever goes on with it.
        """
        finished: Finished = await self._native.wait_device(state, timeout)
        return finished

    async def logout_url(self, **options: Unpack[LogoutOptions]) -> str:
        """Where to send a user's browser to end its session at the provider. It may hold the user's ``id_token``: it belongs
        into no log. Ask before the grant is revoked or forgotten, which this does not do."""
        url: str = await self._native.logout_url(arguments.options(options))
        return url

    async def grant_by_password(
        self, subject: str, username: str, password: str, **options: Unpack[LegacyGrantOptions]
    ) -> Inspection:
        """Stores the grant that a user's own password brings, where ``legacy_grants`` has ``password``. It is sent once and
        kept nowhere."""
        given = {"username": username, "password": password, **options}
        return arguments.inspection(await self._native.grant_by_password(subject, arguments.options(given)))

    async def grant_by_pin(self, subject: str, pin: str, **options: Unpack[LegacyGrantOptions]) -> Inspection:
        """Stores the grant that a PIN brings, where ``legacy_grants`` has ``pin``."""
        return arguments.inspection(await self._native.grant_by_pin(subject, arguments.options({"pin": pin, **options})))

    async def pin_url(self) -> str:
        """Where the provider shows a user the PIN for ``grant_by_pin``."""
        url: str = await self._native.pin_url()
        return url

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

    async def userinfo(self, **options: Unpack[UserinfoOptions]) -> Claims:
        """What the provider says about the user (OpenID Connect), as it came."""
        return arguments.claims(await self._userinfo(arguments.options(options)))

    async def introspect(self, **options: Unpack[IntrospectOptions]) -> Claims:
        """What the provider says about one of the grant's tokens (RFC 7662), as it came: ``active`` and more. Nothing is
        renewed for it."""
        return arguments.claims(await self._introspect(arguments.options(options)))

    async def token_response(self) -> Claims:
        """What the provider said beside the tokens, as it came, from the store: Salesforce's ``instance_url``, the ``realmId``
        of Intuit's callback, the ``id_token``. It has what is personal, and no token that works at an API."""
        return arguments.claims(await self._token_response())

    async def missing_scope(self, scope: str | Sequence[str] | None = None) -> list[str]:
        """Which of these scopes were not granted, or of the configuration's; the provider is not asked."""
        missing: list[str] = await self._missing_scope(arguments.scope(scope))
        return missing

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
