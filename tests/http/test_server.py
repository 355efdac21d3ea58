"""Requests at a door and at a page, against a wire that counts: one write an answer, in order, and none is lost."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from api import http_server
from api.http_server import Answer, Half, HttpProtocol

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

    def refuses(self, scope: Scope) -> Answer | None:
        return Answer(403) if scope["path"] == "/doors/none" else None

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


def connected(
    app: ASGIApp, doors: Echo | None = None, half: Half | None = None, **settings: Any
) -> tuple[HttpProtocol, Wire]:
    config = uvicorn.Config(app, log_config=None, date_header=False, server_header=False, **settings)
    config.load()
    of_uvicorn: dict[str, Any] = {"config": config, "server_state": ServerState(), "app_state": {}}
    protocol, wire = HttpProtocol(doors or Echo(), half or Half(), **of_uvicorn), Wire()
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


async def test_bodies_that_have_not_ended_share_one_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "MOST_HALF_BYTES", 15)
    half, doors, long = Half(), Echo(), KNOCK.replace(b"3", b"9")
    first, second, third = (connected(PAGE, doors, half) for _ in range(3))
    first[0].data_received(long + b"x" * 8)
    await turns()
    second[0].data_received(long + b"x" * 6)
    await turns()
    assert half.size_bytes == 14
    second[0].data_received(b"x" * 2)
    await turns()
    [refused] = second[1].writes
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 1\r\n" in refused
    assert second[1].closed
    third[0].data_received(KNOCK + b"abc")  # what comes in one packet is not waited for
    first[0].data_received(b"y")
    await turns()
    assert doors.heard == [b"abc", b"xxxxxxxxy"]
    assert half.size_bytes == 0
    third[0].data_received(long + b"x" * 8)
    await turns()
    assert half.size_bytes == 8
    third[0].connection_lost(ConnectionResetError())
    await turns()
    assert half.size_bytes == 0


async def test_what_was_read_is_not_kept_with_the_connection() -> None:
    protocol, _ = connected(PAGE)
    protocol.data_received(KNOCK + b"abc")
    await turns()
    assert protocol.cycle.body == b""


async def test_a_body_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "BODY_S", 0.25)
    doors, half = Echo(), Half()
    protocol, wire = connected(PAGE, doors, half, timeout_keep_alive=0.1)
    begun_s = time.monotonic()
    protocol.data_received(KNOCK + b"a")
    await asyncio.sleep(0.15)
    if not wire.closed:  # else this machine stood still
        protocol.data_received(b"b")  # it did not begin anew
    await asyncio.sleep(0.3)
    assert wire.closed
    assert wire.closed_s - begun_s > 0.24  # timers count in milliseconds
    protocol.connection_lost(None)
    await turns()
    assert (doors.heard, wire.writes, half.size_bytes) == ([None], [], 0)


async def test_a_body_that_took_long_leaves_its_connection_idle_as_any() -> None:
    protocol, wire = connected(PAGE, timeout_keep_alive=0.1)
    protocol.data_received(KNOCK + b"a")
    await asyncio.sleep(0.15)
    assert not wire.closed
    protocol.data_received(b"bc")
    await turns()
    answered_s = time.monotonic()
    assert bodies(wire) == [b"/doors/a abc"]
    await asyncio.sleep(0.25)
    assert wire.closed
    assert wire.closed_s - answered_s > 0.09


async def test_who_is_refused_for_their_head_is_not_read() -> None:
    doors = Echo()
    protocol, wire = connected(PAGE, doors)
    protocol.data_received(POST.replace(b"/ ", b"/doors/none ", 1))  # asks whether to go on
    await turns()
    [answer] = wire.writes
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert wire.closed
    assert doors.heard == []


def _head_without_end() -> Iterator[bytes]:
    yield KNOCK.removesuffix(b"\r\n")
    for number in itertools.count():
        yield b"x-%d: %s\r\n" % (number, b"a" * 1000)


def _header_without_end() -> Iterator[bytes]:
    yield KNOCK.removesuffix(b"\r\n") + b"x: "
    yield from itertools.repeat(b"a" * 1000)


def _trailers_without_end() -> Iterator[bytes]:
    yield KNOCK.replace(b"Content-Length: 3", b"Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n"
    for number in itertools.count():
        yield b"x-%d: %s\r\n" % (number, b"a" * 1000)


@pytest.mark.parametrize("pieces", [_head_without_end, _header_without_end, _trailers_without_end])
async def test_a_head_has_an_end(pieces: Callable[[], Iterator[bytes]]) -> None:
    protocol, wire = connected(PAGE)
    given = 0
    for piece in pieces():
        protocol.data_received(piece)
        given += len(piece)
        if wire.closed or given > 200_000:
            break
    assert wire.closed
    assert 64 * 1024 < given < 68_000


async def test_a_long_body_is_no_head() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        said = await Request(scope, receive).body()
        await PlainTextResponse(str(len(said)))(scope, receive, send)

    protocol, wire = connected(app)
    long = POST.replace(b"th: 3", b"th: 900000")
    protocol.data_received(long[:-10])
    protocol.data_received(long[-10:] + b"x" * 100_000)
    for _ in range(8):
        await turns()
        protocol.data_received(b"x" * 100_000)
    await turns()
    for _ in range(300):  # of one connection, one after the other
        protocol.data_received(GET[:20])
        protocol.data_received(GET[20:])
        await turns(4)
    assert bodies(wire)[1] == b"900000"
    assert (len(wire.writes), wire.closed) == (302, False)


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
