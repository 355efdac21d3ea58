"""Meta's Send API and webhooks for one page on 127.0.0.1: refuses as the real one does, echoes, signs escaped bytes.

Stricter than the real one where that finds mistakes: too long a title is refused, not cut; an unknown field is refused.
"""

import hashlib
import hmac
import json
from itertools import count
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from tests.fakes.served import Fields, Received, Served, read

HOUR_MS = 3_600_000
INBOX_APP = 263902037430900
ENVELOPE = {"recipient", "message", "messaging_type", "tag"}


class Refused(Exception):
    def __init__(self, code: int, says: str, subcode: int = 0, status: int = 400) -> None:
        super().__init__(says)
        self.status = status
        error = {"message": f"(#{code}) {says}", "type": "OAuthException", "code": code, "fbtrace_id": "x"}
        self.answer = {"error": error | ({"error_subcode": subcode} if subcode else {})}


def need(true: object, code: int, says: str, subcode: int = 0) -> None:
    if not true:
        raise Refused(code, says, subcode)


class FakeMessenger(Served):
    def __init__(
        self, token: str = "1:fake", app_secret: str = "s3cret", page: str = "404", app_id: int = 5005
    ) -> None:
        super().__init__()
        self.token, self.app_secret, self.page, self.app_id = token, app_secret, page, app_id
        #: whether App Review granted "Human Agent"
        self.human_agent = False
        self.messages: dict[str, list[Fields]] = {}
        self.last_ms: dict[str, int] = {}
        self.blocked: set[str] = set()
        #: residents whose talk the page's inbox has
        self.inbox_owns: set[str] = set()
        self.profile: Fields = {}
        self.subscribed: list[str] = []
        self._numbers = count(1)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v25.0/{owner}/{what}", self._serve),
            web.get("/v25.0/me", self._looked_at),
            web.get("/v25.0/me/subscribed_apps", self._looked_at),
            web.get("/v25.0/{app}/subscriptions", self._looked_at),
        ]

    # --- what a test does ---

    async def handshake(self, url: str, verify_token: str) -> bool:
        """Saving the address in the console: it holds when the challenge comes back as plain text."""
        asked = {"hub.mode": "subscribe", "hub.verify_token": verify_token, "hub.challenge": "1158201444"}
        async with self._client.get(f"{url}?{urlencode(asked)}") as answer:
            if answer.status != 200 or answer.content_type != "text/plain" or await answer.text() != "1158201444":
                return False
        self.webhook_url = url
        return True

    async def says(self, user: str, text: str = "", **more: Any) -> int:
        """A person writes; the webhook's status, 0 when nobody is there."""
        message = {"mid": f"m_u{next(self._numbers)}"} | ({"text": text} if text else {}) | more
        return await self.happens(user, message=message)

    async def press(self, user: str, label: str) -> int:
        """A person presses a button of the newest message, or taps a quick reply under it."""
        message = self.messages[user][-1]
        for reply in message.get("quick_replies", ()):
            if reply.get("title") == label:
                return await self.says(user, label, quick_reply={"payload": reply["payload"]})
        buttons = message["attachment"]["payload"]["buttons"]
        payload = next(button["payload"] for button in buttons if button["title"] == label)
        return await self.happens(user, postback={"title": label, "payload": payload})

    async def happens(self, user: str, **event: Any) -> int:
        self.last_ms[user] = self.now_ms
        return await self._event({"sender": {"id": user}, "recipient": {"id": self.page}} | event, user)

    async def inbox_says(self, user: str, text: str) -> int:
        """A person answers in the page's inbox, which has the talk from then on."""
        self.inbox_owns.add(user)
        return await self._echo(user, {"mid": f"m_o{next(self._numbers)}", "text": text}, INBOX_APP)

    async def _echo(self, user: str, message: Fields, app: int) -> int:
        echo = {"is_echo": True, "app_id": app} | message
        return await self._event({"sender": {"id": self.page}, "recipient": {"id": user}, "message": echo}, user)

    async def _event(self, event: Fields, user: str) -> int:
        field = "standby" if user in self.inbox_owns else "messaging"
        return await self.deliver([{"id": self.page, "time": self.now_ms, field: [event | {"timestamp": self.now_ms}]}])

    async def deliver(self, entries: list[Fields]) -> int:
        # every letter that is not ASCII is an escape, and so is the slash; the signature is over that
        raw = json.dumps({"object": "page", "entry": entries}).replace("/", "\\/").encode()
        self.delivered += entries
        signed = hmac.new(self.app_secret.encode(), raw, hashlib.sha256).hexdigest()
        return await self.post_webhook(raw, {"X-Hub-Signature-256": f"sha256={signed}", "X-Hub-Signature": "sha1=0"})

    # --- what the bot meets ---

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        async def answer(call: Received) -> Any:
            try:
                need(request.query.get("access_token") == self.token, 190, "Invalid OAuth access token.", 1234567)
                return await self._carry_out(call, request.match_info["owner"])
            except Refused as refused:
                return refused.status, refused.answer
            except (LookupError, TypeError, ValueError, AttributeError) as odd:
                return 400, Refused(100, repr(odd)).answer

        try:
            call = await read(request, request.match_info["what"], json_fields=("recipient", "message"))
        except ValueError as odd:
            return web.json_response(Refused(100, str(odd)).answer, status=400)
        return await self.carried(request, call, answer)

    async def _looked_at(self, request: web.Request) -> web.Response:
        """What a look at the page or the app shows; the app's own needs its secret."""
        what, app = request.path.rpartition("/")[2], request.match_info.get("app")
        wanted = f"{self.app_id}|{self.app_secret}" if app else self.token
        if request.query.get("access_token") != wanted or (app and app != str(self.app_id)):
            return web.json_response(Refused(190, "Invalid OAuth access token.").answer, status=400)
        shown: dict[str, Fields] = {
            "me": {"id": self.page, "name": "Xã Ví Dụ"},
            "subscribed_apps": {"data": [{"id": str(self.app_id), "subscribed_fields": self.subscribed}]},
            "subscriptions": {"data": [{"object": "page", "callback_url": self.webhook_url, "active": True}]},
        }
        return web.json_response(shown[what])

    async def _carry_out(self, call: Received, owner: str) -> Fields:
        fields = call.fields
        match call.what:
            case "messages" if "sender_action" in fields:
                need(fields.keys() == {"recipient", "sender_action"}, 100, "a sender action stands alone")
                need(fields["sender_action"] in ("typing_on", "typing_off", "mark_seen"), 100, "sender_action")
                return {"recipient_id": self._user(fields)}
            case "messages":
                return await self._send(call)
            case "messenger_profile":
                need(fields.keys() <= {"get_started", "greeting", "persistent_menu"}, 100, "unknown field")
                need("persistent_menu" not in fields or "get_started" in fields, 100, "a menu needs get_started")
                self.profile |= fields
                return {"result": "success"}
            case "subscribed_apps":
                need(owner == self.page and fields["subscribed_fields"], 100, "subscribed_fields of a page")
                self.subscribed = fields["subscribed_fields"]
                return {"success": True}
            case "pass_thread_control":
                need(fields.keys() <= {"recipient", "target_app_id", "metadata"}, 100, "unknown field")
                self.inbox_owns.add(self._user(fields))
                return {"success": True}
            case "take_thread_control":
                self.inbox_owns.discard(self._user(fields))
                return {"success": True}
        raise Refused(2500, f"Unknown path components: /{call.what}")

    def _user(self, fields: Fields) -> str:
        recipient = fields["recipient"]
        need(recipient.keys() == {"id"} and isinstance(recipient["id"], str), 100, "recipient has an id")
        need(recipient["id"] in self.last_ms, 100, "No matching user found", 2018001)
        return str(recipient["id"])

    async def _send(self, call: Received) -> Fields:
        fields = call.fields
        message: Fields = fields["message"]
        need(fields.keys() <= ENVELOPE and isinstance(message, dict), 100, "unknown field")
        user = self._user(fields)
        if user in self.blocked:
            raise Refused(551, "This person isn't available right now.", 1545041)
        need(user not in self.inbox_owns, 10, "Message Not Sent: another app is controlling this thread now", 2018300)
        self._check_window(fields, user)
        check_message(message, call.files)
        mid = f"m_o{next(self._numbers)}"
        self.messages.setdefault(user, []).append(message)
        await self._echo(user, {"mid": mid, "text": message.get("text", "")}, self.app_id)
        return {"recipient_id": user, "message_id": mid}

    def _check_window(self, fields: Fields, user: str) -> None:
        silent_ms = self.now_ms - self.last_ms[user]
        if fields.get("messaging_type") == "MESSAGE_TAG":
            need(fields.get("tag") == "HUMAN_AGENT", 100, "retired tag", 1893061)
            need(self.human_agent, 10, "App does not have the Human Agent permission")
            need(silent_ms <= 7 * 24 * HOUR_MS, 10, "This message is sent outside of allowed window.", 2018278)
            return
        need(fields.get("messaging_type") in ("RESPONSE", "UPDATE") and "tag" not in fields, 100, "messaging_type")
        need(silent_ms <= 24 * HOUR_MS, 10, "This message is sent outside of allowed window.", 2018278)


def check_message(message: Fields, files: dict[str, tuple[str, bytes]]) -> None:
    need(not message.keys() - {"text", "attachment", "quick_replies", "metadata"}, 100, "unknown field")
    need(("text" in message) != ("attachment" in message), 100, "text or attachment: not both, not none", 2018034)
    if "text" in message:
        need(len(message["text"].strip()) > 0 and len(message["text"]) <= 2000, 100, "text has 1 to 2000 characters")
    replies = message.get("quick_replies")
    need(replies is None or 1 <= len(replies) <= 13, 100, "1 to 13 quick replies")
    for reply in replies or ():
        need(reply["content_type"] in ("text", "user_phone_number"), 100, "content_type")
        if reply["content_type"] == "text":
            check_button(reply)
    if "attachment" not in message:
        return
    payload = message["attachment"]["payload"]
    match message["attachment"]["type"]:
        case "template":
            need(payload["template_type"] == "button" and 1 <= len(payload["buttons"]) <= 3, 100, "1 to 3 buttons")
            need(0 < len(payload["text"]) <= 640, 100, "a template's text has 1 to 640 characters")
            for button in payload["buttons"]:
                need(button["type"] == "postback", 100, "button type")
                check_button(button)
        case "image" | "audio" | "video" | "file" as kind:
            need(("url" in payload) != ("filedata" in files), 100, "url or filedata")
            need(payload.get("url", "https://").startswith("https://"), 100, "url is not https")
            size = len(files.get("filedata", ("", b""))[1])
            need(size <= (8_000_000 if kind == "image" else 25_000_000), 100, "file is too big", 2018047)
        case _:
            raise Refused(100, "attachment type")


def check_button(button: Fields) -> None:
    need(0 < len(button["title"]) <= 20, 100, "title has 1 to 20 characters")
    need(0 < len(button["payload"]) <= 1000, 100, "payload has 1 to 1000 characters")
