"""What the native module does in Python, because it is shorter here. Nothing here is for applications."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, Protocol


def settle(
    event_loop: asyncio.AbstractEventLoop,
    future: asyncio.Future[Any],
    value: object,
    error: BaseException | None,
    events: Callable[[], None] | None,
) -> None:
    """Ends ``future`` on its own event loop, after the events so far; called on a thread of the library."""
    try:
        event_loop.call_soon_threadsafe(_settle, future, value, error, events)
    except RuntimeError:
        pass  # The loop is closed: nobody waits any more.


def _settle(
    future: asyncio.Future[Any],
    value: object,
    error: BaseException | None,
    events: Callable[[], None] | None,
) -> None:
    if events is not None:
        events()
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(value)


class Reply(Protocol):
    """Takes what a store's method replied; the native module has the class."""

    def returned(self, text: str) -> None: ...
    def raised(self, text: str) -> None: ...


def invoke(
    store: object, method: str, arguments: str, event_loop: asyncio.AbstractEventLoop | None, reply: Reply
) -> None:
    """Calls a method of a token store, and hands over what it returned or raised."""
    try:
        returned = getattr(store, method)(*json.loads(arguments))
        if hasattr(returned, "__await__"):
            _run(returned, event_loop or _own_loop(), reply)
        else:
            reply.returned(json.dumps(returned))
    except BaseException as error:
        reply.raised(_words(error))


def _run(coroutine: Awaitable[object], event_loop: asyncio.AbstractEventLoop, reply: Reply) -> None:
    def done(future: Future[str]) -> None:
        try:
            reply.returned(future.result())
        except BaseException as error:
            reply.raised(_words(error))

    encoding = _encoded(coroutine)
    try:
        asyncio.run_coroutine_threadsafe(encoding, event_loop).add_done_callback(done)
    except RuntimeError:  # The loop is closed; nobody will await these.
        encoding.close()
        getattr(coroutine, "close", lambda: None)()
        raise


async def _encoded(coroutine: Awaitable[object]) -> str:
    return json.dumps(await coroutine)


def _words(error: BaseException) -> str:
    """Its message, as every language tells it; of one without a message its name."""
    return str(error) or type(error).__name__


# The event loop on which coroutines run for the blocking client: one to a process, made when first needed.
_loop: asyncio.AbstractEventLoop | None = None
_loop_lock = threading.Lock()


def _own_loop() -> asyncio.AbstractEventLoop:
    global _loop
    with _loop_lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="evergrant-store", daemon=True).start()
        return _loop


def _forget_own_loop() -> None:
    """In a forked child: the thread of the loop stayed in the parent."""
    global _loop, _loop_lock
    _loop = None
    _loop_lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_own_loop)
