"""The Zalo Official Account channel: OA webhooks to Inbound, Reached, TakenOver and Withdrawn, Outgoing to OA calls.

The poorest channel, so all works as numbered text: no sign of typing, no edits, no voice out, buttons only where the
operator has seen them work. A chat is "<user>@<oa>", for one app serves several OAs; a visitor of the web widget is
"<anonymous id>/<conversation id>@<oa>". Never refreshes a token (bot/zalo_oauth.py); tokens and keys are in no repr.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

from bot.capabilities import ZALO_OA
from bot.channel import (
    NOT_CARRIED,
    OURS,
    Call,
    Outgoing,
    Parsed,
    Receipt,
    SendError,
    Upload,
    Webhook,
    listed,
    split,
)
from bot.channels._wire import Fields, Unasked, fields, items, opened, word, written
from bot.channels._zalo_events import ECHOES, EVENTS, PRESS, QUIET, recipient
from bot.channels._zalo_refusals import FOR_ITS_BUTTONS, RATE_PAUSE_S, refusal
from bot.model import Attachment

Buttons = Literal["off", "form1", "form3"]

TEXT_LIMIT = ZALO_OA.text_limit
MAX_BUTTONS, TITLE_LIMIT = 5, ZALO_OA.label_limit
PHOTO_LIMIT_BYTES = ZALO_OA.photo_limit_bytes
#: what Zalo's console sends to try an address
PROBE_ID = "This is message id"

_LOCATION_HINT = "(Bác cũng có thể bấm dấu + rồi chọn Vị trí để gửi cho con.)"
_FORM_TITLE, _FORM_SUBTITLE = "Gửi số điện thoại", "Bác bấm vào đây, hoặc nhắn số điện thoại cũng được."
_LIST_TITLE, _LIST_SUBTITLE = "Bác chọn giúp con", "Bấm một dòng bên dưới, hoặc nhắn cho con."
_DOCUMENTS = (".pdf", ".doc", ".docx")


class ZaloOa(Unasked):
    """One app. `secrets` are the webhook keys and `tokens` the access tokens, both by OA id.

    An access token lives 25 hours: whoever refreshes it makes a new ZaloOa. `buttons` is by OA id, the form of buttons
    that its operator has seen work; an OA that is not there gets numbered text. `form_picture` is a public address of
    the picture on the form that asks for a phone number.
    """

    capabilities = ZALO_OA

    def __init__(
        self,
        app_id: str,
        secrets: Mapping[str, str],
        tokens: Mapping[str, str],
        buttons: Mapping[str, Buttons] | None = None,
        form_picture: str = "",
    ) -> None:
        self._app_id = app_id
        self._secrets = dict(secrets)
        self._tokens = dict(tokens)
        self._buttons = dict(buttons or {})
        self._form_picture = form_picture

    # --- in ---

    def verify(self, webhook: Webhook) -> bool:
        """Saving the address in the console sends an unsigned {}, some guides say a GET: both say nothing."""
        return webhook.method == "GET" or webhook.body.strip() == b"{}" or bool(self.matched(webhook))

    def matched(self, webhook: Webhook) -> str:
        """Which way of signing fits ("app_id/body" is the documented one), "" when none does: worth a log line.

        sha256(app_id + body + timestamp + key of the OA). Some say oa_id for app_id, or take the timestamp of a header.
        """
        given = webhook.headers.get("x-zevent-signature", "").rpartition("=")[2].strip().lower().encode()
        raw = opened(webhook.body)
        if len(given) != 64 or raw is None:
            return ""
        stamps = {"body": word(raw.get("timestamp")), "header": webhook.headers.get("x-zevent-timestamp", "")}
        for oa, secret in self._secrets.items():
            for first, name in ((self._app_id, "app_id"), (oa, "oa_id")):
                for where, stamp in stamps.items():
                    signed = first.encode() + webhook.body + stamp.encode("utf-8", "replace") + secret.encode()
                    right = hashlib.sha256(signed).hexdigest().encode()
                    if secret and stamp and hmac.compare_digest(given, right):
                        return f"{name}/{where}"
        return ""

    def parse(self, webhook: Webhook) -> Parsed:
        if webhook.method == "GET":
            echo = word(webhook.query.get("hub.challenge"))[:200]
            return Parsed(unknown="probe", answer=echo.encode(), answer_type="text/plain")
        raw = opened(webhook.body)
        if raw is None:
            return Parsed(unknown="malformed")
        event, message = word(raw.get("event_name")), fields(raw.get("message"))
        if not event or message.get("msg_id") == PROBE_ID:
            return Parsed(unknown="probe")
        oa, user = self._parties(raw, event)
        key = word(message.get("msg_id")) or hashlib.sha256(webhook.body).hexdigest()
        whole_key = f"{oa}.{event}.{key}"
        if event in QUIET:
            return Parsed(key=whole_key)
        if event not in EVENTS:
            return Parsed(key=whole_key, unknown=event[:80])
        if oa not in self._secrets:
            return Parsed(unknown="foreign_oa")
        if not user:
            return Parsed(key=whole_key, unknown="malformed")
        return Parsed(key=whole_key, happened=EVENTS[event](raw, f"{user}@{oa}", key))

    def _parties(self, raw: Fields, event: str) -> tuple[str, str]:
        """OA and user. An event about an OA names both apart; in the others they are sender and recipient."""
        message = fields(raw.get("message"))
        sides = [word(fields(raw.get(side)).get("id")) for side in ("sender", "recipient")]
        if oa := word(raw.get("oa_id")):
            user = word(raw.get("user_id")) or word(fields(raw.get("follower")).get("id"))
            return oa, user or next((side for side in sides if side != oa), "")
        sender, recipient = sides
        # of receipts nobody is sure which side is the sender
        ours_first = event in ECHOES or (event in QUIET and sender in self._secrets)
        oa, user = (sender, recipient) if ours_first else (recipient, sender)
        if "anonymous_" in event and (talk := word(message.get("conversation_id"))):
            user = f"{user}/{talk}"
        return oa, user

    # --- out ---

    def render(self, outgoing: Outgoing) -> tuple[Call, ...]:
        """Uploads, then a form, files, and text: so that what is most often refused comes before all that is seen.

        One photo takes a short text as its caption. Of files only PDF and Word go; others are spoken of in the text.
        """
        if outgoing.topic:  # Zalo has none
            return ()
        uploads: list[Call] = []
        shown: list[dict[str, Any]] = []
        lines = [unicodedata.normalize("NFC", outgoing.text).strip()]
        if outgoing.ask == "location":
            lines.append(_LOCATION_HINT)
        if outgoing.ask == "phone" and not outgoing.plain:
            shown.append(self._form())
        for place, attachment in enumerate(outgoing.attachments):
            message, upload = self._file(attachment, f"@upload:{place}@", outgoing.chat)
            shown += [message] if message else []
            uploads += [upload] if upload else []
            if not message and NOT_CARRIED not in lines:
                lines.append(NOT_CARRIED)
        text = "\n\n".join(line for line in lines if line)
        form = self._form_of_buttons(outgoing)
        native = form != "off"
        parts = split(text, TEXT_LIMIT) if native else listed(text, outgoing.choices, TEXT_LIMIT)
        texts: list[dict[str, Any]] = [{"text": part} for part in parts]
        if native and texts:
            texts[-1] |= self._with_buttons(outgoing, form)
        elif len(texts) == 1 and len(shown) == 1 and _is_photo(shown[0]):
            shown[0] |= texts.pop()
        return (*uploads, *(self._message(outgoing.chat, message) for message in (*shown, *texts)))

    def _form_of_buttons(self, outgoing: Outgoing) -> Buttons:
        few = 0 < len(outgoing.choices) <= MAX_BUTTONS
        short = all(0 < len(choice.label) <= TITLE_LIMIT for choice in outgoing.choices)
        fits = few and short and not outgoing.plain and bool(outgoing.text.strip())
        return self._buttons.get(outgoing.chat.partition("@")[2], "off") if fits else "off"

    def _with_buttons(self, outgoing: Outgoing, form: Buttons) -> dict[str, Any]:
        """Nobody has seen both forms work everywhere: which one does is the operator's setting."""
        buttons = [
            {"title": choice.label, "type": "oa.query.hide", "payload": PRESS + choice_id}
            for choice, choice_id in zip(outgoing.choices, outgoing.choice_ids, strict=True)
        ]
        if form == "form1":
            return {"attachment": {"type": "template", "payload": {"buttons": buttons}}}
        card = {"title": _LIST_TITLE, "subtitle": _LIST_SUBTITLE, "buttons": buttons}
        return {"attachment": {"type": "template", "payload": {"template_type": "list", "elements": [card]}}}

    def _form(self) -> dict[str, Any]:
        card = {"title": _FORM_TITLE, "subtitle": _FORM_SUBTITLE}
        card |= {"image_url": self._form_picture} if self._form_picture else {}
        payload = {"template_type": "request_user_info", "elements": [card]}
        return {"attachment": {"type": "template", "payload": payload}}

    def _file(self, attachment: Attachment, stands_for: str, chat: str) -> tuple[dict[str, Any], Call | None]:
        """The message that shows a file, and the upload that it needs. Neither: Zalo carries no such file."""
        stored = attachment.ref.startswith(OURS)
        if attachment.kind == "photo" and (stored or attachment.ref.startswith("https://")):
            element = {"media_type": "image"} | ({"attachment_id": stands_for} if stored else {"url": attachment.ref})
            payload = {"template_type": "media", "elements": [element]}
            upload = self._upload("image", attachment, "photo.jpg", stands_for, chat) if stored else None
            return {"attachment": {"type": "template", "payload": payload}}, upload
        if attachment.kind == "file" and stored and attachment.name.lower().endswith(_DOCUMENTS):
            upload = self._upload("file", attachment, attachment.name, stands_for, chat)
            return {"attachment": {"type": "file", "payload": {"token": stands_for}}}, upload
        return {}, None

    def _upload(self, kind: str, attachment: Attachment, name: str, stands_for: str, chat: str) -> Call:
        return Call(
            path=f"/v2.0/oa/upload/{kind}",
            body=b"{}",
            upload=Upload(field="file", ref=attachment.ref, name=attachment.name or name),
            carries=False,
            headers=self._headers(chat),
            gives=stands_for,
        )

    def _message(self, chat: str, message: dict[str, Any]) -> Call:
        user, talk = recipient(chat)
        if talk:
            body = {"recipient": {"anonymous_id": user, "conversation_id": talk}, "message": message}
            return Call(path="/v2.0/oa/message", body=written(body), headers=self._headers(chat))
        body = {"recipient": {"user_id": user}, "message": message}
        return Call(path="/v3.0/oa/message/cs", body=written(body), headers=self._headers(chat))

    def _headers(self, chat: str) -> tuple[tuple[str, str], ...]:
        """A chat that names no OA goes by the first. No token: Zalo's refusal asks for a fresh one."""
        oa = chat.partition("@")[2] or next(iter(self._tokens), "")
        return (("access_token", self._tokens.get(oa, "")),)

    def receipt(self, call: Call, status: int, body: bytes) -> Receipt:
        answer = opened(body)
        if status == 429:
            raise SendError("Zalo answered 429: too many requests", retry_after_s=RATE_PAUSE_S, whole=True)
        error = (answer or {}).get("error")
        if answer is None or status >= 500 or isinstance(error, bool) or not isinstance(error, int):
            raise SendError(f"Zalo answered {status} without an error code", uncertain=True)
        if error != 0:
            refused = refusal(error, word(answer.get("message"))[:200])
            refused.degrade = error in FOR_ITS_BUTTONS and _is_native(call)
            refused.blocked = refused.blocked and not refused.degrade
            raise refused
        data = fields(answer.get("data"))
        remote_id = next(
            (found for name in ("message_id", "attachment_id", "token") if (found := word(data.get(name)))), ""
        )
        if call.gives and not remote_id:
            raise SendError("Zalo took an upload but gave no id for it", retry_after_s=1.0, tries=3)
        quota = word(fields(data.get("quota")).get("quota_type"))
        return Receipt(remote_id=remote_id, quota=quota or ("paid" if call.carries else ""))

    # --- beside messages ---

    def react(self, chat: str, message_id: str, icon: str = "/-strong") -> Call:
        """A sign under a resident's message that it was seen: Zalo has no sign of typing. Free."""
        action = {"react_icon": icon, "react_message_id": message_id}
        body = {"recipient": {"user_id": recipient(chat)[0]}, "sender_action": action}
        return Call(path="/v2.0/oa/message", body=written(body), headers=self._headers(chat), carries=False)

    def profile(self, chat: str) -> Call:
        """Asks who a user is: webhooks bring no name."""
        about = quote(written({"user_id": recipient(chat)[0]}))
        path = f"/v3.0/oa/user/detail?data={about}"
        return Call(path=path, body=b"", headers=self._headers(chat), carries=False, method="GET")

    def display_name(self, call: Call, status: int, body: bytes) -> str:
        """The name in an answer to profile, "" when Zalo shows none. Raises SendError."""
        self.receipt(call, status, body)
        return word(fields((opened(body) or {}).get("data")).get("display_name"))


def _is_photo(message: Fields) -> bool:
    return bool(message["attachment"]["payload"].get("template_type") == "media")


def _is_native(call: Call) -> bool:
    """Whether a message has buttons or a form, which it can also do without."""
    attachment = fields(fields((opened(call.body) or {}).get("message")).get("attachment"))
    payload = fields(attachment.get("payload"))
    elements = [fields(element) for element in items(payload.get("elements"))]
    return payload.get("template_type") == "request_user_info" or any("buttons" in one for one in (payload, *elements))
