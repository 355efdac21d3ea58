"""An answer's head and body leave in one write, and no stream waits for it: the protocol against a wire that counts."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from api.http_server import HttpProtocol

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"


class Wire(asyncio.Transport):
    """Keeps what is written, each write by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        assert not self.closed
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def connected(app: ASGIApp) -> tuple[HttpProtocol, Wire]:
    config = uvicorn.Config(app, http=HttpProtocol, log_config=None, date_header=False, server_header=False)
    config.load()
    protocol, wire = HttpProtocol(config=config, server_state=ServerState(), app_state={}), Wire()
    protocol.connection_made(wire)
    return protocol, wire


async def turns(many: int = 10) -> None:
    for _ in range(many):
        await asyncio.sleep(0)


async def test_head_and_body_are_one_write() -> None:
    protocol, wire = connected(PlainTextResponse("chào bác"))
    protocol.data_received(GET)
    await turns()
    [answer] = wire.writes
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith("\r\n\r\nchào bác".encode())


@pytest.mark.parametrize("status", [200, 204, 304, 404])
async def test_an_answer_without_a_body_leaves_too(status: int) -> None:
    protocol, wire = connected(Response(status_code=status))
    protocol.data_received(GET)
    await turns()
    [answer] = wire.writes
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.endswith(b"\r\n\r\n")


async def test_requests_in_one_packet_are_answered_in_their_order() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(scope["path"])(scope, receive, send)

    protocol, wire = connected(app)
    protocol.data_received(b"".join(GET.replace(b"/ ", path) for path in (b"/1 ", b"/2 ", b"/3 ")))
    await turns(30)
    assert [answer.rpartition(b"\r\n\r\n")[2] for answer in wire.writes] == [b"/1", b"/2", b"/3"]


async def test_the_head_of_a_stream_does_not_wait_for_its_first_words() -> None:
    spoken = asyncio.Event()

    async def words() -> AsyncIterator[bytes]:
        await spoken.wait()
        yield b"HTTP/1.1 is spoken here\r\n\r\n"
        yield b"and here"

    protocol, wire = connected(StreamingResponse(words(), headers={"Content-Length": "35"}))
    protocol.data_received(GET)
    await turns()
    [head] = wire.writes
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert head.endswith(b"\r\n\r\n")
    spoken.set()
    await turns()
    # the first piece looks like a head, and so waits for the second
    assert b"".join(wire.writes[1:]) == b"HTTP/1.1 is spoken here\r\n\r\nand here"


async def test_who_asks_whether_to_go_on_is_told_before_they_have_said_all() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        said = await Request(scope, receive).body()
        await PlainTextResponse(said)(scope, receive, send)

    protocol, wire = connected(app)
    protocol.data_received(POST)
    await turns()
    assert wire.writes == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    protocol.data_received(b"abc")
    await turns()
    assert len(wire.writes) == 2
    assert wire.writes[1].endswith(b"\r\n\r\nabc")


async def test_what_is_held_leaves_before_the_wire_is_closed() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        raise RuntimeError

    protocol, wire = connected(app)
    protocol.data_received(GET)
    await turns()
    assert wire.closed
    [head] = wire.writes
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_nothing_is_written_to_a_wire_that_was_closed_meanwhile() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        wire.closed = True
        await asyncio.Event().wait()

    protocol, wire = connected(app)
    protocol.data_received(GET)
    await turns()  # the wire raises when it is written to
    assert wire.writes == []
