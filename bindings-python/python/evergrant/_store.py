"""The interface of a token store of one's own."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, TypedDict


class Acquired(TypedDict, total=False):
    """What ``acquire`` gives: ``fencing`` and ``intent`` when the lease was given, else ``busy_ms``."""

    fencing: int
    """A number larger than that of every earlier lease on this grant."""
    intent: str | None
    """The intent that an earlier owner left behind."""
    busy_ms: int
    """Milliseconds until the present owner's lease ends."""


class TokenStore(Protocol):
    """Keeps opaque texts: records by (client, subject, slot), and pending authorizations by state.

    Each method may be plain or ``async def``. Plain methods are called on threads of the library, several at a time;
    coroutines run on the event loop of the ``AsyncClient``'s caller, or on a loop of the package's own under the
    blocking ``Client``. What a method raises becomes ``CallbackError``. An object may lack any method but ``load`` and
    ``save``; the promise that then cannot be kept is told in an event.
    """

    def load(self, client: str, subject: str, slot: str) -> str | None | Awaitable[str | None]:
        """The record, or ``None``."""

    def save(self, client: str, subject: str, slot: str, record: str) -> None | Awaitable[None]:
        """Writes without a condition."""

    def compare_and_set(
        self, client: str, subject: str, slot: str, expected_revision: int | None, record: str, revision: int
    ) -> bool | Awaitable[bool]:
        """Writes if the stored revision is ``expected_revision`` (``None``: if there is no record); says whether it did."""

    def delete(self, client: str, subject: str, slot: str) -> None | Awaitable[None]:
        """Deletes the record, if there is one."""

    def acquire(
        self, client: str, subject: str, slot: str, owner: str, ttl_ms: int, intent: str
    ) -> Acquired | Awaitable[Acquired]:
        """Gives the lease to ``owner`` for ``ttl_ms`` and notes ``intent``, unless another owner has it."""

    def renew(
        self, client: str, subject: str, slot: str, owner: str, fencing: int, ttl_ms: int
    ) -> bool | Awaitable[bool]:
        """Makes the lease last ``ttl_ms`` from now; ``False`` if it is no longer this owner's."""

    def release(
        self, client: str, subject: str, slot: str, owner: str, fencing: int, intent: str | None
    ) -> None | Awaitable[None]:
        """Gives the lease back if it is this owner's, and leaves ``intent`` behind in place of what was noted."""

    def list(self, client: str) -> list[str] | Awaitable[list[str]]:
        """Every record of this client."""

    def put_pending(self, state: str, document: str, expires_at_ms: int) -> None | Awaitable[None]:
        """Keeps the document of a begun authorization until ``expires_at_ms`` (Unix milliseconds)."""

    def take_pending(self, state: str) -> str | None | Awaitable[str | None]:
        """The document, to one caller only; ``None`` to all others."""
