"""The Telegram channel: Bot API updates to Inbound and Reached, Outgoing to Bot API calls.

Residents write in private chats; of groups only the team's own chat is heard. Never shows the bot token: it is in no
message and in no repr of Telegram (it is in Call.path, so a Call is not for logs).
"""

import hmac
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from bot.capabilities import TELEGRAM
from bot.channel import OURS, Call, Outgoing, Parsed, Receipt, SendError, Touched, Upload, Webhook, split
from bot.channels import _telegram_reading as reading
from bot.channels._telegram_reading import Object
from bot.channels._wire import loads, written
from bot.model import Attachment, Inbound, MediaKind

HEARD = ("message", "edited_message", "callback_query", "my_chat_member")
TEXT_LIMIT = TELEGRAM.text_limit
CAPTION_LIMIT = TELEGRAM.caption_limit
CHOICE_ID_LIMIT_BYTES = 64
TOPIC_LIMIT = 128
PHOTO_LIMIT_BYTES = TELEGRAM.photo_limit_bytes
#: labels longer than this get a row of their own
SHORT_LABEL = 15
#: how far past the newest known message id `ask` goes
PROBES_PAST = 3
PAUSE_S = 5.0

# kind: method, field, and a name for a file without one
_FILES: dict[MediaKind, tuple[str, str, str]] = {
    "photo": ("sendPhoto", "photo", "photo.jpg"),
    "voice": ("sendVoice", "voice", "voice.ogg"),
    "audio": ("sendAudio", "audio", "audio.mp3"),
    "video": ("sendVideo", "video", "video.mp4"),
    "note": ("sendVideoNote", "video_note", "video.mp4"),
    "animation": ("sendAnimation", "animation", "animation.mp4"),
    "sticker": ("sendSticker", "sticker", "sticker.webp"),
    "file": ("sendDocument", "document", "file"),
}
#: these take no text of their own
_WORDLESS: frozenset[MediaKind] = frozenset({"sticker", "note"})
#: what is done to a topic, in order
_TOPIC_CALLS = {
    "open": ("createForumTopic",),
    "again": ("reopenForumTopic", "editForumTopic"),
    "done": ("editForumTopic", "closeForumTopic"),
}
_NO_THREAD = ("message thread not found", "TOPIC_ID_INVALID", "TOPIC_DELETED", "TOPIC_CLOSED", "not a forum")
_ASKS = {
    "location": {"text": "📍 Gửi vị trí", "request_location": True},
    "phone": {"text": "📞 Gửi số điện thoại", "request_contact": True},
}
_COMMANDS = {
    "menu": "Xem các việc",
    "nguoi": "Gặp người thật",
    "quaylai": "Quay lại bước trước",
    "dung": "Dừng",
}


class Telegram:
    """One bot. `secret` comes back in the header of each webhook; `team_chat` is the id of the team's group."""

    capabilities = TELEGRAM

    def __init__(self, token: str, secret: str, team_chat: str = "") -> None:
        self._token = token
        self._secret = secret
        self._team_chat = team_chat

    # --- in ---

    def verify(self, webhook: Webhook) -> bool:
        """Without a secret nothing is believed."""
        given = webhook.headers.get("x-telegram-bot-api-secret-token", "")
        return bool(self._secret) and hmac.compare_digest(given.encode("utf-8", "replace"), self._secret.encode())

    def parse(self, webhook: Webhook) -> Parsed:
        """A press is dated by its message, for Telegram gives no other time (1970 when the message is gone)."""
        key, answer = "", b""
        try:
            raw = loads(webhook.body)
            key = str(int(raw["update_id"]))
            kind = next((name for name in raw if name != "update_id"), "")
            if kind not in HEARD:
                return Parsed(key=key, unknown=kind or "empty")
            if kind == "callback_query":
                answer = written({"method": "answerCallbackQuery", "callback_query_id": raw[kind]["id"]})
                return Parsed(key=key, answer=answer, happened=self._pressed(raw[kind]))
            if kind == "my_chat_member":
                return Parsed(key=key, happened=reading.reached(raw[kind]))
            message = raw[kind]
            happened = self._said(message, edited=kind == "edited_message")
            known = happened or reading.has_content(message) or not self._hears(message["chat"])
            return Parsed(key=key, happened=happened, unknown="" if known else reading.service(message))
        except reading.MALFORMED:
            return Parsed(key=key, unknown="malformed", answer=answer)

    def _hears(self, chat: Object) -> bool:
        return reading.is_private(chat) or reading.number(chat["id"]) == self._team_chat

    def _said(self, message: Object, *, edited: bool) -> tuple[Inbound, ...]:
        """Empty for other groups, bots, moving live locations and service messages."""
        sender = message.get("from")
        if not self._hears(message["chat"]) or not sender or sender["is_bot"] or not reading.has_content(message):
            return ()
        if edited and message.get("location"):
            return ()
        return (reading.said(message, edited=edited),)

    def _pressed(self, query: Object) -> tuple[Inbound, ...]:
        """Empty when the press is on an inline-mode message, in a foreign group, or without data."""
        message, by_a_bot = query.get("message"), query["from"]["is_bot"]
        if not message or query.get("data") is None or by_a_bot or not self._hears(message["chat"]):
            return ()
        return (reading.pressed(query),)

    # --- out ---

    def render(self, outgoing: Outgoing) -> tuple[Call, ...]:
        """Files first, then text; one file takes a short text as its caption. Nothing to show: no calls.

        The body of a call with an upload is a JSON object of strings: each is a form field.
        """
        if outgoing.topic:
            return self._topic(outgoing)
        texts = split(outgoing.text, TEXT_LIMIT)
        to = {"chat_id": int(outgoing.chat)} | ({"message_thread_id": int(outgoing.thread)} if outgoing.thread else {})
        drafts = [(method, to | fields, upload) for method, fields, upload in map(_draft, outgoing.attachments)]
        if _fits_caption(outgoing):
            drafts[0][1]["caption"] = texts[0]
            texts = ()
        for place, text in enumerate(texts):
            fields = {"text": text, "link_preview_options": {"is_disabled": True}}
            if outgoing.edits and not place:
                changed = {"chat_id": int(outgoing.chat), "message_id": int(outgoing.edits)}
                drafts.append(("editMessageText", changed | fields, None))
            else:
                drafts.append(("sendMessage", to | fields, None))
        if drafts and (markup := _markup(outgoing)):
            drafts[-1][1]["reply_markup"] = markup
        return tuple(self._call(method, fields, upload) for method, fields, upload in drafts)

    def _topic(self, outgoing: Outgoing) -> tuple[Call, ...]:
        calls = []
        for method in _TOPIC_CALLS[outgoing.topic]:
            fields: dict[str, Any] = {"chat_id": int(outgoing.chat)}
            if method != "createForumTopic":
                fields["message_thread_id"] = int(outgoing.thread)
            if method in ("createForumTopic", "editForumTopic"):
                fields["name"] = outgoing.text[:TOPIC_LIMIT]
            calls.append(self._call(method, fields))
        return tuple(calls)

    def receipt(self, call: Call, status: int, body: bytes) -> Receipt:
        """Of a new topic the id is its thread."""
        result = _result(call, status, body)
        found = result.get("message_id", result.get("message_thread_id", ""))
        return Receipt(remote_id=str(found), file_id=_file_id(result, call.upload) if call.upload else "")

    def ask(self, outgoing: Outgoing, after: int, known: frozenset[int], upto: int) -> Iterator[Call]:
        """Tries to give each possible id the keyboard that our message has. In a group it may meet another: `touched`.

        Ids rise by one counter for all private chats of a bot, and by one for each supergroup. Only what goes as
        one message can be asked for, a picture with its words among it. A reply keyboard cannot be given again, so such
        a message is only touched.
        """
        markup = _markup(outgoing)
        if outgoing.edits or outgoing.topic or len(self.render(outgoing)) != 1:
            return
        same = {"reply_markup": markup} if "inline_keyboard" in markup else {}
        for number in range(after + 1, upto + PROBES_PAST + 1):
            if number not in known:
                fields = {"chat_id": int(outgoing.chat), "message_id": number} | same
                yield self._call("editMessageReplyMarkup", fields, carries=False)

    def arrived(self, outgoing: Outgoing, call: Call, status: int, body: bytes) -> str:
        """Raises SendError when the answer says neither yes nor no (a limit, an outage): ask again later.

        Telegram says "can't be edited" of a message that is there but carries a reply keyboard, or is a person's own;
        of the latter the ids are known to the caller.
        """
        try:
            return self.receipt(call, status, body).remote_id
        except SendError as refused:
            if "can't be edited" in str(refused) and "keyboard" in _markup(outgoing):
                return str(json.loads(call.body)["message_id"])
            if refused.permanent and not refused.blocked:
                return ""
            raise

    def touched(self, outgoing: Outgoing, status: int, body: bytes) -> Touched | None:
        try:
            result = _answer(status, body).get("result")
        except SendError:
            return None
        if not isinstance(result, dict):
            return None
        text = result.get("text", result.get("caption", ""))
        if not text or text.strip() == outgoing.text.strip():
            return None
        return Touched(message_id=int(result["message_id"]), text=text)

    # --- beside messages: none of these calls carries one ---

    def get_me(self) -> Call:
        return self._call("getMe", {}, carries=False)

    def set_commands(self) -> Call:
        commands = [{"command": name, "description": says} for name, says in _COMMANDS.items()]
        return self._call("setMyCommands", {"commands": commands}, carries=False)

    def set_webhook(self, url: str) -> Call:
        fields = {"url": url, "secret_token": self._secret, "allowed_updates": HEARD, "max_connections": 100}
        return self._call("setWebhook", fields, carries=False)

    def delete_webhook(self) -> Call:
        """What waits at Telegram is kept: it comes with the first get_updates."""
        return self._call("deleteWebhook", {}, carries=False)

    def get_updates(self, offset: int, timeout_s: int) -> Call:
        """Long polling. `offset` is the newest Parsed.key + 1: Telegram then forgets all before it."""
        fields = {"offset": offset, "timeout": timeout_s, "allowed_updates": HEARD}
        return self._call("getUpdates", fields, carries=False)

    def updates(self, body: bytes) -> tuple[bytes, ...]:
        """The updates in an answer to get_updates, each as the body of a webhook. Raises SendError."""
        found = _answer(0, body).get("result")
        if not isinstance(found, list):
            raise SendError("Telegram's answer to getUpdates has no list of updates")
        return tuple(written(update) for update in found)

    def answer_press(self, parsed: Parsed) -> Call:
        """The call in Parsed.answer on its own, for polling, where there is no 200 it could ride in."""
        fields = json.loads(parsed.answer)
        return self._call(fields.pop("method"), fields, carries=False)

    def get_file(self, file_id: str) -> Call:
        return self._call("getFile", {"file_id": file_id}, carries=False)

    def file_path(self, body: bytes) -> str:
        """Where the bytes are, after the channel's base URL, from an answer to get_file. Holds the token. SendError."""
        result = _answer(0, body).get("result")
        if not isinstance(result, dict) or not isinstance(path := result.get("file_path"), str):
            raise SendError("Telegram gives no path for this file", permanent=True)
        return f"/file/bot{self._token}/{quote(path)}"

    def _call(self, method: str, fields: dict[str, Any], upload: Upload | None = None, *, carries: bool = True) -> Call:
        if upload:
            fields = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
        return Call(path=f"/bot{self._token}/{method}", body=written(fields), upload=upload, carries=carries)


def _draft(attachment: Attachment) -> tuple[str, dict[str, Any], Upload | None]:
    """Method, fields and upload of one file.

    A file that lies with Telegram must be sent as the kind that it was sent as. Of uploads only voices and small enough
    photos keep their kind.
    """
    method, field, name = _FILES[attachment.kind]
    if not attachment.ref.startswith(OURS):
        return method, {field: attachment.ref}, None
    if attachment.kind not in ("photo", "voice") or attachment.size_bytes > PHOTO_LIMIT_BYTES:
        method, field, _ = _FILES["file"]
    return method, {}, Upload(field=field, ref=attachment.ref, name=attachment.name or name)


def _file_id(result: Object, upload: Upload) -> str:
    """Of what kept its kind: a photo that had to go as a document cannot be sent as a photo by that id."""
    sent = result.get(upload.field) if upload.field in ("photo", "voice") else None
    file = sent[-1] if isinstance(sent, list) and sent else sent
    found = file.get("file_id") if isinstance(file, dict) else None
    return found if isinstance(found, str) else ""


def _fits_caption(outgoing: Outgoing) -> bool:
    if len(outgoing.attachments) != 1 or outgoing.attachments[0].kind in _WORDLESS or outgoing.edits:
        return False
    return 0 < len(outgoing.text.strip()) <= CAPTION_LIMIT


def _markup(outgoing: Outgoing) -> dict[str, Any]:
    """Choices as buttons under the message; else a key that sends a position or number (private chats only)."""
    if outgoing.choices:
        buttons = []
        for choice, choice_id in zip(outgoing.choices, outgoing.choice_ids, strict=True):
            if not 1 <= len(choice_id.encode()) <= CHOICE_ID_LIMIT_BYTES:
                raise ValueError(f"choice id {choice_id!r}: Telegram takes 1 to {CHOICE_ID_LIMIT_BYTES} bytes")
            buttons.append({"text": choice.label, "callback_data": choice_id})
        width = 1 if any(len(choice.label) > SHORT_LABEL for choice in outgoing.choices) else 2
        return {"inline_keyboard": [buttons[start : start + width] for start in range(0, len(buttons), width)]}
    if outgoing.ask and not outgoing.edits and not outgoing.chat.startswith("-"):
        return {"keyboard": [[_ASKS[outgoing.ask]]], "one_time_keyboard": True, "resize_keyboard": True}
    return {}


def _answer(status: int, body: bytes) -> dict[str, Any]:
    """The answer's JSON object when it says ok. Raises SendError; `status` 0: only the body is known."""
    try:
        answer = loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise SendError(f"Telegram answered {status} without a JSON object", uncertain=True)
    if answer.get("ok") is True:
        return answer
    code = answer.get("error_code", status)
    says = f"Telegram answered {code}: {answer.get('description', '')}"
    more = answer.get("parameters")
    parameters: dict[str, Any] = more if isinstance(more, dict) else {}
    if code == 429:
        pause = parameters.get("retry_after")
        raise SendError(says, retry_after_s=float(pause) if isinstance(pause, (int, float)) else PAUSE_S)
    if moved_to := parameters.get("migrate_to_chat_id"):
        raise SendError(says, moved_to=str(moved_to))
    if code == 403:
        raise SendError(says, permanent=True, blocked=True)
    if code in (401, 404):
        raise SendError(f"{says}: check the bot token in the settings", misconfigured=True)
    if code == 409:
        raise SendError(f"{says}: one process polls, and only without a webhook", misconfigured=True)
    refused = isinstance(code, int) and 400 <= code < 500
    nobody, no_thread = "chat not found" in says, any(why in says for why in _NO_THREAD)
    raise SendError(says, permanent=refused, blocked=nobody, no_thread=no_thread, uncertain=not refused)


def _result(call: Call, status: int, body: bytes) -> dict[str, Any]:
    """The result's fields, {} for a mere true. An edit that changes nothing has succeeded."""
    try:
        result = _answer(status, body).get("result")
    except SendError as refused:
        if refused.permanent and "message is not modified" in str(refused):
            return {"message_id": json.loads(call.body)["message_id"]}
        if refused.permanent and "TOPIC_NOT_MODIFIED" in str(refused):
            return {}
        raise
    return result if isinstance(result, dict) else {}
