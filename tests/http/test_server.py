"""Requests at a door and at a page, against a wire that counts: one write an answer, in order, and none is lost."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from api.http_server import Answer, HttpProtocol

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
#: at a door
KNOCK = b"POST /doors/a HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n\r\n"


class Echo:
    """Answers with the path and the body, once it may."""

    path, most_bytes = "/doors/", 10

    def __init__(self) -> None:
        self.heard: list[bytes | None] = []
        self.may = asyncio.Event()
        self.may.set()

    async def answer(self, scope: Scope, body: bytes | None) -> Answer:
        self.heard.append(body)
        await self.may.wait()
        if body == b"!!!":
            raise RuntimeError
        return Answer(201, scope["path"].encode() + b" " + (body or b""), ((b"content-type", b"text/x"),))


class Wire(asyncio.Transport):
    """Keeps what is written, each write by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False
        self.closed_s = 0.0  # time.monotonic()

    def write(self, data: Any) -> None:
        assert not self.closed
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.closed, self.closed_s = True, time.monotonic()

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def connected(app: ASGIApp, doors: Echo | None = None, **settings: Any) -> tuple[HttpProtocol, Wire]:
    config = uvicorn.Config(app, log_config=None, date_header=False, server_header=False, **settings)
    config.load()
    of_uvicorn = {"config": config, "server_state": ServerState(), "app_state": {}}
    protocol, wire = HttpProtocol(doors or Echo(), **of_uvicorn), Wire()
    protocol.connection_made(wire)
    return protocol, wire


def bodies(wire: Wire) -> list[bytes]:
    return [answer.rpartition(b"\r\n\r\n")[2] for answer in wire.writes]


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
    assert bodies(wire) == [b"/1", b"/2", b"/3"]


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


# --- at a door -------------------------------------------------------------------------------------------------------

PAGE = PlainTextResponse("a page")


async def test_who_comes_to_a_door_is_answered_in_one_write() -> None:
    protocol, wire = connected(PAGE)
    for part in (KNOCK[:20], KNOCK[20:] + b"a", b"bc"):
        protocol.data_received(part)
        await turns()
    [answer] = wire.writes
    head, body = answer.split(b"\r\n\r\n")
    assert head.split(b"\r\n") == [b"HTTP/1.1 201 Created", b"content-type: text/x", b"content-length: 12"]
    assert (body, wire.closed) == (b"/doors/a abc", False)


async def test_doors_and_pages_in_one_packet_are_answered_in_their_order() -> None:
    doors = Echo()
    doors.may.clear()
    protocol, wire = connected(PAGE, doors)
    protocol.data_received(KNOCK + b"one" + GET + KNOCK + b"two")
    await turns()
    assert wire.writes == []
    doors.may.set()
    await turns(30)
    assert bodies(wire) == [b"/doors/a one", b"a page", b"/doors/a two"]


async def test_a_fault_at_a_door_is_told_as_one_and_ends_nothing() -> None:
    protocol, wire = connected(PAGE)
    protocol.data_received(KNOCK + b"!!!" + KNOCK + b"two")
    await turns(30)
    assert wire.writes[0].startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert bodies(wire) == [b"", b"/doors/a two"]


async def test_of_a_body_that_is_too_long_no_more_is_waited_for() -> None:
    doors = Echo()
    protocol, wire = connected(PAGE, doors)
    protocol.data_received(KNOCK.replace(b"3", b"30") + b"x" * 11)
    await turns()
    assert (doors.heard, len(wire.writes)) == ([b"x" * 11], 1)
    protocol.data_received(b"x" * 19 + GET)
    await turns()
    assert bodies(wire)[1:] == [b"a page"]


async def test_who_hangs_up_before_the_end_is_not_written_to() -> None:
    doors = Echo()
    protocol, wire = connected(PAGE, doors)
    protocol.data_received(KNOCK + b"a")
    await turns()
    wire.closed = True  # the wire raises when it is written to
    protocol.connection_lost(ConnectionResetError())
    await turns()
    assert (doors.heard, wire.writes) == ([None], [])


async def test_who_asks_at_a_door_whether_to_go_on_is_told() -> None:
    protocol, wire = connected(PAGE)
    protocol.data_received(POST.replace(b"/ ", b"/doors/b ", 1))
    await turns()
    assert wire.writes == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    protocol.data_received(b"abc")
    await turns()
    assert bodies(wire) == [b"", b"/doors/b abc"]


@pytest.mark.parametrize("ask", [KNOCK.replace(b"1.1", b"1.0"), KNOCK.replace(b"Host", b"Connection: close\r\nHost")])
async def test_a_connection_that_is_not_to_be_kept_is_closed_behind_the_answer(ask: bytes) -> None:
    protocol, wire = connected(PAGE)
    protocol.data_received(ask + b"abc")
    await turns()
    assert b"connection: close" in wire.writes[0]
    assert wire.closed


async def test_what_is_asked_at_the_end_is_still_answered() -> None:
    doors = Echo()
    doors.may.clear()
    protocol, wire = connected(PAGE, doors)
    protocol.data_received(KNOCK + b"abc")
    await turns()
    protocol.shutdown()
    assert not wire.closed
    doors.may.set()
    await turns()
    assert bodies(wire) == [b"/doors/a abc"]
    assert wire.closed


@pytest.mark.parametrize("ask", [GET, KNOCK + b"abc"])
async def test_a_connection_is_closed_once_it_was_idle_for_long(ask: bytes) -> None:
    protocol, wire = connected(PAGE, timeout_keep_alive=0.2)
    for _ in range(3):
        asked_s = time.monotonic()
        protocol.data_received(ask)
        await asyncio.sleep(0.12)
        if wire.closed:  # this machine stood still
            break
    await asyncio.sleep(0.3)
    assert wire.closed
    assert wire.closed_s - asked_s > 0.19  # since it was asked last, not first; timers count in milliseconds


async def test_a_connection_is_not_idle_while_its_answer_is_made() -> None:
    doors = Echo()
    protocol, wire = connected(PAGE, doors, timeout_keep_alive=0.05)
    protocol.data_received(KNOCK + b"one")
    await turns()
    doors.may.clear()
    protocol.data_received(KNOCK + b"two")
    await asyncio.sleep(0.15)
    assert not wire.closed
    doors.may.set()
    await turns()
    assert bodies(wire) == [b"/doors/a one", b"/doors/a two"]
    await asyncio.sleep(0.1)
    assert wire.closed
