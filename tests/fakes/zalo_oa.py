"""Zalo's OA API and its OAuth on 127.0.0.1: answers HTTP 200 whatever happens, keeps every call, sends signed webhooks.

Stricter than the real one where that finds mistakes: a field it does not know is refused. One app, one OA; tokens live
by the fake's clock, refresh tokens work once. `async with FakeZaloOa() as zalo:` serves both hosts at `.base_url`.
"""

import base64
import hashlib
import json
import unicodedata
from itertools import count
from typing import Any

from aiohttp import web

from tests.fakes.served import Fields, Received, Served, read

HOUR_MS = 3_600_000
WINDOW_MS, FREE_MS, KEPT_MS = 7 * 24 * HOUR_MS, 48 * HOUR_MS, 7 * 24 * HOUR_MS
ACCESS_S = 90_000
UPLOADS = {"image": (1_000_000, (b"\xff\xd8", b"\x89PNG")), "file": (5_000_000, (b"%PDF", b"PK", b"\xd0\xcf"))}
BUTTON_TYPES = {"oa.query.show", "oa.query.hide"}


class Refused(Exception):
    def __init__(self, code: int, says: str) -> None:
        super().__init__(says)
        self.answer = {"error": code, "message": says}


def need(true: object, code: int, says: str) -> None:
    if not true:
        raise Refused(code, says)


class FakeZaloOa(Served):
    def __init__(
        self, app_id: str = "7001", oa: str = "9001", secret: str = "oa-key", app_secret: str = "app-key"
    ) -> None:
        super().__init__()
        self.app_id, self.oa, self.secret, self.app_secret = app_id, oa, secret, app_secret
        #: which form of buttons is taken: "off", "form1", "form3"
        self.buttons = "off"
        #: "app_id/body" as documented; also "oa_id/..." and ".../header"
        self.signing = "app_id/body"
        self.echoes = True
        self.verified = True
        self.messages: dict[str, list[Fields]] = {}
        #: when each user last did something towards the OA
        self.last_ms: dict[str, int] = {}
        self.uploads: dict[str, tuple[int, bytes]] = {}
        self._codes: dict[str, tuple[int, str]] = {}
        self._access: dict[str, int] = {}
        self._refresh: dict[str, bool] = {}
        self._numbers = count(1)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v4/oa/access_token", self._oauth),
            web.post("/v3.0/oa/message/cs", self._api("cs", self._send)),
            web.post("/v2.0/oa/message", self._api("v2", self._old)),
            web.post("/v2.0/oa/upload/{kind}", self._api("upload", self._upload)),
            web.get("/v3.0/oa/user/detail", self._api("detail", self._detail)),
            web.get("/v2.0/oa/getoa", self._api("getoa", self._about)),
            web.post("/v3.0/oa/quota/message", self._api("quota", self._quota)),
        ]

    # --- what a test does ---

    def consent(self, challenge: str) -> str:
        """An admin says yes: the code of the redirect, for 10 minutes and one use."""
        code = f"code{next(self._numbers)}"
        self._codes[code] = (self.now_ms + 600_000, challenge)
        return code

    def granted(self) -> str:
        """An access token without the ceremony."""
        return str(self._pair()["access_token"])

    def refresh_token(self) -> str:
        """One that was not used yet."""
        return str(self._pair()["refresh_token"])

    async def says(self, user: str, text: str = "", kind: str = "text", **more: Any) -> int:
        """A user writes; `more` are further fields of the message. The webhook's status, 0 when nobody is there."""
        message = {"msg_id": f"u{next(self._numbers)}"} | ({"text": text} if text else {}) | more
        return await self.happens(f"user_send_{kind}", user, message=message)

    async def press(self, user: str, label: str) -> int:
        """A user presses a button of the newest message: its payload comes as a text."""
        attachment = self.messages[user][-1]["attachment"]["payload"]
        buttons = attachment.get("buttons") or attachment["elements"][0]["buttons"]
        return await self.says(user, next(button["payload"] for button in buttons if button["title"] == label))

    async def happens(self, event: str, user: str, **more: Any) -> int:
        """Anything that a user does towards the OA: it opens the window."""
        self.last_ms[user] = self.now_ms
        return await self.deliver(event, {"sender": {"id": user}, "recipient": {"id": self.oa}} | more)

    async def admin_says(self, user: str, text: str, admin: str = "8001") -> int:
        """A person answers in Zalo's staff screen."""
        sender = {"id": self.oa, "admin_id": admin}
        message = {"msg_id": f"o{next(self._numbers)}", "text": text}
        return await self.deliver("oa_send_text", {"sender": sender, "recipient": {"id": user}, "message": message})

    async def deliver(self, event: str, fields: Fields) -> int:
        body = {"app_id": self.app_id, "user_id_by_app": "3001", "event_name": event, "timestamp": str(self.now_ms)}
        raw = json.dumps(body | fields, ensure_ascii=False, separators=(",", ":")).encode()
        self.delivered.append(body | fields)
        return await self.post_webhook(raw, self.signature(raw))

    def signature(self, raw: bytes) -> dict[str, str]:
        first, _, where = self.signing.partition("/")
        # a header that is not signed with says another time
        stamp = str(self.now_ms) if where == "body" else str(self.now_ms + 1)
        signed = (self.app_id if first == "app_id" else self.oa).encode() + raw + stamp.encode() + self.secret.encode()
        return {
            "X-ZEvent-Signature": f"mac={hashlib.sha256(signed).hexdigest()}",
            "X-ZEvent-Timestamp": str(self.now_ms + 1),
        }

    # --- OAuth ---

    async def _oauth(self, request: web.Request) -> web.StreamResponse:
        async def answer(call: Received) -> Fields:
            form = call.fields
            if request.headers.get("secret_key") != self.app_secret:
                return _no_token(-14004, "Invalid secret key")
            if form.get("app_id") != self.app_id:
                return _no_token(-14002, "Invalid app id")
            if form.get("grant_type") == "authorization_code":
                until, challenge = self._codes.pop(form.get("code", ""), (0, ""))
                if self.now_ms > until or challenge != _challenge(form.get("code_verifier", "")):
                    return _no_token(-14014, "Invalid code")
                return self._pair()
            token = form.get("refresh_token", "")
            if form.get("grant_type") != "refresh_token" or token not in self._refresh:
                return _no_token(-14014, "Invalid refresh token")
            if self._refresh[token]:
                return _no_token(-14020, "Refresh token expired")
            self._refresh[token] = True
            return self._pair()

        if request.content_type != "application/x-www-form-urlencoded":
            return web.json_response(_no_token(-14001, "form expected"))
        return await self.carried(request, await read(request, "oauth"), answer)

    def _pair(self) -> Fields:
        number = next(self._numbers)
        self._access[f"access{number}"] = self.now_ms + ACCESS_S * 1000
        self._refresh[f"refresh{number}"] = False
        pair = {"access_token": f"access{number}", "refresh_token": f"refresh{number}"}
        return pair | {"expires_in": str(ACCESS_S)}  # a string

    # --- the API ---

    def _api(self, what: str, carry_out: Any) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            async def answer(call: Received) -> Fields:
                try:
                    until = self._access.get(request.headers.get("access_token", ""), 0)
                    need(until, -216, "Access token is invalid")
                    need(self.now_ms < until, -220, "Access token has expired")
                    return {"data": await carry_out(call), "error": 0, "message": "Success"}
                except Refused as refused:
                    return refused.answer
                except (LookupError, TypeError, ValueError, AttributeError) as odd:
                    return Refused(-201, repr(odd)).answer

            name = f"{what}/{request.match_info['kind']}" if "kind" in request.match_info else what
            try:
                asked = {key: json.loads(value) for key, value in request.query.items()}
                call = Received(what=name, fields=asked) if request.method == "GET" else await read(request, name)
            except ValueError as odd:
                return web.json_response(Refused(-201, str(odd)).answer)
            return await self.carried(request, call, answer)

        return handle

    async def _send(self, call: Received) -> Fields:
        need(call.fields.keys() == {"recipient", "message"}, -201, "recipient and message, nothing else")
        need(call.fields["recipient"].keys() == {"user_id"}, -201, "user_id is not in the recipient")
        user, message = call.fields["recipient"]["user_id"], call.fields["message"]
        need(isinstance(user, str), -201, "user_id is not a string")
        need(user in self.last_ms, -232, "User has not interacted with the OA")
        need(
            self.now_ms - self.last_ms[user] <= WINDOW_MS,
            -230,
            "User has not interacted with the OA in the past 7 days",
        )
        self._check(message)
        message_id = f"o{next(self._numbers)}"
        self.messages.setdefault(user, []).append({"msg_id": message_id} | message)
        free = self.now_ms - self.last_ms[user] <= FREE_MS
        if self.echoes:  # before our own answer, as it can be
            shown = {"msg_id": message_id} | ({"text": message["text"]} if "text" in message else {})
            both = {"sender": {"id": self.oa}, "recipient": {"id": user}}
            await self.deliver("oa_send_text", both | {"message": shown})
            await self.deliver("user_received_message", both | {"message": {"msg_id": message_id}})
        data = {"message_id": message_id, "user_id": user, "sent_time": str(self.now_ms)}
        return data | ({"quota": {"quota_type": "reply"}} if free else {})

    def _check(self, message: Fields) -> None:
        need(not message.keys() - {"text", "attachment", "quote_message_id"} and message, -201, "unknown field")
        if "text" in message:
            text = message["text"]
            need(isinstance(text, str) and text.strip(), -201, "text is empty")
            need(len(text) <= 2000, -210, "text is longer than 2000")
            need(text == unicodedata.normalize("NFC", text), -201, "text is not NFC")
        if "attachment" not in message:
            return
        attachment = message["attachment"]
        need(attachment.keys() == {"type", "payload"}, -201, "attachment has type and payload")
        payload = attachment["payload"]
        if attachment["type"] == "file":
            need("text" not in message, -201, "no text beside a file")
            self._uploaded(payload["token"])
            return
        need(attachment["type"] == "template", -233, "attachment type is not supported")
        match payload.get("template_type"):
            case "media":
                for element in payload["elements"]:
                    need(element["media_type"] in ("image", "gif", "sticker"), -201, "media_type")
                    need(("url" in element) != ("attachment_id" in element), -201, "url or attachment_id, never both")
                    need(element.get("url", "https://").startswith("https://"), -201, "url is not https")
                    if "attachment_id" in element:
                        self._uploaded(element["attachment_id"])
            case "request_user_info":
                (element,) = payload["elements"]
                need(0 < len(element["title"]) <= 100 and 0 < len(element["subtitle"]) <= 500, -201, "title, subtitle")
            case "list":
                need(self.buttons == "form3", -233, "Message type is not supported")
                for element in payload["elements"]:
                    need(element["title"] and element["subtitle"], -201, "subtitle is empty")
                    check_buttons(element["buttons"])
            case None:
                need(self.buttons == "form1", -233, "Message type is not supported")
                check_buttons(payload["buttons"])
            case _:
                raise Refused(-201, "template_type")

    def _uploaded(self, upload_id: str) -> None:
        at, _ = self.uploads.get(upload_id, (0, b""))
        need(self.now_ms - at <= KEPT_MS, -100, "attachment id is invalid")

    async def _upload(self, call: Received) -> Fields:
        kind = call.what.removeprefix("upload/")
        need(kind in UPLOADS and call.files.keys() == {"file"} and not call.fields, -201, "one field: file")
        most, beginnings = UPLOADS[kind]
        _, data = call.files["file"]
        need(len(data) <= most, -210, f"file is over {most} bytes")
        need(data.startswith(beginnings), -201, "file type is not supported")
        upload_id = f"up{next(self._numbers)}"
        self.uploads[upload_id] = (self.now_ms, data)
        return {"attachment_id" if kind == "image" else "token": upload_id}

    async def _detail(self, call: Received) -> Fields:
        user = call.fields["data"]["user_id"]
        need(user in self.last_ms, -201, "user_id is invalid")
        return {"user_id": user, "display_name": f"Person {user}", "user_is_follower": True, "shared_info": {}}

    async def _about(self, _call: Received) -> Fields:
        about = {"oa_id": self.oa, "name": "Xã Ví Dụ", "is_verified": self.verified, "num_follower": 3}
        return about | {"package_name": "Dùng thử", "package_valid_through_date": "31/12/2026"}

    async def _quota(self, call: Received) -> Fields:
        need(call.fields["user_id"] in self.last_ms, -201, "user_id is invalid")
        return {"quota_type": "reply", "remain": 8, "total": 8}

    async def _old(self, call: Received) -> Fields:
        """What is left of v2: reactions, and visitors of the web widget."""
        recipient = call.fields["recipient"]
        if "sender_action" in call.fields:
            action = call.fields["sender_action"]
            need(action.keys() == {"react_icon", "react_message_id"}, -201, "sender_action")
            return {"message_id": ""}
        need(recipient.keys() == {"anonymous_id", "conversation_id"}, -240, "This API was shut down, use v3")
        self._check(call.fields["message"])
        self.messages.setdefault(recipient["anonymous_id"], []).append(call.fields["message"])
        return {"message_id": f"o{next(self._numbers)}"}


def check_buttons(buttons: list[Fields]) -> None:
    need(0 < len(buttons) <= 5, -210, "1 to 5 buttons")
    for button in buttons:
        need(button.keys() == {"title", "type", "payload"} and button["type"] in BUTTON_TYPES, -201, "button")
        need(0 < len(button["title"]) <= 100 and 0 < len(button["payload"]) <= 1000, -210, "button title or payload")


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _no_token(code: int, name: str) -> Fields:
    return {"error": code, "error_name": name, "error_reason": "", "error_description": "", "ref_doc": ""}
