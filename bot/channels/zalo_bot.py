"""The Zalo Bot Platform channel: its webhooks to Inbound, Outgoing to its calls. For a few people, not for a commune.

The free plan lets 50 people and 3,000 messages a month through. No buttons, files or locations either way: choices are
numbered lines. Only private chats are heard. The bot's token is in no message and no repr (it is in Call.path).
"""

import hmac
from typing import Any

from bot.capabilities import ZALO_BOT
from bot.channel import NOT_CARRIED, Call, Outgoing, Parsed, Receipt, SendError, Webhook, listed
from bot.channels._wire import Fields, Unasked, fields, instant, opened, word, written
from bot.model import Attachment, Inbound, MediaKind

TEXT_LIMIT = ZALO_BOT.text_limit
SECRET_HEADER = "x-bot-api-secret-token"  # noqa: S105
PAUSE_S = 60.0
#: what comes back from nowhere but the next month, or a paid plan
QUOTA_PAUSE_S = 3600.0

_EVENTS = frozenset(f"message.{kind}.received" for kind in ("text", "image", "sticker", "voice", "unsupported", "link"))
#: where a message keeps its file: the newer field first
_FILES: dict[MediaKind, tuple[str, ...]] = {
    "photo": ("photo_url", "photo"),
    "voice": ("voice_url", "voice"),
    "sticker": ("url", "sticker"),
}


class ZaloBot(Unasked):
    """One bot. `secret` (8 to 256 characters) comes back in the header of each webhook."""

    capabilities = ZALO_BOT

    def __init__(self, token: str, secret: str) -> None:
        self._token = token
        self._secret = secret

    # --- in ---

    def verify(self, webhook: Webhook) -> bool:
        """Probes with an empty body were seen: they say nothing, so they may pass."""
        given = webhook.headers.get(SECRET_HEADER, "").encode("utf-8", "replace")
        return not webhook.body or (bool(self._secret) and hmac.compare_digest(given, self._secret.encode()))

    def parse(self, webhook: Webhook) -> Parsed:
        """The pages show {"ok", "result": {...}}, real requests come without that wrapping: both are read."""
        raw = opened(webhook.body)
        if raw is None:
            return Parsed(unknown="malformed" if webhook.body else "probe")
        update = fields(raw["result"]) if "result" in raw else raw
        event, message = word(update.get("event_name")), fields(update.get("message"))
        key, chat = word(message.get("message_id")), fields(message.get("chat"))
        if event not in _EVENTS:
            return Parsed(key=key, unknown=event[:80] or "malformed")
        if not message:  # of what Zalo does not show a bot: nobody to answer
            return Parsed(unknown=event)
        sender = fields(message.get("from"))
        if chat.get("chat_type") == "GROUP" or sender.get("is_bot") is True:
            return Parsed(key=key)
        if not key or not word(chat.get("id")):
            return Parsed(key=key, unknown="malformed")
        said = Inbound(
            channel="zalo_bot",
            chat=word(chat.get("id")),
            message_id=key,
            sent_at=instant(message.get("date")),
            text=_text(message),
            attachments=_attachments(message),
            sender=word(sender.get("id")),
            sender_name=word(sender.get("display_name")),
        )
        return Parsed(key=key, happened=(said,))

    # --- out ---

    def render(self, outgoing: Outgoing) -> tuple[Call, ...]:
        """Only a photo with a public address can go; a single one takes a short text as its caption."""
        if outgoing.topic:  # Zalo has none
            return ()
        photos = [one.ref for one in outgoing.attachments if one.kind == "photo" and one.ref.startswith("https://")]
        lines = [outgoing.text.strip()] + [NOT_CARRIED] * (len(photos) < len(outgoing.attachments))
        texts = listed("\n\n".join(line for line in lines if line), outgoing.choices, TEXT_LIMIT)
        to = {"chat_id": outgoing.chat}
        drafts: list[tuple[str, dict[str, Any]]] = [("sendPhoto", to | {"photo": photo}) for photo in photos]
        if len(photos) == len(texts) == 1:
            drafts[0][1]["caption"] = texts[0]
        else:
            drafts += [("sendMessage", to | {"text": text}) for text in texts]
        return tuple(self._call(method, sent) for method, sent in drafts)

    def receipt(self, call: Call, status: int, body: bytes) -> Receipt:  # noqa: ARG002
        return Receipt(remote_id=word(fields(_answer(status, body).get("result")).get("message_id")))

    # --- beside messages: none of these calls carries one ---

    def get_me(self) -> Call:
        return self._call("getMe", {}, carries=False)

    def typing(self, chat: str) -> Call:
        return self._call("sendChatAction", {"chat_id": chat, "action": "typing"}, carries=False)

    def set_webhook(self, url: str) -> Call:
        return self._call("setWebhook", {"url": url, "secret_token": self._secret}, carries=False)

    def delete_webhook(self) -> Call:
        return self._call("deleteWebhook", {}, carries=False)

    def get_webhook_info(self) -> Call:
        return self._call("getWebhookInfo", {}, carries=False)

    def webhook_url(self, status: int, body: bytes) -> str:
        """The address in an answer to get_webhook_info; "" when none is set, which Zalo says with a 404. SendError."""
        answer = opened(body)
        if answer is not None and answer.get("ok") is False and answer.get("error_code") == 404:
            return ""
        return word(fields(_answer(status, body).get("result")).get("url"))

    def get_updates(self, timeout_s: int) -> Call:
        """Polling, for trying out only: Zalo knows no acknowledgement and gives the same update again at each poll."""
        return self._call("getUpdates", {"timeout": timeout_s}, carries=False)

    def update(self, status: int, body: bytes) -> bytes:
        """The update in an answer to get_updates, as a webhook has it; empty when there was none (408). SendError."""
        answer = opened(body)
        if answer is not None and answer.get("ok") is False and answer.get("error_code") == 408:
            return b""
        found = fields(_answer(status, body).get("result"))
        return written(found) if found else b""

    def _call(self, method: str, sent: dict[str, Any], *, carries: bool = True) -> Call:
        return Call(path=f"/bot{self._token}/{method}", body=written(sent), carries=carries)


def _text(message: Fields) -> str:
    lines = [word(message.get(name)) for name in ("text", "caption", "link")]
    return "\n".join(dict.fromkeys(line for line in lines if line))


def _attachments(message: Fields) -> tuple[Attachment, ...]:
    for kind, names in _FILES.items():
        if ref := next((found for name in names if (found := word(message.get(name)))), ""):
            return (Attachment(kind=kind, ref=ref),)
    return ()


def _answer(status: int, body: bytes) -> Fields:
    """The answer's JSON object when it says ok. Raises SendError."""
    answer = opened(body)
    if answer is None:
        raise SendError(f"Zalo Bot answered {status} without a JSON object", uncertain=True)
    if answer.get("ok") is True:
        return answer
    code = answer.get("error_code", status)
    says = f"Zalo Bot answered {str(code)[:20]}: {word(answer.get('description'))[:200]}"
    if code == 429 and "quota" in says.lower():
        raise SendError(f"{says}: the month's messages are used up", retry_after_s=QUOTA_PAUSE_S, whole=True)
    if code == 429:
        raise SendError(says, retry_after_s=PAUSE_S, whole=True)
    if code == 403:
        raise SendError(says, permanent=True, blocked=True)
    if code in (401, 404):
        raise SendError(f"{says}: check the bot token in the settings", misconfigured=True)
    if code == 408:  # of a poll: nothing came
        raise SendError(says, uncertain=True)
    refused = isinstance(code, int) and 400 <= code < 500
    raise SendError(says, permanent=refused, uncertain=not refused)
