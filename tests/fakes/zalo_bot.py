"""The Zalo Bot Platform on 127.0.0.1: answers as the real one does, keeps every call, sends webhooks with its secret.

Stricter than the real one where that finds mistakes: a field or method it does not know is refused.
"""

from itertools import count
from typing import Any

from aiohttp import web

from tests.fakes.served import Fields, Received, Served, read

# method: the fields it must have, those it may have
METHODS: dict[str, tuple[set[str], set[str]]] = {
    "getMe": (set(), set()),
    "getUpdates": (set(), {"timeout"}),
    "setWebhook": ({"url", "secret_token"}, set()),
    "getWebhookInfo": (set(), set()),
    "deleteWebhook": (set(), set()),
    "sendMessage": ({"chat_id", "text"}, {"parse_mode"}),
    "sendPhoto": ({"chat_id", "photo"}, {"caption"}),
    "sendChatAction": ({"chat_id", "action"}, set()),
}


class Refused(Exception):
    def __init__(self, status: int, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.answer = {"ok": False, "description": description, "error_code": status}


def need(true: object, says: str, status: int = 400) -> None:
    if not true:
        raise Refused(status, says)


class FakeZaloBot(Served):
    def __init__(self, token: str = "1:fake") -> None:
        super().__init__()
        self.token = token
        self.secret = ""
        #: the pages show webhooks wrapped in {"ok", "result"}, real ones are flat
        self.wrapped = False
        self.month_left = 3000
        self.messages: dict[str, list[Fields]] = {}
        self.pending: list[Fields] = []
        self._numbers = count(1)
        self._updated_at = 0

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/bot{token}/{method}", self._serve)]

    async def says(self, user: str, text: str = "", kind: str = "text", **more: Any) -> int:
        """A person writes. The webhook's status, 0 when it waits for a poll."""
        message: Fields = {"message_id": f"u{next(self._numbers)}", "chat": {"id": user, "chat_type": "PRIVATE"}}
        message |= {"from": {"id": user, "display_name": f"Person {user}", "is_bot": False}, "date": self.now_ms}
        update = {
            "event_name": f"message.{kind}.received",
            "message": message | ({"text": text} if text else {}) | more,
        }
        self.delivered.append(update)
        if not self.webhook_url:
            self.pending.append(update)
            return 0
        raw = web.json_response({"ok": True, "result": update} if self.wrapped else update).body
        assert isinstance(raw, bytes)
        return await self.post_webhook(raw, {"X-Bot-Api-Secret-Token": self.secret})

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        async def answer(call: Received) -> Any:
            try:
                need(request.match_info["token"] == self.token, "Unauthorized", 401)
                return {"ok": True, "result": self._carry_out(call), "error_code": 0}
            except Refused as refused:
                return refused.status, refused.answer

        try:
            call = await read(request, request.match_info["method"])
        except ValueError as odd:
            return web.json_response(Refused(400, str(odd)).answer, status=400)
        return await self.carried(request, call, answer)

    def _carry_out(self, call: Received) -> Any:
        fields = call.fields
        need(call.what in METHODS, "Not Found", 404)
        must, may = METHODS[call.what]
        need(must <= fields.keys() <= must | may, f"Bad Request: {call.what} takes {sorted(must)}, {sorted(may)}")
        match call.what:
            case "getMe":
                return {"id": "459", "account_name": "bot.fake", "account_type": "BASIC", "can_join_groups": False}
            case "setWebhook":
                need(8 <= len(fields["secret_token"]) <= 256, "Bad Request: secret_token has 8 to 256 characters")
                need(fields["url"].startswith(("https://", "http://127.0.0.1:")), "Bad Request: url must be https")
                self.webhook_url, self.secret, self._updated_at = fields["url"], fields["secret_token"], self.now_ms
                return {"url": self.webhook_url, "updated_at": self._updated_at}
            case "getWebhookInfo":
                need(self.webhook_url, "Not Found", 404)
                return {"url": self.webhook_url, "updated_at": self._updated_at}
            case "deleteWebhook":
                self.webhook_url = ""
                return True
            case "getUpdates":
                need(not self.webhook_url, "You cannot use this API while a webhook is set. Please remove it first")
                need(self.pending, "Request timeout", 408)
                return self.pending[0]  # the same one at each poll: there is no acknowledgement
            case "sendChatAction":
                need(fields["action"] == "typing", "Bad Request: action")
                return True
        return self._send(call)

    def _send(self, call: Received) -> Fields:
        text = call.fields.get("text", call.fields.get("caption"))
        if text is not None:
            need(isinstance(text, str) and len(text.strip()) > 0 and len(text) <= 2000, "Bad Request: text")
        if call.what == "sendPhoto":
            need(call.fields["photo"].startswith("https://"), "Bad Request: photo must be a URL")
        need(isinstance(call.fields["chat_id"], str), "Bad Request: chat_id")
        need(self.month_left > 0, "Quota exceeded", 429)
        self.month_left -= 1
        self.messages.setdefault(call.fields["chat_id"], []).append(call.fields)
        return {"message_id": f"o{next(self._numbers)}", "date": self.now_ms}
