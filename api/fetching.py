"""Files fetched from addresses that a provider's webhook named: of a resident's picture, voice, film or document.

An address comes from outside, so little of it is believed: only https, only hosts where that provider keeps files,
never a private network, no more bytes than are kept. What the bytes are the server is not asked: file_types.py tells.
"""

import ipaddress
import socket
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

#: where each provider keeps what people send: these domains and all below them (as seen in 2026-11)
HOSTS: Mapping[str, tuple[str, ...]] = {
    "zalo_oa": ("zdn.vn", "zadn.vn", "dlfl.vn", "dlmd.me", "zaloapp.com", "zalo.me"),
    "zalo_bot": ("zdn.vn", "zadn.vn", "dlfl.vn", "dlmd.me", "zaloapp.com", "zalo.me", "zaloplatforms.com"),
    "messenger": ("fbcdn.net", "fbsbx.com"),
}
MOST_REDIRECTS = 3
WHOLE_S, CONNECT_S = 30.0, 10.0
#: answers after which the same address may yet give the file
_PASSING = (404, 408, 425, 429)


class NotFetched(Exception):
    """The file did not come. `for_good`: asking again is of no use. `too_big`: it is there, but over the bound."""

    def __init__(self, why: str, *, for_good: bool = False, too_big: bool = False, strange_host: str = "") -> None:
        super().__init__(why)
        self.for_good = for_good or too_big or bool(strange_host)
        self.too_big = too_big
        #: a host that is not on the list: the provider may have a new one
        self.strange_host = strange_host


class Fetching:
    """`async with` opens the HTTP client. `bases` is each channel's own API, whose files need be nowhere else."""

    def __init__(self, bases: Mapping[str, str], hosts: Mapping[str, tuple[str, ...]] = HOSTS) -> None:
        self._bases, self._hosts = bases, hosts
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Fetching":
        own = frozenset(urlsplit(base).hostname or "" for base in self._bases.values())
        wire = aiohttp.TCPConnector(limit=8, resolver=_Public(own))
        timeout = aiohttp.ClientTimeout(total=WHOLE_S, connect=CONNECT_S)
        # no cookies, no credentials of a .netrc, no proxy that would resolve names for us
        self._http = aiohttp.ClientSession(
            connector=wire, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity"},
        )  # fmt: skip
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http:
            await self._http.close()

    async def get(self, channel: str, url: str, most_bytes: int) -> bytes:
        """The bytes at an address of this channel's. Raises NotFetched."""
        assert self._http is not None
        try:
            for _ in range(MOST_REDIRECTS + 1):
                self._check(channel, url)
                async with self._http.get(url, allow_redirects=False) as answer:
                    if answer.status in (301, 302, 303, 307, 308):
                        url = urljoin(url, answer.headers.get("Location", ""))
                        continue
                    return await _body(answer, most_bytes)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise NotFetched(type(error).__name__) from error
        raise NotFetched("too many redirects", for_good=True)

    def _check(self, channel: str, url: str) -> None:
        try:
            asked, own = urlsplit(url), urlsplit(self._bases.get(channel, ""))
            origin = (asked.scheme, asked.hostname, asked.port)
        except ValueError:
            raise NotFetched("no address", for_good=True) from None
        if asked.username is not None or not asked.hostname:
            raise NotFetched("no address", for_good=True)
        if origin == (own.scheme, own.hostname, own.port):
            return
        if asked.scheme != "https" or asked.port not in (None, 443):
            raise NotFetched("not https", for_good=True)
        host = asked.hostname.rstrip(".")
        if not any(host == known or host.endswith(f".{known}") for known in self._hosts.get(channel, ())):
            raise NotFetched("a host that is not on the list", strange_host=host)


async def _body(answer: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    if answer.status != 200:
        passing = answer.status >= 500 or answer.status in _PASSING
        raise NotFetched(f"answered {answer.status}", for_good=not passing)
    if (answer.content_length or 0) > most_bytes:
        raise NotFetched("too big", too_big=True)
    read = bytearray()
    async for part in answer.content.iter_chunked(65_536):
        read += part
        if len(read) > most_bytes:
            raise NotFetched("too big", too_big=True)
    if not read:
        raise NotFetched("empty")
    return bytes(read)


class _Public(AbstractResolver):
    """Names to addresses, none of them of a private network: a name on the list could be made to point anywhere.

    `own` are the hosts that the operator set, which may be near.
    """

    def __init__(self, own: frozenset[str]) -> None:
        self._own, self._names = own, ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._names.resolve(host, port, family)
        if host in self._own:
            return found
        public = [one for one in found if ipaddress.ip_address(one["host"].partition("%")[0]).is_global]
        if not public:
            raise OSError(f"{host} has no public address")
        return public

    async def close(self) -> None:
        await self._names.close()
