"""The beginning of the way: a provider's request is verified, masked, stored, and only then answered 200.

Refused: a request that is not from the provider. Answered 200 and logged: an event that this version does not know, for
a provider would send it again and again. Never acts on a message: that is turns.py.
"""

from dataclasses import replace

import structlog
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from api import inbox
from api.house import House
from api.store import StoreBusy
from bot.channel import Parsed, Webhook
from bot.model import Inbound
from knowledge.secrets import redact

log = structlog.get_logger()

#: no provider sends more; a body is not read any further
MOST_BYTES = 1024 * 1024


def router(house: House) -> APIRouter:
    routes = APIRouter()

    @routes.post("/webhooks/{name}")
    async def receive(name: str, request: Request) -> Response:
        channel = house.channels.get(name)
        if channel is None:
            return Response(status_code=404)
        body = await _body(request)
        if body is None:
            return Response(status_code=413)
        webhook = Webhook(
            method=request.method,
            headers={key.lower(): value for key, value in request.headers.items()},
            query=dict(request.query_params),
            body=body,
        )
        if not channel.verify(webhook):
            log.warning("webhook_refused", channel=name, bytes=len(body))
            return Response(status_code=403)
        parsed = channel.parse(webhook)
        try:
            await store(house, name, parsed)
        except StoreBusy:
            return Response(status_code=503, headers={"Retry-After": "1"})
        if parsed.answer:
            return Response(parsed.answer, media_type="application/json")
        return Response(status_code=200)

    return routes


async def store(house: House, name: str, parsed: Parsed) -> None:
    """Write down what a channel parsed. Raises StoreBusy when the database cannot keep up."""
    if parsed.unknown:
        log.info("webhook_unknown", channel=name, event_kind=parsed.unknown)
    arrivals = [
        inbox.from_channel(masked(one) if isinstance(one, Inbound) else one, f"{parsed.key}.{place}")
        for place, one in enumerate(parsed.happened)
    ]
    if arrivals:
        await house.store.write(lambda c: inbox.put(c, arrivals, house.now()))
        house.news.tell(["turns"])


def masked(said: Inbound) -> Inbound:
    """The message as it may be stored: secrets masked, and which kinds there were."""
    if not said.text:
        return said
    found = redact(said.text)
    return replace(said, text=found.text, secrets=found.found) if found.found else said


async def _body(request: Request) -> bytes | None:
    """The raw bytes, or None when there are too many."""
    read = bytearray()
    try:
        async for part in request.stream():
            read += part
            if len(read) > MOST_BYTES:
                return None
    except ClientDisconnect:
        return None
    return bytes(read)
