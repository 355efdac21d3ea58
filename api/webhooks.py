"""The beginning of the way: a provider's request is verified, masked, stored, and only then answered 200.

Refused: a request that is not from the provider. Answered 200 and logged: an event that this version does not know, for
a provider would send it again and again. Never acts on a message: that is turns.py.
"""

from urllib.parse import parse_qsl

import structlog
from msgspec.structs import replace
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api import inbox, unsigned
from api.house import House
from api.shapes import shape
from api.store import StoreBusy
from bot.channel import Channel, Parsed, Webhook
from bot.channels.zalo_oa import ZaloOa
from bot.model import Inbound
from knowledge.secrets import redact

log = structlog.get_logger()

#: no provider sends more; a body is not read any further
MOST_BYTES = 1024 * 1024
#: the channel behind each address after PATH
PATH = "/webhooks/"
DOORS = {"telegram": "telegram", "zalo": "zalo_oa", "zalo-bot": "zalo_bot", "messenger": "messenger"}


class Doors:
    """ASGI: the providers' addresses. Every other request goes on to `app`.

    They stand before the framework's own layers: a webhook needs none of them, and they cost more than all else here.
    """

    def __init__(self, app: ASGIApp, house: House) -> None:
        self.app, self.house = app, house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self.app(scope, receive, send)
            return
        name = DOORS.get(scope["path"].removeprefix(PATH), "")
        channel = self.house.channels.get(name)
        if channel is None:
            answer = Response(status_code=404)
        elif scope["method"] not in ("GET", "POST"):
            answer = Response(status_code=405, headers={"Allow": "GET, POST"})
        else:
            answer = await _received(self.house, name, channel, scope, receive)
        await answer(scope, receive, send)


async def _received(house: House, name: str, channel: Channel, scope: Scope, receive: Receive) -> Response:
    body = await _body(receive)
    if body is None or len(body) > MOST_BYTES:
        house.counts.webhook(name, "hung_up" if body is None else "too_big")
        return Response(status_code=413)
    webhook = Webhook(
        method=scope["method"],
        headers=Headers(raw=scope["headers"]),
        query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
        body=body,
    )
    try:
        if not channel.verify(webhook):
            house.counts.webhook(name, "refused")
            return await _unverified(house, name, webhook)
        parsed = channel.parse(webhook)
        if _too_often(house, parsed):
            house.counts.webhook(name, "too_often")
            return Response(status_code=429, headers={"Retry-After": "1"})
        house.channel_log.came(name, _shape(house, name, webhook), parsed.key, len(body), _proof(channel, webhook))
        await store(house, name, parsed)
    except StoreBusy:
        house.counts.webhook(name, "busy")
        return Response(status_code=503, headers={"Retry-After": "1"})
    house.counts.webhook(name, "stored")
    return Response(parsed.answer, media_type=parsed.answer_type if parsed.answer else None)


async def store(house: House, name: str, parsed: Parsed) -> None:
    """Write down what a channel parsed. Raises StoreBusy when the database cannot keep up."""
    if parsed.unknown:
        log.info("webhook_unknown", channel=name, event_kind=parsed.unknown)
    keys = parsed.keys or tuple(f"{parsed.key}.{place}" for place in range(len(parsed.happened)))
    arrivals = [
        inbox.from_channel(masked(one) if isinstance(one, Inbound) else one, key)
        for one, key in zip(parsed.happened, keys, strict=True)
    ]
    if arrivals:
        wanted = await house.arriving.put(arrivals)
        house.counts.came(name, len(arrivals))
        if wanted:
            house.news.tell(["files"])
        if name == "zalo_oa":
            house.strangers.update(one.chat for one in parsed.happened if isinstance(one, Inbound))
            house.news.tell(["strangers"])


def _too_often(house: House, parsed: Parsed) -> bool:
    """Only Telegram is asked to come later: each chat's updates have a queue of their own there, it obeys Retry-After,
    and nobody else waits meanwhile. Of other providers what is refused is lost, or all that comes after it waits."""
    return house.pace is not None and any(
        isinstance(one, Inbound) and one.channel == "telegram" and not one.group and not house.pace.fits(one.chat)
        for one in parsed.happened
    )


def masked(said: Inbound) -> Inbound:
    """The message as it may be stored: secrets masked, and which kinds there were."""
    if not said.text:
        return said
    found = redact(said.text)
    return replace(said, text=found.text, secrets=found.found) if found.found else said


async def _unverified(house: House, name: str, webhook: Webhook) -> Response:
    """Refused. Zalo would drop the event and tell the OA's admins that we are down, so its are taken and set aside."""
    log.warning("webhook_refused", channel=name, bytes=len(webhook.body))
    house.channel_log.came(name, _shape(house, name, webhook), "", len(webhook.body), "")
    if name != "zalo_oa" or webhook.method != "POST":
        return Response(status_code=403)
    await unsigned.keep(house, name, webhook)
    return Response(status_code=200)


def _shape(house: House, name: str, webhook: Webhook) -> str:
    """For the channel log. Of Telegram, whose documents and servers agree, it is not worth a second reading."""
    if name == "telegram":
        return "update"
    return shape(name, webhook, house.keyring.accounts if house.keyring else ())


def _proof(channel: Channel, webhook: Webhook) -> str:
    """How the request was proved to be the provider's: Zalo's documents and its senders disagree on what is signed."""
    if isinstance(channel, ZaloOa):
        return channel.matched(webhook) or "probe"
    return "secret"


async def _body(receive: Receive) -> bytes | None:
    """The raw bytes; of too many the first, one more than MOST_BYTES at least. None: the sender went away."""
    read = bytearray()
    while True:
        part = await receive()
        if part["type"] == "http.disconnect":
            return None
        read += part.get("body", b"")
        if len(read) > MOST_BYTES or not part.get("more_body"):
            return bytes(read)
