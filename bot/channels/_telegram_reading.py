"""Telegram's Update objects, read: https://core.telegram.org/bots/api#update, Bot API 9.

Each reader takes an object as JSON gave it and raises one of MALFORMED when a field that Telegram always sends is
missing or has another shape. Fields that are not looked for are never touched: a press carries the whole message under
its buttons, and a library that makes an object of each part costs more than everything else that is done with it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.channels._wire import MOST_STORED, point, whole, word
from bot.model import Attachment, Contact, Inbound, MediaKind, Point, Reached

Object = Mapping[str, Any]

#: what json and the readers raise on shapes that no Bot API page shows
MALFORMED = (TypeError, ValueError, KeyError, AttributeError, IndexError, OverflowError, RecursionError)
#: one of these is what a message is about; others (pinned, joined, a new title) are the service's own
CONTENT = (
    "text", "caption", "animation", "audio", "contact", "dice", "document", "game", "invoice", "location",
    "paid_media", "passport_data", "photo", "poll", "sticker", "story", "successful_payment", "venue", "video",
    "video_note", "voice",
)  # fmt: skip
#: in this order: an animation comes with the same file as a document beside it
_FILES: tuple[tuple[str, MediaKind], ...] = (
    ("sticker", "sticker"), ("voice", "voice"), ("video_note", "note"), ("audio", "audio"),
    ("animation", "animation"), ("video", "video"), ("document", "file"),
)  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def said(message: Object, *, edited: bool) -> Inbound:
    """A message of a person's, with content."""
    sender, chat = message["from"], message["chat"]
    pin, card = message.get("location"), message.get("contact")
    return Inbound(
        channel="telegram",
        chat=number(chat["id"]),
        message_id=number(message["message_id"]),
        sent_at=_instant(message["date"]),
        text=_clean(message.get("text") or message.get("caption") or ""),
        point=_place(pin) if pin else None,
        attachments=_attachments(message),
        contact=Contact(phone=_clean(card["phone_number"]), own=card.get("user_id") == sender["id"]) if card else None,
        sender=number(sender["id"]),
        sender_name=_full_name(sender),
        reply_to=_answered(message),
        reply_text=_answered_text(message),
        edited=edited,
        album="" if edited else _clean(message.get("media_group_id") or ""),
        group=not is_private(chat),
        thread=_thread(message),
    )


def pressed(query: Object) -> Inbound:
    """A press on a button of a message of ours; 1970 when that message is too old for Telegram to know its date."""
    message, sender = query["message"], query["from"]
    return Inbound(
        channel="telegram",
        chat=number(message["chat"]["id"]),
        message_id="cb" + _clean(query["id"]),
        sent_at=_instant(message["date"]),
        choice=_clean(query["data"]),
        sender=number(sender["id"]),
        sender_name=_full_name(sender),
        group=not is_private(message["chat"]),
        thread=_thread(message),
    )


def reached(change: Object) -> tuple[Reached, ...]:
    """Whether a person blocked the bot or let it in again; empty for groups and other changes."""
    status = change["new_chat_member"]["status"]
    if not is_private(change["chat"]) or status not in ("kicked", "member"):
        return ()
    return (Reached(channel="telegram", chat=number(change["chat"]["id"]), reachable=status == "member"),)


def is_private(chat: Object) -> bool:
    return bool(chat["type"] == "private")


def number(value: Any) -> str:
    """The digits of an id, which has 64 bits at the most."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MOST_STORED:
        raise TypeError(f"{value!r} is no id")
    return str(value)


def has_content(message: Object) -> bool:
    return any(message.get(key) for key in CONTENT)


def service(message: Object) -> str:
    """What a message without content is about: "message.pinned_message"."""
    about = [name for name in message if name not in ("message_id", "from", "chat", "date")]
    return "message." + (about[-1] if about else "")


def _clean(text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{text!r} is no text")
    return word(text)


def _instant(date: Any) -> datetime:
    return _EPOCH + timedelta(seconds=int(date))


def _place(pin: Object) -> Point:
    found = point(pin["latitude"], pin["longitude"])
    if found is None:
        raise ValueError("a pin that is nowhere on earth")
    return found


def _full_name(sender: Object) -> str:
    last = sender.get("last_name")
    return _clean(f"{sender['first_name']} {last}" if last else sender["first_name"])


def _thread(message: Object) -> str:
    """The topic that a message stands in; the threads of replies in other groups are none."""
    thread = message.get("message_thread_id") if message.get("is_topic_message") else None
    return number(thread) if thread else ""


def _answered(message: Object) -> str | None:
    """In a topic every message "replies" to the service message that opened it: that is no answer."""
    replied = message.get("reply_to_message")
    if not replied or "forum_topic_created" in replied or number(replied["message_id"]) == _thread(message):
        return None
    return number(replied["message_id"])


def _answered_text(message: Object) -> str:
    """How the bot's message began that was answered: it names its case, even where its id was never written down."""
    replied = message.get("reply_to_message")
    if not replied or not replied.get("from") or not replied["from"]["is_bot"]:
        return ""
    return _clean((replied.get("text") or replied.get("caption") or "")[:64])


def _attachments(message: Object) -> tuple[Attachment, ...]:
    if sizes := message.get("photo"):
        return (_attachment("photo", max(sizes, key=_area)),)
    for key, kind in _FILES:
        if file := message.get(key):
            return (_attachment(kind, file),)
    return ()


def _area(size: Object) -> int:
    return whole(size["width"]) * whole(size["height"])


def _attachment(kind: MediaKind, file: Object) -> Attachment:
    name = file.get("file_name") if kind in ("audio", "animation", "video", "file") else ""
    return Attachment(kind=kind, ref=_clean(file["file_id"]), name=_clean(name or ""),
                      size_bytes=whole(file.get("file_size")))  # fmt: skip
