"""The wire to the providers: one message's calls carried out in order, over connections that all channels share.

Never looks at a queue and never decides when to try again: that is attempt.py's. What a channel asks for on a refusal
it does here: a fresh token, the same message without buttons. A call that was taken is not made twice for one message:
what was taken of one that goes on later is the caller's to keep.
"""

import asyncio
import hashlib
import json
import time
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import aiohttp
import structlog
from msgspec.structs import replace
from yarl import URL

from api import media
from api.house import House
from api.http_client import HttpClient, NoAnswer, NotSent
from api.pictures import NotAPicture, fit
from bot.channel import MEDIA, PICTURE, SPEECH, Call, Outgoing, Receipt, SendError, filled

log = structlog.get_logger()

#: messages of one channel on the wire at once
MOST_AT_ONCE = 256
#: files whose ids at a provider are remembered
MOST_KNOWN = 1000
#: seconds within which a provider must take a connection, and within which it must answer
CONNECT_S = 10.0
ANSWER_S = 30.0


#: a call: its path, body and file, and the how manieth of those alike it is
_What = tuple[str, bytes, str, int]


class UnknownFate(Exception):
    """No answer came to a request that may have been written: it may have arrived."""


class Carrier:
    """`async with` opens the HTTP clients. `bases` is each channel's base URL, without a slash at the end."""

    def __init__(self, house: House, bases: Mapping[str, str]) -> None:
        self.house, self.bases = house, bases
        #: by channel and ref: what the provider calls a file that goes to many, so that it goes up once
        self._known: dict[tuple[str, str], str] = {}
        self._known_of = house.shelf.library
        self._http = HttpClient(connect_s=CONNECT_S, answer_s=ANSWER_S)
        #: for what comes in parts
        self._files: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Carrier":
        timeout = aiohttp.ClientTimeout(total=ANSWER_S, connect=CONNECT_S)
        self._files = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._http.close()
        if self._files:
            await self._files.close()

    async def carry(self, name: str, outgoing: Outgoing, taken: dict[str, str]) -> Receipt:
        """All calls of a message. Raises SendError or UnknownFate.

        `taken` are the calls that earlier tries made of it, each by its digest and with the id that it was given; when
        this try fails, those that it made are there too. The receipt is that of the last call that carries the message.
        """
        try:
            return await self._all(name, outgoing, taken)
        except SendError as error:
            if not error.degrade:
                raise
            log.warning("sent_without_buttons", channel=name, error=str(error))
            await self._without_buttons(name, outgoing, str(error))
            return await self._all(name, replace(outgoing, plain=True), taken)

    async def _all(self, name: str, outgoing: Outgoing, taken: dict[str, str]) -> Receipt:
        receipt = Receipt(remote_id="")
        found: dict[str, str] = {}
        made: list[tuple[_What, str]] = []
        alike: Counter[_What] = Counter()
        try:
            for call, short in self._rendered(name, outgoing):
                what = (call.path, call.body, call.upload.ref if call.upload else "", 0)
                alike[what] += 1
                what = (*what[:3], alike[what])
                earlier = taken.get(_digest(what)) if taken else None
                if earlier is not None:
                    got = Receipt(remote_id=earlier)
                elif call.gives:
                    # goes up again each time: an id that a provider no longer knows must not be offered once more
                    got = await self._uploaded(name, outgoing, call, short)
                    found[call.gives] = got.remote_id
                else:
                    got = await self._made(name, outgoing, filled(call, found), short)
                    made.append((what, got.remote_id))
                receipt = got if call.carries else receipt
        except Exception:
            taken.update((_digest(what), remote_id) for what, remote_id in made)
            raise
        return receipt

    async def _uploaded(self, name: str, outgoing: Outgoing, call: Call, short: Call | None) -> Receipt:
        """Nobody reads an upload: whatever became of it, it may go up again, and the message is in no doubt for it."""
        try:
            return await self._made(name, outgoing, call, short)
        except UnknownFate as error:
            raise SendError(f"no answer to the upload: {error}") from error
        except SendError as error:
            error.uncertain = False
            raise

    # --- files that go to many -----------------------------------------------------------------------------------

    def _rendered(self, name: str, outgoing: Outgoing) -> list[tuple[Call, Call | None]]:
        """The calls; beside one that uploads a file which the provider has, the same call by its id of that file."""
        channel, library = self.house.channels[name], self.house.shelf.library
        if library is not self._known_of:  # a picture may have been drawn anew under its old name
            self._known.clear()
            self._known_of = library
        calls = channel.render(outgoing)
        files = tuple(replace(one, ref=self._known.get((name, one.ref), one.ref)) for one in outgoing.attachments)
        if files == outgoing.attachments:
            return [(call, None) for call in calls]
        by_id = channel.render(replace(outgoing, attachments=files))
        return [(call, short if call.upload and not short.upload else None)
                for call, short in zip(calls, by_id, strict=True)]  # fmt: skip

    async def _made(self, name: str, outgoing: Outgoing, call: Call, short: Call | None) -> Receipt:
        """By the file's id where there is one; should the provider know it no longer, the file goes up again."""
        if short:
            try:
                return await self._call(name, outgoing, short)
            except SendError as error:
                if not error.permanent or error.blocked or error.window:
                    raise
        got = await self._call(name, outgoing, call)
        if call.upload and got.file_id and call.upload.ref.startswith((PICTURE, SPEECH)):
            _make_room(self._known)
            self._known[name, call.upload.ref] = got.file_id
        return got

    # --- one call ------------------------------------------------------------------------------------------------

    async def _call(self, name: str, outgoing: Outgoing, call: Call) -> Receipt:
        """One call; once more with a fresh token when the provider says that ours is worn out."""
        channel = self.house.channels[name]
        status, body = await self.post(name, call)
        try:
            return channel.receipt(call, status, body)
        except SendError as error:
            keyring = self.house.keyring
            if not (error.token and keyring):
                raise
            worn = dict(call.headers).get("access_token", "")
            fresh = await keyring.renew(outgoing.chat.partition("@")[2], worn)
            if not fresh:
                raise SendError(str(error), misconfigured=True, tries=error.tries) from error
        again = replace(call, headers=tuple((key, fresh if value == worn else value) for key, value in call.headers))
        status, body = await self.post(name, again)
        return channel.receipt(again, status, body)

    async def _without_buttons(self, name: str, outgoing: Outgoing, why: str) -> None:
        if name == "zalo_oa" and self.house.keyring:
            await self.house.keyring.buttons_refused(outgoing.chat.partition("@")[2], why)

    # --- requests ------------------------------------------------------------------------------------------------

    async def post(self, name: str, call: Call) -> tuple[int, bytes]:
        """One request. Raises SendError when it surely never left, UnknownFate when it may have arrived."""
        headers = {"content-type": "application/json"} | dict(call.headers)
        data = b"" if call.method == "GET" else call.body
        if call.upload is not None:
            headers["content-type"], data = await self._form(name, call)
        url = _url(self.bases[name] + call.path)
        begun = time.monotonic()
        try:
            status, body = await self._http.request(call.method, url, headers, data)
        except NotSent as error:
            self._log(name, call, begun, 0, f"cannot connect: {error}")
            raise SendError(f"cannot connect: {error}") from error
        except NoAnswer as error:
            self._log(name, call, begun, 0, str(error))
            raise UnknownFate(str(error)) from error
        # Zalo says 200 to what it refuses too
        self._log(name, call, begun, status, b"" if status == 200 and name != "zalo_oa" else body)
        return status, body

    def _log(self, name: str, call: Call, begun: float, status: int, note: str | bytes) -> None:
        took_ms = round((time.monotonic() - begun) * 1000)
        self.house.channel_log.went(name, _kind(call.path), status, note, took_ms)

    async def download(self, name: str, path: str, most_bytes: int) -> bytes:
        """A file of the provider's. Raises SendError when it is too big or not there."""
        assert self._files is not None
        data = bytearray()
        try:
            async with self._files.get(self.bases[name] + path) as answer:
                # not read(n): that gives what has come so far, of a large file only its beginning
                async for part in answer.content.iter_chunked(65_536):
                    data += part
                    if len(data) > most_bytes:
                        break
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnknownFate(type(error).__name__) from error
        if answer.status >= 500 or answer.status == 429:
            raise SendError(f"the file did not come: {answer.status}")
        if answer.status != 200 or len(data) > most_bytes:
            raise SendError(f"no such file, or too big: {answer.status}", permanent=True)
        return bytes(data)

    async def _form(self, name: str, call: Call) -> tuple[str, bytes]:
        """Content type and body of a call that has a file with it."""
        assert call.upload is not None
        form = aiohttp.FormData(quote_fields=False)
        for key, value in json.loads(call.body).items():
            form.add_field(key, value)
        path, content_type = await self._kept(call.upload.ref)
        limit_bytes = self.house.channels[name].capabilities.photo_limit_bytes
        try:
            data = await asyncio.to_thread(self.house.media.bytes_of, path)
            data, content_type = await asyncio.to_thread(fit, data, content_type, limit_bytes)
        except (OSError, NotAPicture) as error:
            raise SendError(f"the file cannot be sent: {type(error).__name__}", permanent=True) from error
        form.add_field(call.upload.field, data, filename=call.upload.name or "file", content_type=content_type)
        body = form()
        return body.headers["content-type"], await body.as_bytes()

    async def _kept(self, ref: str) -> tuple[str, str]:
        """Where a file of ours lies, and its content type. Raises SendError when it is gone."""
        keeper, _, name = ref.partition(":")
        if f"{keeper}:" == PICTURE and (shown := self.house.shelf.library.pictures.get(name)):
            return str(shown.file), "image/png"
        if f"{keeper}:" == SPEECH and self.house.voice and (sound := self.house.voice.find(name)):
            return str(sound.path), sound.content_type
        row = await self.house.store.read(lambda c: media.find(c, name)) if f"{keeper}:" == MEDIA else None
        if row is None:
            raise SendError("the file is no longer kept", permanent=True)
        return row["path"], row["content_type"]


@lru_cache(256)
def _url(address: str) -> URL:
    """Read once: the same few are called all day."""
    return URL(address)


@lru_cache(256)
def _kind(path: str) -> str:
    """What a call is, without the token that may stand in its path: "sendMessage", "oa/message/cs"."""
    parts = path.partition("?")[0].strip("/").split("/")
    return "/".join(part for part in parts[-3:] if not part.startswith(("bot", "v")))


def _digest(what: _What) -> str:
    """Short, for it is kept with the message; of the path too, which may hold a token."""
    path, body, ref, number = what
    return hashlib.blake2b(b"\0".join((path.encode(), ref.encode(), b"%d" % number, body)), digest_size=8).hexdigest()


def _make_room(known: dict[Any, Any]) -> None:
    """For one more: whoever came first leaves."""
    if len(known) >= MOST_KNOWN:
        del known[next(iter(known))]
