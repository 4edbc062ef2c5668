"""The end of the interpreter: renewals under way are waited for, then the library's threads leave Python."""

from __future__ import annotations

import atexit
import os
from weakref import WeakSet

from . import _evergrant as native

_open: WeakSet[native.Client] = WeakSet()


def closed_at_exit(client: native.Client) -> native.Client:
    """Has a client closed when the interpreter ends, if it lives that long."""
    _open.add(client)
    return client


def _end() -> None:
    for client in list(_open):
        client._close_at_exit()
    native._leave_python()


atexit.register(_end)
os.register_at_fork(after_in_child=native._forget_threads)
