"""What the fake Telegram takes: methods with their fields, the limits of texts and keyboards. Keeps no state."""

import json
from typing import Any

from aiohttp import web

Fields = dict[str, Any]

_TO = {"message_thread_id", "disable_notification", "protect_content", "reply_parameters", "reply_markup"}
_CAPTION = {"caption", "parse_mode"}
_JSON = {"reply_markup", "link_preview_options", "reply_parameters", "allowed_updates", "commands"}
#: method: the fields it must have, those it may have
METHODS: dict[str, tuple[set[str], set[str]]] = {
    "getMe": (set(), set()),
    "setMyCommands": ({"commands"}, {"scope", "language_code"}),
    "setWebhook": ({"url"}, {"secret_token", "allowed_updates", "max_connections", "drop_pending_updates"}),
    "deleteWebhook": (set(), {"drop_pending_updates"}),
    "getWebhookInfo": (set(), set()),
    "getUpdates": (set(), {"offset", "limit", "timeout", "allowed_updates"}),
    "sendMessage": ({"chat_id", "text"}, {"parse_mode", "entities", "link_preview_options", *_TO}),
    "sendPhoto": ({"chat_id", "photo"}, _CAPTION | _TO),
    "sendVoice": ({"chat_id", "voice"}, _CAPTION | _TO | {"duration"}),
    "sendVideo": ({"chat_id", "video"}, _CAPTION | _TO),
    "sendDocument": ({"chat_id", "document"}, _CAPTION | _TO),
    "sendAudio": ({"chat_id", "audio"}, _CAPTION | _TO),
    "sendVideoNote": ({"chat_id", "video_note"}, _TO),
    "sendAnimation": ({"chat_id", "animation"}, _CAPTION | _TO),
    "sendSticker": ({"chat_id", "sticker"}, _TO),
    "editMessageText": ({"chat_id", "message_id", "text"}, {"parse_mode", "link_preview_options", "reply_markup"}),
    "editMessageReplyMarkup": ({"chat_id", "message_id"}, {"reply_markup"}),
    "deleteMessage": ({"chat_id", "message_id"}, set()),
    "sendChatAction": ({"chat_id", "action"}, {"message_thread_id"}),
    "answerCallbackQuery": ({"callback_query_id"}, {"text", "show_alert", "url", "cache_time"}),
    "createForumTopic": ({"chat_id", "name"}, {"icon_color", "icon_custom_emoji_id"}),
    "editForumTopic": ({"chat_id", "message_thread_id"}, {"name", "icon_custom_emoji_id"}),
    "closeForumTopic": ({"chat_id", "message_thread_id"}, set()),
    "reopenForumTopic": ({"chat_id", "message_thread_id"}, set()),
    "getFile": ({"file_id"}, set()),
    "getChat": ({"chat_id"}, set()),
    "getChatMember": ({"chat_id", "user_id"}, set()),
}
SENDS = {"sendPhoto": "photo", "sendVoice": "voice", "sendVideo": "video"}
SENDS |= {"sendDocument": "document", "sendSticker": "sticker", "sendMessage": "text"}
SENDS |= {"sendAudio": "audio", "sendVideoNote": "video_note", "sendAnimation": "animation"}
#: where Telegram keeps a file tells what it was sent as
FOLDERS = {"photos": "photo", "voice": "voice", "videos": "video", "documents": "document", "stickers": "sticker"}
FOLDERS |= {"music": "audio", "video_notes": "video_note", "animations": "animation"}


class Refused(Exception):
    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.status = status
        self.answer: Fields = {"ok": False, "error_code": status, "description": description}
        if parameters:
            self.answer["parameters"] = parameters


def check_text(text: Any, limit: int, empty: str, long: str) -> str:
    if not isinstance(text, str) or (empty and not text.strip()):
        raise Refused(400, f"Bad Request: {empty}")
    if len(text) > limit:
        raise Refused(400, f"Bad Request: {long}")
    return text


def check_markup(markup: Any, *, private: bool) -> None:
    rows = markup.get("inline_keyboard") or markup.get("keyboard") or []
    if "inline_keyboard" in markup and "keyboard" in markup:
        raise Refused(400, "Bad Request: object expected as reply markup")
    if any(len(row) > 8 for row in rows) or sum(map(len, rows)) > 100:
        raise Refused(400, "Bad Request: reply markup is too long")
    for button in (button for row in rows for button in row):
        if not button["text"].strip():
            raise Refused(400, "Bad Request: text buttons are not allowed to be empty")
        if "inline_keyboard" in markup and not 1 <= len(button.get("callback_data", "").encode()) <= 64:
            raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
        if not private and button.keys() & {"request_location", "request_contact"}:
            raise Refused(400, "Bad Request: request buttons can be used in private chats only")


async def read(request: web.Request) -> tuple[Fields, dict[str, tuple[str, bytes]]]:
    """The fields of a JSON or form body; in a form, JSON stands inside the fields."""
    if request.content_type == "application/json":
        fields = await request.json()
        if not isinstance(fields, dict):
            raise Refused(400, "Bad Request: object expected")
        return fields, {}
    fields, files = {}, {}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            files[name] = (value.filename, value.file.read())
        else:
            text = value if isinstance(value, str) else bytes(value).decode()
            fields[name] = json.loads(text) if name in _JSON else text
    return fields, files
