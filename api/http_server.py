"""How uvicorn speaks HTTP here: the head of an answer and what follows it leave in one write.

By itself uvicorn writes the head first. On uvloop each write is a system call at once, and who waits wakes up for each:
with one for both, 2 to 7 % more updates go through (docs/decisions/0020).
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class HttpProtocol(HttpToolsProtocol):
    """For uvicorn's `http`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(cast("asyncio.Transport", _OneWrite(transport, self.loop)))


class _OneWrite:
    """A transport that keeps the head of an answer until its next write, and no longer than this turn of the loop: a
    stream may have nothing to say for long."""

    def __init__(self, wire: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._wire, self._loop = wire, loop
        self._head = b""
        self.is_closing = wire.is_closing  # asked at every request

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and data.endswith(b"\r\n\r\n"):
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._wire.write(data)

    def close(self) -> None:
        self._flush()
        self._wire.close()

    def _flush(self) -> None:
        head, self._head = self._head, b""
        if head and not self._wire.is_closing():
            self._wire.write(head)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wire, name)
