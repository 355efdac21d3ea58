"""Addresses from outside are believed only as far as the list of the provider's own hosts."""

import socket
from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import patch

import pytest

from api.fetching import Fetching, NotFetched
from tests.fakes.messenger import FakeMessenger

MOST = 100_000


@pytest.fixture
async def fake() -> AsyncIterator[FakeMessenger]:
    async with FakeMessenger() as one:
        yield one


@pytest.fixture
async def fetching(fake: FakeMessenger) -> AsyncIterator[Fetching]:
    async with Fetching({"messenger": fake.base_url, "zalo_oa": "https://openapi.zalo.me"}) as one:
        yield one


async def refused(fetching: Fetching, url: str, channel: str = "messenger") -> NotFetched:
    with pytest.raises(NotFetched) as caught:
        await fetching.get(channel, url, MOST)
    return caught.value


async def test_a_file_at_the_providers_own(fetching: Fetching, fake: FakeMessenger) -> None:
    assert await fetching.get("messenger", fake.keep("a.jpg", b"picture"), MOST) == b"picture"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/a.jpg", "https://fbcdn.net.evil.example/a.jpg", "https://xfbcdn.net/a.jpg",
        "http://scontent.xx.fbcdn.net/a.jpg", "https://scontent.xx.fbcdn.net:8443/a.jpg", "https://1.1.1.1/a.jpg",
        "https://a:b@scontent.xx.fbcdn.net/a.jpg", "https://scontent.xx.fbcdn.net@evil.example/a.jpg",
        "https://f1.zdn.vn/a.jpg", "file:///etc/passwd", "ftp://fbcdn.net/a", "url_to_thumbnail", "https://", "",
        "https://[::1]/a", "https://[bad/a", "https://fbcdn.net:99999/", "http://169.254.169.254/latest/meta-data",
    ],
)  # fmt: skip
async def test_no_other_address_is_asked(fetching: Fetching, url: str) -> None:
    with patch.object(socket, "getaddrinfo", side_effect=AssertionError("a name was looked up")):
        assert (await refused(fetching, url)).for_good


async def test_another_local_port_is_not_the_providers_own(fetching: Fetching, fake: FakeMessenger) -> None:
    url = fake.keep("a.jpg", b"picture")
    assert (await refused(fetching, url, "zalo_oa")).for_good
    assert (await refused(fetching, url, "telegram")).for_good
    assert fake.called("file") == []


async def test_a_strange_host_is_named(fetching: Fetching) -> None:
    assert (await refused(fetching, "https://new-cdn.example/a.jpg")).strange_host == "new-cdn.example"
    assert (await refused(fetching, "http://zdn.vn/a", "zalo_oa")).strange_host == ""


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.169.254", "::1", "fd00::1"])
async def test_a_listed_name_that_points_inwards_is_not_followed(fetching: Fetching, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    where: tuple[Any, ...] = (address, 443) + ((0, 0) if ":" in address else ())
    found = [(family, socket.SOCK_STREAM, 6, "", where)]
    with (
        patch.object(socket, "getaddrinfo", return_value=found),
        patch("aiohttp.connector.aiohappyeyeballs.start_connection", side_effect=AssertionError("connected")),
    ):
        error = await refused(fetching, "https://scontent.xx.fbcdn.net/a.jpg")
    assert not error.for_good


@pytest.mark.parametrize(
    ("status", "for_good"), [(500, False), (429, False), (404, False), (403, True), (410, True), (0, False)]
)
async def test_what_may_pass_is_told_from_what_stays(
    fetching: Fetching, fake: FakeMessenger, status: int, for_good: bool
) -> None:
    url = fake.keep("a.jpg", b"picture")
    for _ in range(1 if status else 2):  # a dropped line the HTTP client tries again by itself, once
        fake.fail("file", status)
    assert (await refused(fetching, url)).for_good == for_good
    assert await fetching.get("messenger", url, MOST) == b"picture"


async def test_a_redirect_is_a_new_address(fetching: Fetching, fake: FakeMessenger) -> None:
    url, other = fake.keep("a.jpg", b"picture"), fake.keep("b.jpg", b"moved")
    fake.fail("file", 302, other)
    assert await fetching.get("messenger", url, MOST) == b"moved"
    fake.fail("file", 302, "http://169.254.169.254/")
    assert (await refused(fetching, url)).for_good
    for _ in range(4):
        fake.fail("file", 302, url)
    assert "redirects" in str(await refused(fetching, url))


async def test_no_more_is_read_than_is_kept(fetching: Fetching, fake: FakeMessenger) -> None:
    error = await refused(fetching, fake.keep("a.jpg", bytes(MOST + 1)))
    assert error.too_big
    assert error.for_good
    assert len(await fetching.get("messenger", fake.keep("b.jpg", bytes(MOST)), MOST)) == MOST
    assert not (await refused(fetching, fake.keep("c.jpg", b""))).for_good
