"""Carries out a channel's Calls against its fake, as a sender does, and hears the fake's webhooks. Keeps no outbox."""

import json
from typing import Any, Self

from aiohttp import ClientSession, FormData, web

from bot.channel import Call, Channel, Outgoing, Parsed, Receipt, Webhook, filled
from bot.model import Happened
from tests.fakes.served import Served

PHOTO = b"\x89PNG a photo"
MEDIA = {"media:7": PHOTO, "media:8": b"%PDF a form", "media:9": b"\x89PNG" + b"x" * 1_000_000}


class Wire:
    """`async with Wire(channel, fake)`: the channel may be replaced, as when its token is renewed."""

    def __init__(self, channel: Channel, fake: Served) -> None:
        self.channel, self.fake = channel, fake
        self.parsed: list[Parsed] = []

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/hook", self._receive)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.hook = f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"
        self._client = ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
        await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = dict(request.query)
        came = Webhook(method=request.method, headers=headers, query=query, body=await request.read())
        if not self.channel.verify(came):
            return web.Response(status=403)
        self.parsed.append(self.channel.parse(came))
        return web.Response(body=self.parsed[-1].answer, content_type=self.parsed[-1].answer_type)

    @property
    def happened(self) -> list[Happened]:
        return [event for parsed in self.parsed for event in parsed.happened]

    async def post(self, call: Call) -> tuple[int, bytes]:
        sent: dict[str, Any] = {"data": call.body, "headers": {"content-type": "application/json"} | dict(call.headers)}
        if call.upload:
            form = FormData(json.loads(call.body), quote_fields=False)
            form.add_field(call.upload.field, MEDIA[call.upload.ref], filename=call.upload.name)
            sent = {"data": form, "headers": dict(call.headers)}
        sent = {"headers": dict(call.headers)} if call.method == "GET" else sent
        async with self._client.request(call.method, self.fake.base_url + call.path, **sent) as response:
            return response.status, await response.read()

    async def receipt(self, call: Call) -> Receipt:
        return self.channel.receipt(call, *await self.post(call))

    async def send(self, chat: str, text: str = "", **fields: Any) -> list[Receipt]:
        """The receipts of the calls that carry the message."""
        found: dict[str, str] = {}
        receipts = []
        for call in self.channel.render(Outgoing(chat=chat, text=text, **fields)):
            receipt = await self.receipt(filled(call, found))
            if call.gives:
                found[call.gives] = receipt.remote_id
            receipts += [receipt] if call.carries else []
        return receipts
