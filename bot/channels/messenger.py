"""The Facebook Messenger channel of one page: webhooks to Inbound and TakenOver, Outgoing to Send API calls.

Choices are buttons while they fit, else numbered lines. Never claims that a person wrote what the bot did: HUMAN_AGENT
is for members' words alone. Secrets and the page's token are in no message and no repr (the token is in Call.path).
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from bot.capabilities import MESSENGER
from bot.channel import OURS, Call, Outgoing, Parsed, Receipt, SendError, Upload, Webhook, listed, split
from bot.channels._messenger_refusals import refusal
from bot.channels._wire import Fields, Unasked, fields, instant, items, opened, point, word, written
from bot.model import Attachment, Choice, Contact, Happened, Inbound, MediaKind, Point, TakenOver

TEXT_LIMIT = MESSENGER.text_limit
TEMPLATE_TEXT_LIMIT = 640
LABEL_LIMIT = MESSENGER.label_limit
MAX_BUTTONS, MAX_QUICK = 3, MESSENGER.max_choices
PHOTO_LIMIT_BYTES = MESSENGER.photo_limit_bytes
#: the page's own inbox, where its staff write
INBOX_APP = "263902037430900"
#: a payload that stands for typed words
SAYS = "say:"
GET_STARTED = SAYS + "/start"

_KINDS: dict[str, MediaKind] = {
    "image": "photo",
    "audio": "voice",
    "video": "video",
    "file": "file",
    "sticker": "sticker",
}
# kind: what Meta calls it, and a name for a file without one
_SENT: dict[MediaKind, tuple[str, str]] = {
    "photo": ("image", "photo.jpg"),
    "voice": ("audio", "voice.mp3"),
    "audio": ("audio", "audio.mp3"),
    "video": ("video", "video.mp4"),
    "note": ("video", "video.mp4"),
    "animation": ("video", "video.mp4"),
    "sticker": ("image", "sticker.png"),
    "file": ("file", "file"),
}
_MENU = (("Xem các việc", "menu"), ("Gặp người thật", "gặp người"), ("Quay lại bước trước", "quay lại"))
_GREETING = "Gõ Cửa, tổ công nghệ số cộng đồng: Bác cần gì cứ nhắn, máy trả lời trước, người giúp sau."
#: known, and nothing to a talk
_QUIET = ("delivery", "read", "reaction", "message_edit", "optin")
_Found = tuple[str, Happened | None, str]


class Messenger(Unasked):
    """One page, or several of one app. A chat of `other_pages` (tokens by page id) is "<person>@<page>".

    `verify_token` is what the operator typed in the console, `app_id` this app's own."""

    capabilities = MESSENGER

    def __init__(
        self,
        app_secret: str,
        verify_token: str,
        page_token: str,
        app_id: str,
        version: str = "v25.0",
        other_pages: Mapping[str, str] | None = None,
    ) -> None:
        self._app_secret = app_secret
        self._verify_token = verify_token
        self._page_token = page_token
        self._app_id = app_id
        self._version = version
        self._other_pages = dict(other_pages or {})

    # --- in ---

    def verify(self, webhook: Webhook) -> bool:
        """HMAC-SHA256 over the bytes as they came: Meta writes Vietnamese letters as escapes, and signs those."""
        if webhook.method == "GET":
            given = webhook.query.get("hub.verify_token", "").encode("utf-8", "replace")
            right = hmac.compare_digest(given, self._verify_token.encode())
            return bool(self._verify_token) and right and webhook.query.get("hub.mode") == "subscribe"
        given = webhook.headers.get("x-hub-signature-256", "").strip().lower().encode("utf-8", "replace")
        signed = hmac.new(self._app_secret.encode(), webhook.body, hashlib.sha256).hexdigest()
        return bool(self._app_secret) and hmac.compare_digest(given, b"sha256=" + signed.encode())

    def parse(self, webhook: Webhook) -> Parsed:
        """One request brings many events, and a repeat may bring them in other company: each has its own key."""
        if webhook.method == "GET":
            return Parsed(answer=word(webhook.query.get("hub.challenge")).encode(), answer_type="text/plain")
        raw = opened(webhook.body)
        if raw is None or raw.get("object") != "page":
            return Parsed(unknown="malformed")
        found = [one for entry in map(fields, items(raw.get("entry"))) for one in self._entry(entry)]
        happened = [(key, event) for key, event, _ in found if event]
        return Parsed(
            key=next((key for key, _, _ in found), ""),
            happened=tuple(event for _, event in happened),
            keys=tuple(key for key, _ in happened),
            unknown=next((unknown for _, _, unknown in found if unknown), "" if found else "empty"),
        )

    def _entry(self, entry: Fields) -> Iterator[_Found]:
        """Each event as its key, what happened, and what is not known about it."""
        page = word(entry.get("id"))
        if "changes" in entry:  # the console's Test button
            yield "", None, "changes"
        for event in map(fields, items(entry.get("messaging"))):
            yield self._event(event, page, owner=True)
        for event in map(fields, items(entry.get("standby"))):
            yield self._event(event, page, owner=False)

    def _event(self, event: Fields, page: str, *, owner: bool) -> _Found:
        """`owner` False: another app or the page's inbox has the talk, and this is a copy: it is not ours to answer."""
        sides = [word(fields(event.get(side)).get("id")) for side in ("sender", "recipient")]
        # thread control names the page as its sender, other events the resident
        chat = next((side for side in sides if side and side != page), "")
        chat = f"{chat}@{page}" if chat and page in self._other_pages else chat
        message, postback = fields(event.get("message")), fields(event.get("postback"))
        stamp = word(event.get("timestamp"))
        kind = next((name for name in event if name not in ("sender", "recipient", "timestamp")), "empty")
        key = word(message.get("mid")) or word(postback.get("mid"))
        key = key or hashlib.sha256(f"{chat} {stamp} {json.dumps(event.get(kind))}".encode()).hexdigest()
        if any(name in event for name in _QUIET):
            return key, None, ""
        if not chat:
            return key, None, "malformed" if message or postback else kind[:80]
        if message.get("is_echo"):
            return self._echo(message, chat, key)
        if "take_thread_control" in event:
            return key, TakenOver(channel="messenger", chat=chat), ""
        if not owner:
            return key, None, "standby"
        if message.get("is_deleted"):
            return key, None, "message.is_deleted"
        if message or postback or "referral" in event:
            return key, _said(event, chat, key), ""
        return key, None, kind[:80]

    def _echo(self, message: Fields, chat: str, key: str) -> _Found:
        """Meta repeats what was sent for the page: by us, by another app, or (no app, or the inbox) by a person."""
        app = word(message.get("app_id"))
        if app and app != INBOX_APP:
            return key, None, "" if app == self._app_id else "echo_of_another_app"
        written_by_hand = TakenOver(channel="messenger", chat=chat, text=word(message.get("text")), message_id=key)
        return key, written_by_hand, ""

    # --- out ---

    def render(self, outgoing: Outgoing) -> tuple[Call, ...]:
        """Files first, then text, so that the choices come last: quick replies go away under the next message."""
        if outgoing.topic:  # Messenger has none
            return ()
        shape = _shape(outgoing)
        buttons = outgoing.choices and shape in ("template", "quick")
        texts = split(outgoing.text, TEXT_LIMIT) if buttons else listed(outgoing.text, outgoing.choices, TEXT_LIMIT)
        messages: list[dict[str, Any]] = [{"text": text} for text in texts]
        if messages and shape == "template":
            messages[-1] = _template(texts[-1], outgoing)
        elif messages and shape:
            messages[-1]["quick_replies"] = _quick_replies(outgoing, numbers=shape == "numbers")
        files = [self._file(outgoing, attachment) for attachment in outgoing.attachments]
        return (*files, *(self._message(outgoing, message) for message in messages))

    def _file(self, outgoing: Outgoing, attachment: Attachment) -> Call:
        kind, name = _SENT[attachment.kind]
        if kind == "image" and attachment.size_bytes > PHOTO_LIMIT_BYTES:
            kind = "file"
        if not attachment.ref.startswith(OURS):
            return self._message(outgoing, {"attachment": {"type": kind, "payload": {"url": attachment.ref}}})
        sent = self._envelope(outgoing) | {"message": {"attachment": {"type": kind, "payload": {}}}}
        form = {name: value if isinstance(value, str) else json.dumps(value) for name, value in sent.items()}
        upload = Upload(field="filedata", ref=attachment.ref, name=attachment.name or name)
        return Call(path=self._path("me/messages", outgoing.chat), body=written(form), upload=upload)

    def _envelope(self, outgoing: Outgoing) -> dict[str, Any]:
        to = {"recipient": {"id": outgoing.chat.partition("@")[0]}}
        if outgoing.human and outgoing.late:
            return to | {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}
        return to | {"messaging_type": "RESPONSE"}

    def _message(self, outgoing: Outgoing, message: dict[str, Any]) -> Call:
        body = written(self._envelope(outgoing) | {"message": message})
        return Call(path=self._path("me/messages", outgoing.chat), body=body)

    def _path(self, what: str, chat: str = "") -> str:
        """With the token of the chat's page."""
        token = self._other_pages.get(chat.partition("@")[2], self._page_token)
        return f"/{self._version}/{what}?access_token={quote(token, safe='')}"

    def receipt(self, call: Call, status: int, body: bytes) -> Receipt:
        answer = opened(body)
        if answer is None or (status >= 500 and "error" not in answer):
            raise SendError(f"Messenger answered {status} without a JSON object", uncertain=True)
        if "error" in answer:
            raise refusal(fields(answer["error"]), status, native=_is_native(call))
        if status >= 300:
            raise SendError(f"Messenger answered {status} without an error", uncertain=True)
        remote_id = word(answer.get("message_id"))
        if call.carries and not remote_id:
            raise SendError("Messenger's answer has no message_id", uncertain=True)
        return Receipt(remote_id=remote_id)

    # --- beside messages: none of these calls carries one ---

    def typing(self, chat: str) -> Call:
        """Shown for 20 seconds, or until the next message."""
        shown = {"recipient": {"id": chat.partition("@")[0]}, "sender_action": "typing_on"}
        return self._beside("me/messages", shown, chat)

    def who_we_are(self) -> Call:
        """Asks which page the first token is of."""
        return Call(path=self._path("me"), body=b"", carries=False, method="GET")

    def page_of(self, call: Call, status: int, body: bytes) -> str:
        """The page's id in the answer to who_we_are. Raises SendError."""
        self.receipt(call, status, body)
        return word((opened(body) or {}).get("id"))

    def set_profile(self, page: str) -> Call:
        """The first button, the words above it, and the menu beside the line that people write in."""
        entries = [{"type": "postback", "title": title, "payload": SAYS + says} for title, says in _MENU]
        menu = {"locale": "default", "composer_input_disabled": False, "call_to_actions": entries}
        return self._beside(
            "me/messenger_profile",
            {
                "get_started": {"payload": GET_STARTED},
                "greeting": [{"locale": "default", "text": _GREETING}],
                "persistent_menu": [menu],
            },
            f"@{page}",
        )

    def subscribe(self, page: str) -> Call:
        heard = "messages messaging_postbacks messaging_referrals message_echoes standby messaging_handovers"
        return self._beside(f"{quote(page, safe='')}/subscribed_apps", {"subscribed_fields": heard.split()}, f"@{page}")

    def pass_thread(self, chat: str, to_app: str = INBOX_APP) -> Call:
        """Gives the talk to the page's inbox (or another app): from then on our sends are refused."""
        to = {"recipient": {"id": chat.partition("@")[0]}, "target_app_id": to_app}
        return self._beside("me/pass_thread_control", to, chat)

    def take_thread(self, chat: str) -> Call:
        return self._beside("me/take_thread_control", {"recipient": {"id": chat.partition("@")[0]}}, chat)

    def _beside(self, what: str, sent: dict[str, Any], chat: str = "") -> Call:
        return Call(path=self._path(what, chat), body=written(sent), carries=False)


_Shape = Literal["", "template", "quick", "numbers"]


def _shape(outgoing: Outgoing) -> _Shape:
    """How the choices are shown: "numbers" is numbered lines with the numbers to tap, "" numbered lines or nothing.

    A template's buttons stay under the text; quick replies are gone after the next message, but can ask for a number.
    """
    labels, phone = [choice.label for choice in outgoing.choices], outgoing.ask == "phone"
    last = (split(outgoing.text, TEXT_LIMIT) or ("",))[-1]
    if outgoing.plain or not last or len(labels) + phone > MAX_QUICK or not (labels or phone):
        return ""
    if any(len(label) > LABEL_LIMIT for label in labels):
        return "numbers"
    return "template" if len(labels) <= MAX_BUTTONS and len(last) <= TEMPLATE_TEXT_LIMIT and not phone else "quick"


def _template(text: str, outgoing: Outgoing) -> dict[str, Any]:
    buttons = [{"type": "postback", "title": title, "payload": payload} for title, payload in _titled(outgoing)]
    payload = {"template_type": "button", "text": text, "buttons": buttons}
    return {"attachment": {"type": "template", "payload": payload}}


def _quick_replies(outgoing: Outgoing, *, numbers: bool) -> list[dict[str, str]]:
    keys = [
        {"content_type": "text", "title": str(place) if numbers else title, "payload": payload}
        for place, (title, payload) in enumerate(_titled(outgoing), 1)
    ]
    return keys + [{"content_type": "user_phone_number"}] * (outgoing.ask == "phone")


def _titled(outgoing: Outgoing) -> Sequence[tuple[str, str]]:
    choices: tuple[Choice, ...] = outgoing.choices
    return [(choice.label, choice_id) for choice, choice_id in zip(choices, outgoing.choice_ids, strict=True)]


def _is_native(call: Call) -> bool:
    """Whether a message has buttons, which it can also do without."""
    message = fields((opened(call.body) or {}).get("message"))
    return "quick_replies" in message or fields(message.get("attachment")).get("type") == "template"


# --- what a resident said ---


def _said(event: Fields, chat: str, key: str) -> Inbound:
    """A message, a pressed button, or a link with a word in it ("ref", as Telegram's /start has)."""
    message, postback = fields(event.get("message")), fields(event.get("postback"))
    payload = word(fields(message.get("quick_reply")).get("payload")) or word(postback.get("payload"))
    attachments = [fields(one) for one in items(message.get("attachments"))]
    lines = [word(message.get("text")), *(line for one in attachments for line in _shared(one))]
    text = "\n".join(dict.fromkeys(line for line in lines if line))
    ref = word(fields(event.get("referral") or postback.get("referral")).get("ref"))
    if ref and payload in ("", GET_STARTED):
        payload = f"{SAYS}/start {ref}"
    if payload.startswith(SAYS):
        text, payload = payload.removeprefix(SAYS), ""
    phone = payload if payload and payload.lstrip("+").isdigit() and len(payload) > 8 else ""
    return Inbound(
        channel="messenger",
        chat=chat,
        message_id=key,
        sent_at=instant(event.get("timestamp")),
        text="" if payload and not phone else text,
        choice=payload if payload and not phone else None,
        point=next(filter(None, map(_pin, attachments)), None),
        attachments=tuple(filter(None, map(_file_of, attachments))),
        # a tap on the phone key sends the number of the resident's own account as its payload
        contact=Contact(phone=phone, own=True) if phone else None,
        sender=chat.partition("@")[0],
        reply_to=word(fields(message.get("reply_to")).get("mid")) or None,
    )


def _file_of(attachment: Fields) -> Attachment | None:
    """Until 2026-08 a sticker (a "like" is one) was an image with a sticker_id."""
    kind, payload = word(attachment.get("type")), fields(attachment.get("payload"))
    ref = word(payload.get("url"))
    if kind not in _KINDS or not ref:
        return None
    return Attachment(kind="sticker" if "sticker_id" in payload else _KINDS[kind], ref=ref)


def _shared(attachment: Fields) -> tuple[str, ...]:
    """Title and address of a shared link or post, which may have no payload at all."""
    kind, payload = word(attachment.get("type")), fields(attachment.get("payload"))
    if kind in _KINDS or kind == "location":
        return ()
    return word(attachment.get("title")) or word(payload.get("title")), _address(attachment, payload)


def _address(attachment: Fields, payload: Fields) -> str:
    given = (attachment.get("url"), attachment.get("URL"), payload.get("url"))
    return next((found for one in given if (found := word(one))), "")


def _pin(attachment: Fields) -> Point | None:
    """Only old apps send one."""
    where = fields(fields(attachment.get("payload")).get("coordinates"))
    return point(where.get("lat"), where.get("long")) if attachment.get("type") == "location" else None
