"""Stands between the clients and a token endpoint: does harm on purpose, and keeps the journal that verdicts are made from.

It knows nothing of the library. Who sent a request is found by the port it came from, in /proc; for whom the sender
works is in its user agent. Only refresh requests are struck, and none of their refresh tokens twice: what is to be shown
is what one fault does, and a server with a grace window of seconds promises nothing to whom it fails again and again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

LONGEST_REQUEST_SECONDS = 60


@dataclass
class Fault:
    """One kind of harm. `when`: `before` the request reaches the server, `after` the server has answered, or when its
    answer is `delivered`."""

    what: str
    """`kill-sender`, `kill-application`, `stop-sender`, `drop`, `truncate`, `status`, `delay`, `drip`."""
    when: str = "before"
    chance: float = 1.0
    seconds: float = 0.0
    """Of `delay`, `drip` (the time that a body takes) and `stop-sender`."""
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    most: int | None = None
    """How often it strikes in all."""

    @property
    def moment(self) -> str:
        """Why a grant may be lost on a strict server: the answer to a request that had its effect is not delivered."""
        return f"{self.what} {self.when}"


@dataclass
class TokenRequest:
    """One request that came to the proxy. Times are Unix seconds; tokens are hashes."""

    number: int
    at: float
    grant_type: str
    application: str
    presented: str | None
    fault: str | None = None
    fault_at: float | None = None
    retry_after: float | None = None
    reached: bool = False
    """Whether the server saw it."""
    status: int | None = None
    """What the server answered."""
    issued: str | None = None
    access: str | None = None
    lifetime: float | None = None
    answered_at: float | None = None
    """When the server did."""
    ended_at: float | None = None
    """When the answer had been written or the connection was closed."""
    delivered: bool = False


class Proxy:
    """Serves on a thread of its own until it is closed."""

    def __init__(self, upstream: str, seed: int) -> None:
        self.upstream = urlsplit(upstream)
        self.faults: list[Fault] = []
        self.journal: list[TokenRequest] = []
        self.process_of: Callable[[str], int | None] = lambda _application: None
        """The process of an application, by its user agent."""
        self.casualty: Callable[[int], None] = lambda _pid: None
        """Told of each process that was killed."""
        self._tokens: dict[str, tuple[str, str, float]] = {}
        """Of each refresh token, by its hash: the first one of its line, itself, and when it was issued."""
        self._chance = random.Random(seed)
        self._struck: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1000)
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}{self.upstream.path}"
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._server.close()
        self._loop.run_until_complete(self._leave())
        self._loop.close()

    async def _leave(self) -> None:
        under_way = asyncio.all_tasks() - {asyncio.current_task()}
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await asyncio.sleep(0)  # transports close in the next round of the loop

    def newest_of(self, line: str) -> tuple[str, float]:
        """The last refresh token that the server gave in the line that began with this one, and when that was."""
        return max(((token, at) for of, token, at in list(self._tokens.values()) if of == line), key=lambda pair: pair[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        entry: TokenRequest | None = None
        try:
            async with asyncio.timeout(LONGEST_REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(int(header(head, "content-length") or 0))
                entry = self._note(head, body)
                gone = asyncio.ensure_future(reader.read(1))  # a client that leaves closes its end
                answering = asyncio.ensure_future(self._answer(entry, head, body, writer))
                done, _ = await asyncio.wait({gone, answering}, return_when=asyncio.FIRST_COMPLETED)
                if answering not in done:
                    # The answer is not wanted any more, but what the server does with the request is to be known.
                    entry.ended_at = time.time()
                gone.cancel()
                await answering
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            pass
        finally:
            if entry is not None and entry.ended_at is None:
                entry.ended_at = time.time()
            writer.transport.abort() if entry and entry.fault and not entry.delivered else writer.close()

    def _note(self, head: bytes, body: bytes) -> TokenRequest:
        form = parse_qs(body.decode())
        entry = TokenRequest(
            number=len(self.journal),
            at=time.time(),
            grant_type=form.get("grant_type", [""])[0],
            application=(header(head, "user-agent") or "").partition(" ")[0],
            presented=hashed(form.get("refresh_token", [None])[0]),
        )
        self.journal.append(entry)
        return entry

    async def _answer(self, entry: TokenRequest, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        fault = self._fault_for(entry)
        if fault is not None and fault.when == "before" and await self._strike(fault, entry, b"", writer):
            return
        entry.reached = True
        answer = await self._forward(head, body)
        if (token := learn(entry, answer)) is not None and entry.issued not in self._tokens:
            line, _, _ = self._tokens.get(entry.presented or "", (entry.issued, "", 0.0))
            self._tokens[entry.issued or ""] = (line or "", token, time.time())
        if fault is not None and fault.when == "after" and await self._strike(fault, entry, answer, writer):
            return
        # Noted before it is written: whoever reads it may send the next request at once.
        entry.delivered = entry.ended_at is None
        writer.write(answer)
        await writer.drain()
        if fault is not None and fault.when == "delivered":
            await self._strike(fault, entry, answer, writer)

    def _fault_for(self, entry: TokenRequest) -> Fault | None:
        if entry.grant_type != "refresh_token" or entry.presented in self._struck:
            return None
        for fault in self.faults:
            if fault.most != 0 and self._chance.random() < fault.chance:
                fault.most = None if fault.most is None else fault.most - 1
                self._struck.add(entry.presented or "")
                return fault
        return None

    async def _strike(self, fault: Fault, entry: TokenRequest, answer: bytes, writer: asyncio.StreamWriter) -> bool:
        """Does the harm; whether the client has got all that it will get."""
        entry.fault, entry.fault_at = fault.moment, time.time()
        match fault.what:
            case "kill-sender":
                self._kill(sender(writer))
                return True
            case "kill-application":
                self._kill(self.process_of(entry.application))
            case "stop-sender":
                self._stop(sender(writer), fault.seconds)
            case "delay":
                await asyncio.sleep(fault.seconds)
            case "drop":
                return True
            case "truncate":
                writer.write(answer[: len(answer) - len(answer.partition(b"\r\n\r\n")[2]) // 2 - 1])
                await writer.drain()
                return True
            case "drip":
                entry.delivered = True
                for place in range(0, len(answer), 40):
                    writer.write(answer[place : place + 40])
                    await writer.drain()
                    await asyncio.sleep(fault.seconds * 40 / len(answer))
                return True
            case "status":
                entry.retry_after = float(fault.headers["Retry-After"]) if "Retry-After" in fault.headers else None
                writer.write(said(fault.status, fault.headers))
                await writer.drain()
                return True
            case other:
                raise ValueError(f"no such fault: {other}")
        return False

    async def _forward(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self.upstream.hostname, self.upstream.port)
        lines = [line for line in head.rstrip(b"\r\n").split(b"\r\n") if not line.lower().startswith((b"connection:", b"host:"))]
        lines += [b"Host: " + self.upstream.netloc.encode(), b"Connection: close"]
        writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        try:
            return await reader.read(-1)
        finally:
            writer.close()

    def _kill(self, pid: int | None) -> None:
        if pid is not None:
            self.casualty(pid)
            os.kill(pid, signal.SIGKILL)

    def _stop(self, pid: int | None, seconds: float) -> None:
        if pid is not None:
            os.kill(pid, signal.SIGSTOP)
            self._loop.call_later(seconds, resume, pid)


def resume(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass  # it was killed meanwhile


def learn(entry: TokenRequest, answer: bytes) -> str | None:
    """Notes what the server said, without the tokens themselves; gives the refresh token, if there is one."""
    head, _, body = answer.partition(b"\r\n\r\n")
    entry.answered_at = time.time()
    entry.status = int(head.split(b" ", 2)[1]) if head.startswith(b"HTTP/1.") else None
    if (header(answer, "transfer-encoding") or "").lower() == "chunked":
        body = unchunked(body)
    try:
        tokens: dict[str, Any] = json.loads(body)
    except ValueError:
        return None
    if entry.status == 200:
        # A server that does not rotate may leave the refresh token out: the old one stays the newest.
        entry.issued = hashed(tokens.get("refresh_token")) or entry.presented
        entry.access = hashed(tokens.get("access_token"))
        entry.lifetime = tokens.get("expires_in")
    return tokens.get("refresh_token")


def hashed(token: str | None) -> str | None:
    return hashlib.sha256(token.encode()).hexdigest()[:16] if token else None


def header(head: bytes, name: str) -> str | None:
    for line in head.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name.encode():
            return value.strip().decode()
    return None


def unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.split(b";")[0] or b"0", 16)
        whole, body = whole + body[:length], body[length + 2 :]
        if length == 0:
            break
    return whole


def said(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} As the storm says", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "Content-Length: 0", "Connection: close", "", ""]).encode()


def sender(writer: asyncio.StreamWriter) -> int | None:
    """The process at the other end of a loopback connection."""
    near, far = writer.get_extra_info("sockname")[1], writer.get_extra_info("peername")[1]
    ends = {(fields[1].rpartition(":")[2], fields[2].rpartition(":")[2]): fields[9]
            for fields in (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])}
    inode = ends.get((f"{far:04X}", f"{near:04X}"))
    holders = (int(process.name) for process in Path("/proc").iterdir() if process.name.isdigit())
    return next((pid for pid in holders if pid != os.getpid() and holds(pid, f"socket:[{inode}]")), None)


def holds(pid: int, socket: str) -> bool:
    """Whether one of a process's descriptors is this socket."""
    try:
        descriptors = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return False  # it ended
    for descriptor in descriptors:
        try:
            if os.readlink(f"/proc/{pid}/fd/{descriptor}") == socket:
                return True
        except OSError:
            continue  # it was closed while it was looked at
    return False
