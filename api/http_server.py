"""How uvicorn speaks HTTP here: who comes to a door is heard before the framework, an answer leaves in one write.

By itself uvicorn makes a conversation of each request, writes the head of an answer first, and sets a timer behind
every one. On uvloop each write is a system call at once, and who waits wakes up for each (docs/decisions/0024).
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol, cast

import structlog
from starlette.types import ASGIApp, Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

log = structlog.get_logger()

#: of a request's head that comes in pieces, and of what follows its body; beyond it the connection is closed
MOST_HEAD_BYTES = 64 * 1024
#: of all bodies at doors that have begun and not ended; beyond it who sends more is told to come again
MOST_HALF_BYTES = 16 * 1024 * 1024
#: a body at a door that has begun ends within this, or its connection is closed
BODY_S = 20.0


class Answer(NamedTuple):
    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Doors(Protocol):
    """Answers requests whose path begins with `path`. Of a body not much more than `most_bytes` is read."""

    path: str
    most_bytes: int

    def refuses(self, scope: Scope) -> Answer | None:
        """The answer to a request that its head alone condemns. Asked where the body does not come with it."""
        ...

    async def answer(self, scope: Scope, body: bytes | None) -> Answer:
        """`scope` is ASGI's. `body`: None of a sender who went away meanwhile."""
        ...


def protocol(doors: Doors) -> type[asyncio.Protocol]:
    """For uvicorn's `http`."""
    return cast("type[asyncio.Protocol]", partial(HttpProtocol, doors, Half()))


@dataclass(slots=True)
class Half:
    """What the doors of a process have of bodies that have not ended."""

    size_bytes: int = 0


class HttpProtocol(HttpToolsProtocol):
    """One connection. Reading, pipelining and the end are uvicorn's own."""

    def __init__(self, doors: Doors, half: Half, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self._doors, self._half = doors, half
        #: the loop's time since which nothing was asked; None: an answer is being made
        self._idle_since_s: float | None = None
        #: the loop's time by which the body that is waited for has ended
        self._body_due_s: float | None = None
        self._head_bytes, self._body_came = 0, False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        self._wire = _OneWrite(transport, self.loop)
        super().connection_made(cast("asyncio.Transport", self._wire))

    def data_received(self, data: bytes) -> None:
        scope, self._body_came = self.scope, False
        super().data_received(data)
        if self.scope is not scope or self._body_came:
            self._head_bytes = 0
            return
        self._head_bytes += len(data)  # of a request that has begun before, and not of its body
        if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
            log.warning("head_too_long")
            self.transport.close()

    def on_body(self, body: bytes) -> None:
        self._body_came = True
        super().on_body(body)

    # --- requests at a door --------------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:  # type: ignore[override]
        if not cycle.scope["path"].startswith(self._doors.path):
            super()._start_asgi_task(cycle, cast("Any", app))
            return
        task = self.loop.create_task(self._at_a_door(cycle))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _at_a_door(self, cycle: RequestResponseCycle) -> None:
        scope = cast("Scope", cycle.scope)
        try:
            answer = await self._rest(cycle, scope) if cycle.more_body else None
            if answer is None:
                body = None if cycle.disconnected else bytes(cycle.body)
                cycle.body = bytearray()  # not kept until the next request
                answer = await self._doors.answer(scope, body)
        except Exception:
            log.exception("door_failed")
            answer = Answer(500)
        if cycle.flow.write_paused:
            await cycle.flow.drain()
        if cycle.disconnected:
            return
        cycle.response_complete = True
        self._wire.write_whole(_written(answer, cycle))
        if not cycle.keep_alive:
            self._wire.close()
        cycle.on_response()

    async def _rest(self, cycle: RequestResponseCycle, scope: Scope) -> Answer | None:
        """Wait for the rest of a body. An answer: it is not waited for, and the connection is not kept."""
        if refused := self._doors.refuses(scope):
            cycle.keep_alive = False
            return refused
        counted = 0
        self._body_due_s = self.loop.time() + BODY_S
        if self.timeout_keep_alive_task is None:
            self._look_again(BODY_S)
        try:
            while cycle.more_body and len(cycle.body) <= self._doors.most_bytes and not cycle.disconnected:
                more, counted = len(cycle.body) - counted, len(cycle.body)
                self._half.size_bytes += more
                if self._half.size_bytes > MOST_HALF_BYTES:
                    log.warning("doors_full")
                    cycle.keep_alive = False
                    return Answer(503, headers=((b"retry-after", b"1"),))
                if cycle.waiting_for_100_continue:
                    self._wire.write_whole(b"HTTP/1.1 100 Continue\r\n\r\n")
                    cycle.waiting_for_100_continue = False
                cycle.flow.resume_reading()
                await cycle.message_event.wait()
                cycle.message_event.clear()
        finally:
            self._half.size_bytes -= counted
            self._body_due_s = None
        return None

    # --- a connection that is idle, or whose body does not end -------------------------------------------------------

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*cast("Any", self.pipeline.pop()))
            return
        self._idle_since_s = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again(self.timeout_keep_alive)

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since_s = None

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        due_s = self._body_due_s
        if due_s is None:
            if self._idle_since_s is None:  # the next answer sets it anew
                return
            due_s = self._idle_since_s + self.timeout_keep_alive
        left_s = due_s - self.loop.time()
        if left_s > 0:
            self._look_again(left_s)
        elif not self.transport.is_closing():
            self.transport.close()

    def _look_again(self, within_s: float) -> None:
        """No later than who is idle from now on would be closed."""
        within_s = min(within_s, self.timeout_keep_alive)
        self.timeout_keep_alive_task = self.loop.call_later(within_s, self.timeout_keep_alive_handler)


def _written(answer: Answer, cycle: RequestResponseCycle) -> bytes:
    lines = [STATUS_LINE[answer.status]]
    for name, value in (*cycle.default_headers, *answer.headers):
        lines += (name, b": ", value, b"\r\n")
    if not cycle.keep_alive:
        lines.append(b"connection: close\r\n")
    lines += (b"content-length: %d\r\n\r\n" % len(answer.body), answer.body)
    return b"".join(lines)


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

    def write_whole(self, data: bytes) -> None:
        """What nothing belongs to that is yet to come."""
        self._flush()
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
