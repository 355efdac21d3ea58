"""A Telegram Bot API on 127.0.0.1: answers as the real one does, keeps every call, fails on demand.

Stricter than the real one where that finds mistakes: a field or method it does not know is refused. Private chats share
one rising message counter, each group has its own. `async with FakeTelegram() as telegram:` serves at `.base_url`.
"""

import asyncio
import contextlib
import json
import re
import time
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Self

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from tests.fakes.telegram_rules import FOLDERS, METHODS, SENDS, Fields, Refused, check_markup, check_text, read

NOT_MODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a "
    "current content and reply markup of the message"
)
WEBHOOK_ACTIVE = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)
QUERY_TOO_OLD = "Bad Request: query is too old and response timeout expired or query ID is invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One call. `in_answer`: it came in the 200 to a webhook."""

    method: str
    fields: Fields
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    in_answer: bool = False


@dataclass(slots=True, kw_only=True)
class Fault:
    """What happens to the next `times` calls of a method, once `may` is set. `refused` None: the line drops. `done`:
    after it was done."""

    method: str
    refused: Refused | None
    done: bool
    times: int
    may: asyncio.Event | None
    #: so many calls before it go through
    behind: int


class FakeTelegram:
    def __init__(self, token: str = "123456:fake") -> None:
        self.token = token
        self.base_url = ""
        self.calls: list[Received] = []
        self.messages: dict[tuple[int, int], Fields] = {}
        self.delivered: list[Fields] = []
        self.files: dict[str, tuple[str, bytes]] = {}
        self.blocked: set[int] = set()
        self.missing: set[int] = set()
        self.moved: dict[int, int] = {}
        self.webhook: Fields = {}
        self.me = {"id": 123456, "is_bot": True, "first_name": "Gõ Cửa", "username": "gocua_fake_bot"}
        #: whether groups have topics, which the bot may manage
        self.forum = True
        self._faults: list[Fault] = []
        self._pending: list[Fields] = []
        self._queries: set[str] = set()
        #: names of topics by (chat, thread), and those that are closed
        self.topics: dict[tuple[int, int], str] = {}
        self.closed_topics: set[tuple[int, int]] = set()
        self._last_id: dict[int, int] = {}
        self._keyboards: dict[tuple[int, int], Fields] = {}
        self._numbers = count(1)
        self._update_ids = count(500_001)
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[int]] = set()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=60_000_000)
        app.router.add_route("*", "/bot{token}/{method}", self._serve)
        app.router.add_get("/file/bot{token}/{path:.+}", self._serve_file)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._client = ClientSession(timeout=ClientTimeout(total=10))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()
        await self._runner.cleanup()

    # --- what a test does ---

    def fail(
        self,
        method: str,
        status: int,
        description: str = "",
        *,
        done: bool = False,
        times: int = 1,
        may: asyncio.Event | None = None,
        behind: int = 0,
        **parameters: int,
    ) -> None:
        """The next calls of `method` fail. `status` 0: no answer, the line drops; `done`: it was carried out before;
        `may`: they hang until it is set; `behind`: so many go through first."""
        refused = Refused(status, description or f"Injected {status}", **parameters) if status else None
        self._faults.append(Fault(method=method, refused=refused, done=done, times=times, may=may, behind=behind))

    def sent(self, chat: int) -> list[Fields]:
        """What the bot's messages in this chat show now, oldest first."""
        return [shown for (where, _), shown in self.messages.items() if where == chat and shown["from"]["is_bot"]]

    def called(self, method: str) -> list[Received]:
        return [call for call in self.calls if call.method == method]

    def keep_file(self, data: bytes, path: str = "photos/file_1.jpg") -> str:
        """Puts a file at Telegram; gives its file id."""
        file_id = f"FILE{next(self._numbers)}"
        self.files[file_id] = (path, data)
        return file_id

    async def says(
        self, chat: int, text: str = "", *, sender: int = 0, thread: int = 0, reply_to: int = 0, **content: Any
    ) -> int:
        """A person writes; `content` is any other field of a Message. The webhook's status, 0 when it is queued."""
        message = self._message(chat, _person(sender or chat), thread)
        message |= ({"text": text} if text else {}) | content
        if thread:
            self.topics.setdefault((chat, thread), "")
            opened = {"message_id": thread, "from": self.me, "chat": _chat(chat), "date": int(time.time())}
            opened |= {"forum_topic_created": {"name": self.topics[chat, thread], "icon_color": 7322096}}
            message["reply_to_message"] = opened
        if reply_to:
            message["reply_to_message"] = self.messages[chat, reply_to]
        self.messages[chat, message["message_id"]] = message
        return await self.deliver({"message": message})

    async def edits(self, chat: int, message_id: int, text: str) -> int:
        """A person changes the words of a message of theirs."""
        message = self.messages[chat, message_id] | {"text": text, "edit_date": int(time.time())}
        self.messages[chat, message_id] = message
        return await self.deliver({"edited_message": message})

    def newest_of(self, chat: int, sender: int = 0) -> int:
        """The id of the newest message that a person wrote in a chat."""
        return max(number for (where, number), message in self.messages.items()
                   if where == chat and message["from"]["id"] == (sender or chat))  # fmt: skip

    async def press(self, chat: int, label: str, *, message_id: int = 0, sender: int = 0) -> int:
        """Someone presses a button, of the newest message that has it unless one is named."""
        shown = [self.messages[chat, message_id]] if message_id else list(reversed(self.sent(chat)))
        found = [(message, button) for message in shown for button in _buttons(message) if button["text"] == label]
        if not found:
            raise LookupError(f"no button {label!r} in chat {chat}: {[_buttons(message) for message in shown]}")
        message, button = found[0]
        query_id = str(next(self._numbers))
        self._queries.add(query_id)
        query = {"id": query_id, "from": _person(sender or chat), "chat_instance": "1"}
        return await self.deliver({"callback_query": query | {"message": message, "data": button["callback_data"]}})

    async def blocks(self, chat: int, *, again: bool = False) -> int:
        """A resident blocks the bot, or with `again` lets it write again."""
        (self.blocked.discard if again else self.blocked.add)(chat)
        states = [{"user": self.me, "status": "kicked", "until_date": 0}, {"user": self.me, "status": "member"}]
        old, new = states if again else reversed(states)
        change = {"chat": _chat(chat), "from": _person(chat), "date": int(time.time())}
        return await self.deliver({"my_chat_member": change | {"old_chat_member": old, "new_chat_member": new}})

    async def deliver(self, update: Fields) -> int:
        """An update to the webhook (its status; 0: nobody there), or to the queue of getUpdates (0)."""
        update = {"update_id": update.get("update_id") or next(self._update_ids)} | update
        kind = next(name for name in update if name != "update_id")
        if kind not in self.webhook.get("allowed_updates", [kind]):
            return 0
        self.delivered.append(update)
        if not self.webhook.get("url"):
            self._pending.append(update)
            self._news.set()
            return 0
        return await self._post(update)

    async def _post(self, update: Fields) -> int:
        secret = self.webhook.get("secret_token")
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret else {}
        try:
            async with self._client.post(self.webhook["url"], json=update, headers=headers) as response:
                status, body = response.status, await response.read()
        except (ClientError, TimeoutError):
            return 0
        with contextlib.suppress(ValueError):
            call = json.loads(body)
            if status == 200 and isinstance(call, dict) and (method := call.pop("method", "")):
                self.calls.append(Received(method=method, fields=call, in_answer=True))
                with contextlib.suppress(Refused):  # Telegram tells nobody how such a call went
                    await self._carry_out(self.calls[-1])
        return status

    # --- what the bot meets ---

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            if request.match_info["token"] != self.token:
                raise Refused(401, "Unauthorized")
            fields, files = await read(request)
            call = Received(method=request.match_info["method"], fields=fields, files=files)
            self.calls.append(call)
            fault = next((f for f in self._faults if f.method == call.method), None)
            if fault is None or fault.behind:
                if fault:
                    fault.behind -= 1
                return web.json_response({"ok": True, "result": await self._carry_out(call)})
            fault.times -= 1
            if not fault.times:
                self._faults.remove(fault)
            if fault.may:
                await fault.may.wait()
            if fault.done:
                await self._carry_out(call)
            if fault.refused is None:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            raise fault.refused
        except ConnectionResetError:  # who asked was killed before the whole request had come
            return web.Response()
        except Refused as refused:
            return web.json_response(refused.answer, status=refused.status)

    async def _serve_file(self, request: web.Request) -> web.StreamResponse:
        for path, data in self.files.values():
            if request.match_info["token"] == self.token and request.match_info["path"] == path:
                return web.Response(body=data)
        return web.json_response(Refused(404, "Not Found").answer, status=404)

    async def _carry_out(self, call: Received) -> Any:
        method, fields = call.method, call.fields
        if method not in METHODS:
            raise Refused(404, "Not Found")
        must, may = METHODS[method]
        if strange := fields.keys() - must - may:
            raise Refused(400, f"Bad Request: the fake knows no {sorted(strange)} in {method}")
        if lacking := must - fields.keys() - call.files.keys():
            raise Refused(400, f"Bad Request: {method} needs {sorted(lacking)}")
        if "chat_id" in fields:
            self._reach(int(fields["chat_id"]))
        if "reply_markup" in fields:
            check_markup(fields["reply_markup"], private=int(fields["chat_id"]) > 0)
        if method in SENDS:
            return self._send(call)
        match method:
            case "getMe":
                return self.me | dict.fromkeys(("can_read_all_group_messages", "supports_inline_queries"), False)
            case "setWebhook":
                return self._set_webhook(fields)
            case "deleteWebhook":
                self.webhook = {}
            case "getWebhookInfo":
                url = self.webhook.get("url", "")
                return {"url": url, "has_custom_certificate": False, "pending_update_count": len(self._pending)}
            case "getChat":
                return _chat(int(fields["chat_id"])) | {"title": "Tổ", "is_forum": self.forum}
            case "getChatMember":
                return {"user": self.me, "status": "administrator", "can_manage_topics": self.forum}
            case "getUpdates":
                return await self._updates(fields)
            case "editMessageText" | "editMessageReplyMarkup":
                return self._edit(fields)
            case "deleteMessage":
                if self.messages.pop((int(fields["chat_id"]), int(fields["message_id"])), None) is None:
                    raise Refused(400, "Bad Request: message to delete not found")
            case "answerCallbackQuery" if fields["callback_query_id"] not in self._queries:
                raise Refused(400, QUERY_TOO_OLD)
            case "createForumTopic":
                topic = self._next_id(int(fields["chat_id"]))
                self.topics[int(fields["chat_id"]), topic] = fields["name"]
                return {"message_thread_id": topic, "name": fields["name"], "icon_color": 7322096}
            case "editForumTopic" | "closeForumTopic" | "reopenForumTopic":
                self._change_topic(method, fields)
            case "getFile":
                if fields["file_id"] not in self.files:
                    raise Refused(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
                path, data = self.files[fields["file_id"]]
                if len(data) > 20_000_000:
                    raise Refused(400, "Bad Request: file is too big")
                ids = {"file_id": fields["file_id"], "file_unique_id": fields["file_id"]}
                return ids | {"file_size": len(data), "file_path": path}
        return True

    def _reach(self, chat: int) -> None:
        if chat in self.moved:
            says = "Bad Request: group chat was upgraded to a supergroup chat"
            raise Refused(400, says, migrate_to_chat_id=self.moved[chat])
        if chat in self.missing:
            raise Refused(400, "Bad Request: chat not found")
        if chat in self.blocked:
            raise Refused(403, "Forbidden: bot was blocked by the user")

    def _send(self, call: Received) -> Fields:
        fields, name = call.fields, SENDS[call.method]
        chat, thread = int(fields["chat_id"]), int(fields.get("message_thread_id", 0))
        if thread and (chat, thread) not in self.topics:
            raise Refused(400, "Bad Request: message thread not found")
        if name == "text":
            text = check_text(fields["text"], 4096, "message text is empty", "message is too long")
            content: Fields = {"text": text}
        else:
            content = {name: self._shown_file(call, name)}
            if caption := fields.get("caption"):
                content["caption"] = check_text(caption, 1024, "", "message caption is too long")
        message = self._message(chat, self.me, thread) | content
        self._show(message, fields.get("reply_markup"))
        return message

    def _change_topic(self, method: str, fields: Fields) -> None:
        where = (int(fields["chat_id"]), int(fields["message_thread_id"]))
        if where not in self.topics:
            raise Refused(400, "Bad Request: TOPIC_ID_INVALID")
        if method == "editForumTopic":
            if not 1 <= len(fields["name"]) <= 128:
                raise Refused(400, "Bad Request: invalid forum topic name specified")
            if fields["name"] == self.topics[where]:
                raise Refused(400, "Bad Request: TOPIC_NOT_MODIFIED")
            self.topics[where] = fields["name"]
        elif (where in self.closed_topics) == (method == "closeForumTopic"):
            raise Refused(400, "Bad Request: TOPIC_NOT_MODIFIED")
        else:
            self.closed_topics ^= {where}

    def _shown_file(self, call: Received, name: str) -> Any:
        if name in call.files:
            file_name, data = call.files[name]
            if name == "photo" and len(data) > 10_000_000:
                raise Refused(400, "Bad Request: file is too big for a photo")
            folder = next(folder for folder, kind in FOLDERS.items() if kind == name)
            file_id = self.keep_file(data, f"{folder}/{file_name}")
        else:
            file_name, file_id = "", call.fields[name]
            if file_id not in self.files:
                raise Refused(400, "Bad Request: wrong remote file identifier specified: Wrong character in the string")
            was = FOLDERS.get(self.files[file_id][0].partition("/")[0], name)
            if was != name:
                raise Refused(400, f"Bad Request: can't use file of type {was} as {name}")
        shown: Fields = {"file_id": file_id, "file_unique_id": file_id, "file_size": len(self.files[file_id][1])}
        if name in ("photo", "video", "sticker", "animation"):
            shown |= {"width": 90, "height": 90}
        if name in ("voice", "video", "audio", "video_note", "animation"):
            shown |= {"duration": 1}
        if name == "video_note":
            shown |= {"length": 90}
        if name == "sticker":
            shown |= {"is_animated": False, "is_video": False, "type": "regular"}
        if name == "document":
            shown |= {"file_name": file_name}
        return [shown] if name == "photo" else shown

    def _edit(self, fields: Fields) -> Fields:
        place = (int(fields["chat_id"]), int(fields["message_id"]))
        if (message := self.messages.get(place)) is None:
            raise Refused(400, "Bad Request: message to edit not found")
        if message["from"] != self.me or "keyboard" in self._keyboards.get(place, {}):
            raise Refused(400, "Bad Request: message can't be edited")
        markup = fields.get("reply_markup", {})
        if markup and "inline_keyboard" not in markup:
            raise Refused(400, "Bad Request: inline keyboard expected")
        changed = {name: value for name, value in message.items() if name != "reply_markup"}
        if "text" in fields:
            changed["text"] = check_text(fields["text"], 4096, "message text is empty", "MESSAGE_TOO_LONG")
        if markup.get("inline_keyboard"):
            changed["reply_markup"] = markup
        if changed == message:
            raise Refused(400, NOT_MODIFIED)
        self.messages[place] = changed | {"edit_date": int(time.time())}
        return self.messages[place]

    def _set_webhook(self, fields: Fields) -> bool:
        if not re.fullmatch(r"https://.+|http://127\.0\.0\.1[:/].*", fields["url"]):
            raise Refused(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", fields.get("secret_token", "")):
            raise Refused(400, "Bad Request: secret token contains unallowed characters")
        self.webhook = fields
        waiting, self._pending = self._pending, []
        for update in waiting:
            task = asyncio.create_task(self._post(update))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return True

    async def _updates(self, fields: Fields) -> list[Fields]:
        if self.webhook:
            raise Refused(409, WEBHOOK_ACTIVE)
        offset = int(fields.get("offset", 0))
        self._pending = [update for update in self._pending if update["update_id"] >= offset]
        if not self._pending:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), float(fields.get("timeout", 0)))
        return self._pending[: int(fields.get("limit", 100))]

    def _next_id(self, chat: int) -> int:
        counter = chat if chat < 0 else 0
        self._last_id[counter] = self._last_id.get(counter, 0) + 1
        return self._last_id[counter]

    def _message(self, chat: int, sender: Fields, thread: int) -> Fields:
        message = {"message_id": self._next_id(chat), "from": sender, "chat": _chat(chat), "date": int(time.time())}
        return message | ({"message_thread_id": thread, "is_topic_message": True} if thread else {})

    def _show(self, message: Fields, markup: Fields | None) -> None:
        place = (message["chat"]["id"], message["message_id"])
        self.messages[place] = message
        if markup:
            self._keyboards[place] = markup
            if "inline_keyboard" in markup:  # Telegram repeats no other keyboard
                message["reply_markup"] = markup

    def keyboard(self, message: Fields) -> Fields:
        """The keyboard that was sent with a message, of either kind."""
        return self._keyboards.get((message["chat"]["id"], message["message_id"]), {})


def _person(number: int) -> Fields:
    return {"id": number, "is_bot": False, "first_name": f"Person {number}"}


def _chat(chat: int) -> Fields:
    if chat < 0:
        return {"id": chat, "type": "supergroup", "title": "Tổ trực", "is_forum": True}
    return {"id": chat, "type": "private", "first_name": f"Person {chat}"}


def _buttons(message: Fields) -> list[Fields]:
    return [button for row in message.get("reply_markup", {}).get("inline_keyboard", ()) for button in row]
