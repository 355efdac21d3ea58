"""HTTP/1.1 to the providers: one request, its whole answer, over connections that are kept.

httptools reads the answer, `ssl` checks who gives it, aiohappyeyeballs finds the address that takes us first. Ours is
the little between them, because every general client in Python costs five times as much a message
(docs/decisions/0021). Knows no redirects, cookies, proxies or compression: providers' APIs ask for none of them.
"""

import asyncio
import socket
import ssl
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple, cast

import aiohappyeyeballs
import httptools
from yarl import URL

#: a connection that nobody used for so long is not used again: the other side may close it any moment
KEPT_S = 60.0
#: who asks for a name that was found less than so long ago gets the same addresses
NAMED_S = 10.0
#: until the next address of a name is tried beside the one before
EYEBALLS_S = 0.25
MOST_ANSWER_BYTES = 8 * 1024 * 1024

_UNREADABLE = (httptools.HttpParserError, httptools.HttpParserUpgrade)

#: as getaddrinfo gives them
_Addresses = list[tuple[Any, Any, int, str, Any]]


class NotSent(Exception):
    """There was no connection: not one byte of the request has left. The message is the reason's type, no more."""


class NoAnswer(Exception):
    """The request may have arrived, but no whole answer came. The message is the reason's type, no more."""


class Answer(NamedTuple):
    status: int
    body: bytes


class HttpClient:
    """Of one event loop. `connect_s` is for name, connection and TLS, `answer_s` for all after that.

    `trust`: whose certificates are taken; None: the system's.
    """

    def __init__(self, *, connect_s: float, answer_s: float, trust: ssl.SSLContext | None = None) -> None:
        self._connect_s, self._answer_s, self._trust = connect_s, answer_s, trust
        #: by scheme, host and port; the one used last is last
        self._idle: defaultdict[URL, deque[_Connection]] = defaultdict(deque)
        self._names: dict[URL, _Name] = {}

    def close(self) -> None:
        """What is kept; who waits for an answer goes on waiting."""
        for connection in (one for kept in self._idle.values() for one in kept):
            connection.close()
        self._idle.clear()

    async def request(self, method: str, url: URL, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Raises NotSent or NoAnswer; ValueError for a header that no line can hold."""
        request = _head(method, url, headers, len(body)) + body
        origin = url.origin()
        connection = self._kept(origin) or await self._connected(origin)
        try:
            return await connection.ask(request, self._answer_s)
        except (OSError, *_UNREADABLE) as error:  # a time-out is an OSError
            raise NoAnswer(type(error).__name__) from error
        finally:
            if connection.idle:
                self._idle[origin].append(connection)
            else:
                connection.close()

    def _kept(self, origin: URL) -> "_Connection | None":
        """The one used last, so that those that are too many grow old."""
        kept = self._idle[origin]
        while kept and not kept[0].fresh:
            kept.popleft().close()
        while kept:
            if (connection := kept.pop()).idle:
                return connection
        return None

    async def _connected(self, origin: URL) -> "_Connection":
        try:
            async with asyncio.timeout(self._connect_s):
                return await _connect(origin, await self._addresses(origin), self._trust)
        except (OSError, UnicodeError) as error:  # no host has such a name
            raise NotSent(type(error).__name__) from error

    async def _addresses(self, origin: URL) -> _Addresses:
        """One lookup for all who want the name: each holds a thread, and there are few."""
        name = self._names.get(origin)
        if name is None or not name.good:
            name = self._names[origin] = _Name(asyncio.create_task(_look_up(origin)), time.monotonic())
        return await asyncio.shield(name.found)


class _Name(NamedTuple):
    found: "asyncio.Task[_Addresses]"
    #: time.monotonic()
    asked_at_s: float

    @property
    def good(self) -> bool:
        if not self.found.done():
            return True
        failed = self.found.cancelled() or self.found.exception() is not None
        return not failed and time.monotonic() - self.asked_at_s < NAMED_S


class _Connection(asyncio.Protocol):
    """One request at a time, each with as long to answer. httptools calls what begins with `on_`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._asked: asyncio.Future[Answer] | None = None
        #: when the answer is late, by the loop's clock
        self._until_s = 0.0
        #: one for all that is asked in the meantime: one for each costs more than the parser
        self._watch: asyncio.TimerHandle | None = None
        self._used_at_s = 0.0
        self._begin()

    @property
    def idle(self) -> bool:
        """Its last answer was read to the end, and the other side takes another request."""
        return self._asked is None and not self._transport.is_closing()

    @property
    def fresh(self) -> bool:
        return self.idle and time.monotonic() - self._used_at_s < KEPT_S

    def ask(self, request: bytes, within_s: float) -> "asyncio.Future[Answer]":
        """Only an `idle` one. Raises, when awaited, OSError or one of _UNREADABLE."""
        self._asked = self._loop.create_future()
        self._until_s = self._loop.time() + within_s
        if self._watch is None:
            self._watch = self._loop.call_at(self._until_s, self._look)
        self._parser = httptools.HttpResponseParser(self)
        self._begin()
        self._transport.write(request)
        return self._asked

    def close(self) -> None:
        self._transport.abort()

    def _look(self) -> None:
        self._watch = None
        if self._asked and self._loop.time() < self._until_s:  # asked later than what the watch was for
            self._watch = self._loop.call_at(self._until_s, self._look)
        elif self._asked:
            self._failed(TimeoutError())

    def _begin(self) -> None:
        self._body = bytearray()
        #: the head has been read
        self._headed = False
        #: the answer says where it ends; else it ends with the connection
        self._framed = False

    def _answered(self) -> None:
        if self._asked and not self._asked.done():
            self._asked.set_result(Answer(self._parser.get_status_code(), bytes(self._body)))
            self._asked, self._used_at_s = None, time.monotonic()

    def _failed(self, error: Exception) -> None:
        if self._asked and not self._asked.done():
            self._asked.set_exception(error)
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._asked is None:  # nobody asked
            self._transport.abort()
            return
        try:
            self._parser.feed_data(data)
        except _UNREADABLE as error:
            self._failed(error)

    def connection_lost(self, error: Exception | None) -> None:
        if self._watch:
            self._watch.cancel()
        if error is None and self._headed and not self._framed:
            self._answered()
        else:
            self._failed(error or ConnectionResetError())

    def on_message_begin(self) -> None:
        if self._asked is None:
            raise ConnectionError("an answer that nobody asked for")

    def on_header(self, name: bytes, _: bytes) -> None:
        self._framed = self._framed or name.lower() in (b"content-length", b"transfer-encoding")

    def on_headers_complete(self) -> None:
        self._headed = True

    def on_body(self, part: bytes) -> None:
        self._body += part
        if len(self._body) > MOST_ANSWER_BYTES:
            raise OverflowError

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:  # news on the way to the answer
            self._begin()
            return
        # answered before it has read all that we said: it may never read the rest
        keeps = self._parser.should_keep_alive() and not self._transport.get_write_buffer_size()
        self._answered()
        if not keeps:
            self._transport.close()


async def _look_up(origin: URL) -> _Addresses:
    return await asyncio.get_running_loop().getaddrinfo(origin.raw_host, origin.port, type=socket.SOCK_STREAM)


async def _connect(origin: URL, addresses: _Addresses, trust: ssl.SSLContext | None) -> _Connection:
    wire = await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=EYEBALLS_S)
    tls: dict[str, Any] = {}
    if origin.scheme == "https":
        tls = {"ssl": trust or _system_trust(), "server_hostname": origin.raw_host}
    try:
        _, connection = await asyncio.get_running_loop().create_connection(_Connection, sock=wire, **tls)
    except BaseException:
        wire.close()
        raise
    return connection


@cache
def _system_trust() -> ssl.SSLContext:
    trust = ssl.create_default_context()
    trust.set_alpn_protocols(["http/1.1"])
    return trust


def _head(method: str, url: URL, headers: Mapping[str, str], body_bytes: int) -> bytes:
    lines = [
        f"{method} {url.raw_path_qs} HTTP/1.1",
        f"Host: {url.host_port_subcomponent}",
        "User-Agent: gocua",
        "Accept: */*",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    if method != "GET":
        lines.append(f"Content-Length: {body_bytes}")
    text = "\r\n".join(lines)
    if text.count("\r") >= len(lines) or text.count("\n") >= len(lines) or not text.isascii():
        raise ValueError("a header holds what no line of HTTP can")  # not what: it may be a token
    return f"{text}\r\n\r\n".encode()
