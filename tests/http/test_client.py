"""The HTTP client against a server that says byte for byte what a test wants."""

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from yarl import URL

from api import http_client
from api.http_client import HttpClient, NoAnswer, NotSent

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"
#: what a server does instead of saying something
CLOSES, RESETS, WAITS = b"closes", b"resets", b"waits"
_AT_ONCE = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Server:
    """Says the next of `script` to each request; DONE once that is used up. A tuple is said in these pieces."""

    script: list[tuple[bytes, ...]] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def url(self, path: str = "/bot1:a/sendMessage", host: str = "127.0.0.1", scheme: str = "http") -> URL:
        return URL(f"{scheme}://{host}:{self.port}{path}")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")), 0
                )
                self.requests.append(head + await reader.readexactly(length))
                for piece in self.script.pop(0) if self.script else (DONE,):
                    if piece == RESETS:
                        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                        writer.transport.abort()
                    elif piece == CLOSES:
                        writer.close()
                    elif piece == WAITS:
                        await asyncio.sleep(0.3)
                    else:
                        writer.write(piece)
                        await writer.drain()
                        await asyncio.sleep(0.01)
        writer.close()


@contextlib.asynccontextmanager
async def serving(*script: bytes | tuple[bytes, ...], trusted: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server([one if isinstance(one, tuple) else (one,) for one in script])
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=trusted)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for writer in server.writers:
            writer.transport.abort()


@pytest.fixture
def http() -> Iterator[HttpClient]:
    client = HttpClient(connect_s=0.5, answer_s=0.15)
    yield client
    client.close()


# --- what is said and what is answered ---------------------------------------------------------------------------


async def test_a_request_as_it_is_written(http: HttpClient) -> None:
    async with serving() as server:
        got = await http.request("POST", server.url("/a b?c=đ&d=1"), {"content-type": "application/json"}, b'{"x":1}')
        assert got == (200, b"done")
        await http.request("GET", server.url(), {"access_token": "s3cret"})
    host = f"Host: 127.0.0.1:{server.port}\r\nUser-Agent: gocua\r\nAccept: */*\r\n"
    assert [one.decode() for one in server.requests] == [
        f"POST /a%20b?c=%C4%91&d=1 HTTP/1.1\r\n{host}content-type: application/json\r\nContent-Length: 7\r\n\r\n"
        '{"x":1}',
        f"GET /bot1:a/sendMessage HTTP/1.1\r\n{host}access_token: s3cret\r\n\r\n",
    ]


async def test_a_large_body_goes_whole(http: HttpClient) -> None:
    picture = bytes(range(256)) * 20_000
    http = HttpClient(connect_s=1, answer_s=5)
    async with serving() as server:
        await http.request("POST", server.url(), {}, picture)
    assert server.requests[0].endswith(b"\r\n\r\n" + picture)
    http.close()


@pytest.mark.parametrize(
    ("said", "status", "body"),
    [
        ((DONE[:9], DONE[9:30], DONE[30:-1], DONE[-1:]), 200, b"done"),
        (
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n"),
            200,
            b"abcde",
        ),
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), 204, b""),
        ((b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + DONE,), 200, b"done"),
        ((b"HTTP/1.1 100 Continue\r\n\r\n", DONE), 200, b"done"),
        ((b"HTTP/1.1 200 OK\r\n\r\nto the ", b"end", CLOSES), 200, b"to the end"),
        ((b"HTTP/1.0 502 Bad Gateway\r\n\r\n<html>", CLOSES), 502, b"<html>"),
        ((b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",), 302, b""),
        ((b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 2\r\n\r\n{}",), 429, b"{}"),
    ],
)
async def test_an_answer_in_every_form(http: HttpClient, said: tuple[bytes, ...], status: int, body: bytes) -> None:
    async with serving(said) as server:
        assert await http.request("POST", server.url(), {}, b"{}") == (status, body)
        assert await http.request("POST", server.url(), {}, b"{}") == (200, b"done")
    assert len(server.requests) == 2


async def test_a_header_that_no_line_can_hold_is_not_sent(http: HttpClient) -> None:
    async with serving() as server:
        for value in ("a\r\nX: b", "a\nb", "a\rb", "khoá"):
            with pytest.raises(ValueError, match="no line of HTTP") as told:
                await http.request("POST", server.url(), {"access_token": value})
            assert value not in str(told.value)
    assert server.connections == 0


# --- connections -------------------------------------------------------------------------------------------------


async def test_connections_are_kept_and_not_shared(http: HttpClient) -> None:
    async with serving() as server:
        for _ in range(3):
            await http.request("POST", server.url(), {})
        assert server.connections == 1
        await asyncio.gather(*(http.request("POST", server.url(), {}) for _ in range(5)))
        assert server.connections == 5
        await asyncio.gather(*(http.request("POST", server.url(), {}) for _ in range(5)))
        assert (server.connections, len(server.requests)) == (5, 13)


@pytest.mark.parametrize(
    "said",
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\ndone",),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\ndone",),
        (DONE, CLOSES),
        (DONE, RESETS),
        (DONE, b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"),  # to nothing that was asked
        (DONE + DONE,),
    ],
)
async def test_a_connection_that_is_no_good_any_more_is_not_used_again(
    http: HttpClient, said: tuple[bytes, ...]
) -> None:
    async with serving(said) as server:
        assert await http.request("POST", server.url(), {}) == (200, b"done")
        await asyncio.sleep(0.05)
        assert await http.request("POST", server.url(), {}) == (200, b"done")
        assert server.connections == 2


async def test_an_old_connection_is_not_used_again(http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as server:
        await asyncio.gather(*(http.request("POST", server.url(), {}) for _ in range(3)))
        monkeypatch.setattr(http_client, "KEPT_S", 0.0)
        await http.request("POST", server.url(), {})
        assert server.connections == 4


async def test_a_late_answer_is_not_taken_for_the_next_one(http: HttpClient) -> None:
    """Of a request that timed out, and of one whose sender went away."""
    late = (WAITS, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
    async with serving(late, late) as server:
        with pytest.raises(NoAnswer, match="TimeoutError"):
            await http.request("POST", server.url(), {})
        gone = asyncio.create_task(http.request("POST", server.url(), {}))
        await asyncio.sleep(0.05)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        for _ in range(5):
            assert await http.request("POST", server.url(), {}) == (200, b"done")
            await asyncio.sleep(0.1)
        assert server.connections == 3


async def test_each_request_over_a_connection_has_its_own_time() -> None:
    http = HttpClient(connect_s=1, answer_s=0.5)
    drops = tuple(DONE[at : at + 5] for at in range(0, len(DONE), 5))  # a hundredth of a second each
    async with serving(DONE, drops, (WAITS, WAITS, DONE)) as server:
        await http.request("POST", server.url(), {})
        await asyncio.sleep(0.45)
        # the first one's time runs out in the middle of it
        assert await http.request("POST", server.url(), {}) == (200, b"done")
        asked_s = time.monotonic()
        with pytest.raises(NoAnswer, match="TimeoutError"):
            await http.request("POST", server.url(), {})
        assert time.monotonic() - asked_s > 0.49
        assert server.connections == 1
    http.close()


async def test_it_leaves_nothing_open(http: HttpClient) -> None:
    async with serving() as server:
        await asyncio.gather(*(http.request("POST", server.url(), {}) for _ in range(3)))
        http.close()
        for writer in server.writers:
            await asyncio.wait_for(writer.wait_closed(), 1)


# --- what goes wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        (CLOSES,),
        (RESETS,),
        (DONE[:12], CLOSES),
        (DONE[:-2], CLOSES),
        (DONE[:-2], RESETS),
        (b"HTTP/1.1 200 OK\r\n\r\nto the ", RESETS),
        (CHUNKED, CLOSES),
        (b"220 mail.example.com ESMTP\r\n",),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n",),
        (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nfree text",),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", b"x" * (http_client.MOST_ANSWER_BYTES + 1)),
    ],
)
async def test_no_whole_answer(said: tuple[bytes, ...]) -> None:
    http = HttpClient(connect_s=1, answer_s=5)
    async with serving(said) as server:
        with pytest.raises(NoAnswer):
            await http.request("POST", server.url(), {}, b"{}")
        assert await http.request("POST", server.url(), {}, b"{}") == (200, b"done")
        assert server.connections == 2
    http.close()


async def test_nobody_takes_the_connection(http: HttpClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(NotSent, match="ConnectionRefusedError"):
        await http.request("POST", URL(f"http://127.0.0.1:{port}/"), {})
    with pytest.raises(NotSent, match="gaierror"):
        await http.request("POST", URL("http://nowhere.invalid/"), {})
    with pytest.raises(NotSent, match="Error"):
        await http.request("POST", URL(f"http://{'a' * 70}.invalid/"), {})


async def test_the_first_address_is_dead(http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        dead = taken.getsockname()[1]
    async with serving() as server:
        _found(monkeypatch, [dead, server.port])
        assert await http.request("POST", server.url(host="bot.example"), {}) == (200, b"done")


async def test_one_lookup_for_all(http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as server:
        asked = _found(monkeypatch, [server.port])
        url = server.url(host="bot.example")
        await asyncio.gather(*(http.request("POST", url, {}) for _ in range(9)))
        assert len(asked) == 1
        monkeypatch.setattr(http_client, "KEPT_S", 0.0)
        monkeypatch.setattr(http_client, "NAMED_S", 0.0)
        await http.request("POST", url, {})
        assert len(asked) == 2


async def test_a_lookup_that_failed_is_made_again(http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as server:
        asked = _found(monkeypatch, [])
        with pytest.raises(NotSent, match="gaierror"):
            await http.request("POST", server.url(host="bot.example"), {})
        asked += _found(monkeypatch, [server.port])
        assert await http.request("POST", server.url(host="bot.example"), {}) == (200, b"done")


def _found(monkeypatch: pytest.MonkeyPatch, ports: list[int]) -> list[URL]:
    """Every name is at these ports of 127.0.0.1, or unknown; what was asked for."""
    asked = []

    async def look_up(origin: URL) -> Any:
        asked.append(origin)
        await asyncio.sleep(0.01)
        if not ports:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]

    monkeypatch.setattr(http_client, "_look_up", look_up)
    return asked


# --- TLS ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Signed by itself, for bot.example; with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bot.example")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("bot.example"), x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*plain))
    return file


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_over_tls_to_who_is_trusted(
    certificate: Path, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = HttpClient(connect_s=5, answer_s=5, trust=ssl.create_default_context(cafile=str(certificate)))
    async with serving(trusted=tls) as server:
        for host in ("127.0.0.1", "bot.example"):
            _found(monkeypatch, [server.port])
            for _ in range(2):
                assert await http.request("POST", server.url(host=host, scheme="https"), {}, b"{}") == (200, b"done")
        assert server.connections == 2
        with pytest.raises(NotSent, match="SSLCertVerificationError"):
            await http.request("POST", server.url(host="other.example", scheme="https"), {}, b"{}")
    assert len(server.requests) == 4
    http.close()


async def test_over_tls_to_a_stranger(http: HttpClient, tls: ssl.SSLContext) -> None:
    async with serving(trusted=tls) as server:
        with pytest.raises(NotSent, match="SSLCertVerificationError"):
            await http.request("POST", server.url(scheme="https"), {}, b"{}")
    assert server.requests == []


async def test_who_takes_the_connection_but_says_nothing(http: HttpClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(NotSent, match="TimeoutError"):
        await http.request("POST", URL(f"https://127.0.0.1:{mute.getsockname()[1]}/"), {}, b"{}")
