"""The events of a Zalo OA: what each means to a talk. Chats are as zalo_oa.py writes them.

Never judges whether an event is ours or signed: that is zalo_oa.py's.
"""

from bot.channels._wire import Fields, fields, instant, items, opened, point, whole, word
from bot.model import Attachment, Contact, Happened, Inbound, MediaKind, Point, Reached, TakenOver, Withdrawn

#: a pressed button comes back as a text message that is its payload
PRESS = "#gc:"

_KINDS: dict[str, MediaKind] = {
    "image": "photo",
    "gif": "animation",
    "audio": "voice",
    "video": "video",
    "sticker": "sticker",
    "file": "file",
}
_HEARD = frozenset(
    [f"user_send_{kind}" for kind in (*_KINDS, "text", "link", "location", "business_card")]
    + [f"anonymous_send_{kind}" for kind in ("text", "image", "file", "sticker")]
    + ["user_click_button"]
)
ECHOES = frozenset(
    f"oa_send_{whom}{kind}" for whom in ("", "anonymous_") for kind in (*_KINDS, "text", "list", "link", "template")
)
#: known, and nothing to a talk
QUIET = frozenset(
    [f"user_{what}_message" for what in ("received", "seen", "reacted")]
    + [f"{what}_tag" for what in ("add_user_to", "remove_user_from", "remove")]
    + ["oa_reacted_message", "update_user_info", "widget_interaction_accepted", "extension_purchased"]
    + ["widget_failed_to_sync_user_external_id", "oa_send_consent", "user_reply_consent", "user_call_oa"]
    + ["oa_call_user", "change_template_status", "change_oa_daily_quota", "user_click_response_button"]
)


def recipient(chat: str) -> tuple[str, str]:
    """The user and, of an anonymous visitor, their conversation."""
    user, _, talk = chat.partition("@")[0].partition("/")
    return user, talk


def _said(raw: Fields, chat: str, message_id: str) -> tuple[Happened, ...]:
    message = fields(raw.get("message"))
    text = word(message.get("text")) or word(message.get("payload"))
    card = raw.get("event_name") == "user_send_business_card"
    lines, files, pin, phone = [text], list[Attachment](), None, ""
    for attachment in map(fields, items(message.get("attachments"))):
        kind, payload = word(attachment.get("type")), fields(attachment.get("payload"))
        if kind == "location":
            pin = _pin(payload)
        elif kind in _KINDS and (ref := word(payload.get("url"))):
            size = whole(payload.get("size"))
            files.append(Attachment(kind=_KINDS[kind], ref=ref, name=word(payload.get("name")), size_bytes=size))
        elif kind == "link" and card and (found := _phone(payload)):
            phone = found
        elif kind == "link":
            lines += [word(payload.get("description")), word(payload.get("url"))]
    text = "\n".join(dict.fromkeys(line for line in lines if line))
    said = Inbound(
        channel="zalo_oa",
        chat=chat,
        message_id=message_id,
        sent_at=instant(raw.get("timestamp")),
        text="" if text.startswith(PRESS) else text,
        choice=text.removeprefix(PRESS) if text.startswith(PRESS) else None,
        point=pin,
        attachments=tuple(files),
        # anyone's card can be passed on: it is not the sender's own number
        contact=Contact(phone=phone, own=False) if phone else None,
        sender=recipient(chat)[0],
        reply_to=word(message.get("quote_msg_id")) or None,
    )
    return (said,)


def _pin(payload: Fields) -> Point | None:
    """Zalo writes the numbers as strings."""
    where = fields(payload.get("coordinates"))
    lat, lon = where.get("latitude", where.get("lat")), where.get("longitude", where.get("long"))
    return point(lat, lon)


def _phone(payload: Fields) -> str:
    """The number on a business card: its description is JSON inside a string."""
    return word((opened(word(payload.get("description"))) or {}).get("phone"))


def _submitted(raw: Fields, chat: str, message_id: str) -> tuple[Happened, ...]:
    """The form that asks for a number. The text is all that a member needs of it; birthday and gender are left out."""
    info = fields(raw.get("info"))
    where, phone = fields(info.get("full_address")), word(info.get("phone"))
    address = [where.get(name) for name in ("user_address", "user_ward", "user_city")]
    old = [info.get(name) for name in ("address", "ward", "district", "city")]
    told = [word(part) for part in (info.get("name"), phone, *(address if any(address) else old))]
    said = Inbound(
        channel="zalo_oa",
        chat=chat,
        message_id=message_id,
        sent_at=instant(raw.get("timestamp")),
        text=", ".join(part for part in told if part),
        contact=Contact(phone=phone, own=True) if phone else None,
        sender=recipient(chat)[0],
    )
    return (said,)


def _opened_talk(raw: Fields, chat: str, message_id: str) -> tuple[Happened, ...]:
    """The first tap on "Nhắn tin": the resident waits for a word, as after Telegram's /start."""
    at = instant(raw.get("timestamp"))
    sender = recipient(chat)[0]
    return (Inbound(channel="zalo_oa", chat=chat, message_id=message_id, sent_at=at, text="/start", sender=sender),)


def _follows(raw: Fields, chat: str, _: str) -> tuple[Happened, ...]:
    return (Reached(channel="zalo_oa", chat=chat, reachable=raw.get("event_name") == "follow"),)


def _withdrew(_raw: Fields, chat: str, _: str) -> tuple[Happened, ...]:
    return (Withdrawn(channel="zalo_oa", chat=chat),)


def _echoed(raw: Fields, chat: str, message_id: str) -> tuple[Happened, ...]:
    """Zalo repeats every message of the OA. Only one that a person wrote in its staff screen names an admin."""
    admin = word(fields(raw.get("sender")).get("admin_id"))
    text = word(fields(raw.get("message")).get("text"))
    happened = TakenOver(channel="zalo_oa", chat=chat, admin=admin, text=text, message_id=message_id)
    return (happened,) if admin else ()


#: event: (the whole webhook, the chat, the id of the message) -> what happened
EVENTS = {
    **dict.fromkeys(_HEARD, _said),
    **dict.fromkeys(ECHOES, _echoed),
    "user_submit_info": _submitted,
    "user_click_chatnow": _opened_talk,
    "follow": _follows,
    "unfollow": _follows,
    "user_withdraw": _withdrew,
}
