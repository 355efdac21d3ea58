"""The beginning of the way: a provider's request is verified, masked, stored, and only then answered 200.

Refused: a request that is not from the provider. Answered 200 and logged: an event that this version does not know, for
a provider would send it again and again. Never acts on a message: that is turns.py.
"""

from urllib.parse import parse_qsl

import structlog
from msgspec.structs import replace
from starlette.datastructures import Headers
from starlette.types import Scope

from api import inbox, unsigned
from api.house import House
from api.http_server import Answer
from api.shapes import shape
from api.store import StoreBusy
from bot.channel import Channel, Parsed, Webhook
from bot.channels.zalo_oa import ZaloOa
from bot.model import Inbound
from knowledge.secrets import redact

log = structlog.get_logger()

#: no provider sends more; of a body not much more is read
MOST_BYTES = 1024 * 1024
#: the channel behind each address after PATH
PATH = "/webhooks/"
DOORS = {"telegram": "telegram", "zalo": "zalo_oa", "zalo-bot": "zalo_bot", "messenger": "messenger"}
_SOON = ((b"retry-after", b"1"),)


class Doors:
    """The providers' addresses, as api.http_server asks for them."""

    path, most_bytes = PATH, MOST_BYTES

    def __init__(self, house: House) -> None:
        self.house = house

    def refuses(self, scope: Scope) -> Answer | None:
        """Telegram's secret stands in the head; the others sign the body, or say nothing in a probe."""
        name = DOORS.get(scope["path"].removeprefix(PATH), "")
        channel = self.house.channels.get(name)
        if channel is None:
            return Answer(404)
        if name != "telegram":
            return None
        head = Webhook(method=scope["method"], headers=Headers(raw=scope["headers"]), query={}, body=b"")
        if channel.verify(head):
            return None
        self.house.counts.webhook(name, "refused")
        log.warning("webhook_refused", channel=name, bytes=0)
        self.house.channel_log.came(name, "update", "", 0, "")
        return Answer(403)

    async def answer(self, scope: Scope, body: bytes | None) -> Answer:
        name = DOORS.get(scope["path"].removeprefix(PATH), "")
        channel = self.house.channels.get(name)
        if channel is None:
            return Answer(404)
        if scope["method"] not in ("GET", "POST"):
            return Answer(405, headers=((b"allow", b"GET, POST"),))
        if body is None or len(body) > MOST_BYTES:
            self.house.counts.webhook(name, "hung_up" if body is None else "too_big")
            return Answer(413)
        return await _received(self.house, name, channel, scope, body)


async def _received(house: House, name: str, channel: Channel, scope: Scope, body: bytes) -> Answer:
    said = scope["query_string"]
    webhook = Webhook(
        method=scope["method"],
        headers=Headers(raw=scope["headers"]),
        query=dict(parse_qsl(said.decode("latin-1"), keep_blank_values=True)) if said else {},
        body=body,
    )
    try:
        if not channel.verify(webhook):
            house.counts.webhook(name, "refused")
            return await _unverified(house, name, webhook)
        parsed = channel.parse(webhook)
        if _too_often(house, parsed):
            house.counts.webhook(name, "too_often")
            return Answer(429, headers=_SOON)
        house.channel_log.came(name, _shape(house, name, webhook), parsed.key, len(body), _proof(channel, webhook))
        await store(house, name, parsed)
    except StoreBusy:
        house.counts.webhook(name, "busy")
        return Answer(503, headers=_SOON)
    house.counts.webhook(name, "stored")
    if not parsed.answer:
        return Answer(200)
    return Answer(200, parsed.answer, ((b"content-type", parsed.answer_type.encode()),))


async def store(house: House, name: str, parsed: Parsed) -> None:
    """Write down what a channel parsed. Raises StoreBusy when the database cannot keep up."""
    if parsed.unknown:
        log.info("webhook_unknown", channel=name, event_kind=parsed.unknown)
    keys = parsed.keys or tuple(f"{parsed.key}.{place}" for place in range(len(parsed.happened)))
    happened = [one for one in zip(parsed.happened, keys, strict=True) if len(one[0].chat) <= inbox.MOST_NAME]
    if len(happened) < len(parsed.happened):
        log.warning("chat_too_long", channel=name, events=len(parsed.happened) - len(happened))
    arrivals = [inbox.from_channel(masked(one) if isinstance(one, Inbound) else one, key) for one, key in happened]
    if arrivals:
        wanted = await house.arriving.put(arrivals)
        house.counts.came(name, len(arrivals))
        if wanted:
            house.news.tell(["files"])
        if name == "zalo_oa":
            house.strangers.update(one.chat for one, _ in happened if isinstance(one, Inbound))
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


async def _unverified(house: House, name: str, webhook: Webhook) -> Answer:
    """Refused. Zalo would drop the event and tell the OA's admins that we are down, so its are taken and set aside."""
    log.warning("webhook_refused", channel=name, bytes=len(webhook.body))
    house.channel_log.came(name, _shape(house, name, webhook), "", len(webhook.body), "")
    if name != "zalo_oa" or webhook.method != "POST":
        return Answer(403)
    await unsigned.keep(house, name, webhook)
    return Answer(200)


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
