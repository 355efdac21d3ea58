"""The contract of a channel: pure translation between a provider's wire and the words of model.py.

A channel never opens a connection, never stores, never decides what to say. The sender carries out its Calls and
gives back what came of them. One more channel is one more file in bot/channels/.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from msgspec.structs import replace

from bot.capabilities import Capabilities as Capabilities
from bot.model import Attachment, Choice, Happened, Noun

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

#: how the ref of a file begins whose bytes the sender has: what people sent, a step's picture, words read aloud
MEDIA, PICTURE, SPEECH = "media:", "picture:", "speech:"
OURS = (MEDIA, PICTURE, SPEECH)
#: what a resident reads in place of a file that their channel cannot carry
NOT_CARRIED = "(Có gửi kèm một tệp mà ở đây chưa chuyển được. Bác cần thì nhắn con một tiếng nhé.)"


class Webhook(Noun, frozen=True, kw_only=True):
    """An HTTP request as it came: header names in lower case, the body untouched."""

    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


class Parsed(Noun, frozen=True, kw_only=True):
    """What a webhook said. `key` is the provider's own id, by which a repeat is known.

    `keys` replace it where one request carries several events that may be sent again in other company: one for each
    of `happened`. `unknown` names an event kind that this channel does not act on: it is logged and answered 200.
    `answer` is a body for the 200, of `answer_type`, for providers that take a call or an echo in it.
    """

    key: str = ""
    happened: tuple[Happened, ...] = ()
    unknown: str = ""
    answer: bytes = b""
    keys: tuple[str, ...] = ()
    answer_type: str = "application/json"


class Outgoing(Noun, frozen=True, kw_only=True):
    """One message for one chat, as the outbox holds it. `thread` is a forum topic ("" for none).

    With `topic` it is no message but a topic of the chat under the name `text`: made (the receipt's id is its thread),
    opened once more, or ended.

    `choice_ids` are the native payloads of `choices`, in the same order. `edits` is the provider's id of a message of
    ours to be changed instead of sending a new one; channels that cannot change one send a new one. `human`: a member
    wrote it, not the bot. `late`: the channel's window for answers of a bot is over. `plain`: without the channel's own
    buttons and forms, because it refused them (SendError.degrade); choices are then numbered lines.
    """

    chat: str
    text: str
    choices: tuple[Choice, ...] = ()
    choice_ids: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    ask: Literal["", "location", "phone"] = ""
    thread: str = ""
    edits: str = ""
    topic: Literal["", "open", "again", "done"] = ""
    human: bool = False
    late: bool = False
    plain: bool = False


class Upload(Noun, frozen=True, kw_only=True):
    """A file to be sent with a Call: the sender has its bytes by `ref`, which begins as one of OURS."""

    field: str
    ref: str
    name: str


class Call(Noun, frozen=True, kw_only=True):
    """One HTTP request to the provider. `path` follows the channel's base URL.

    `body` is JSON, unless a content-type among `headers` says else; with an upload it is a JSON object of form fields.
    `carries` says that this call is the message itself, not an upload or a sign of typing beside it. `gives` stands, in
    the calls after this one, for the id that its receipt brings (an upload's): see `filled`.
    """

    path: str
    body: bytes
    upload: Upload | None = None
    carries: bool = True
    headers: tuple[tuple[str, str], ...] = ()
    gives: str = ""
    method: Literal["POST", "GET"] = "POST"

    def __repr__(self) -> str:
        """Without the path and the headers: either may hold the bot's token."""
        return f"Call(method={self.method!r}, body={self.body!r}, upload={self.upload!r}, gives={self.gives!r})"


class Receipt(Noun, frozen=True, kw_only=True):
    """The provider took it. `remote_id` is its id of the message ("" when it gives none), or of an upload.

    `quota` is what the provider counts the message against ("paid": money), "" where it does not say. `file_id` is its
    own id of the file that went up, when the same file can go to others by it.
    """

    remote_id: str
    quota: str = ""
    file_id: str = ""


class Touched(Noun, frozen=True, kw_only=True):
    """A message of ours, in the same chat, that was met in the search for another."""

    message_id: int
    text: str


class SendError(Exception):
    """The provider did not take it. Says what the sender does next.

    `permanent`: never again. `blocked`: the resident cannot be written to. `retry_after_s`: not before. `whole`: the
    pause holds for the whole channel, not only this chat. `misconfigured`: only the operator can mend it. `uncertain`:
    it may have been taken all the same (an outage on the provider's side). `window`: only the resident can open the
    talk again, by writing. `degrade`: the same message rendered `plain` may be taken; it was refused for its buttons or
    form. `token`: the access token is worn out, a fresh one helps. `tries`: not more often than this, 0 for as usual.
    `no_thread`: the chat is there, but it has no such topic, or takes none.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        blocked: bool = False,
        retry_after_s: float | None = None,
        whole: bool = False,
        misconfigured: bool = False,
        moved_to: str = "",
        uncertain: bool = False,
        window: bool = False,
        degrade: bool = False,
        token: bool = False,
        tries: int = 0,
        no_thread: bool = False,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.blocked = blocked
        self.retry_after_s = retry_after_s
        self.whole = whole
        self.misconfigured = misconfigured
        #: the chat has a new id from now on
        self.moved_to = moved_to
        self.uncertain = uncertain
        self.window = window
        self.degrade = degrade
        self.token = token
        self.tries = tries
        self.no_thread = no_thread


class Channel(Protocol):
    """What every channel answers. All methods are pure."""

    capabilities: Capabilities

    def verify(self, webhook: Webhook) -> bool:
        """Whether the request really comes from the provider, or is a mere probe of the address that says nothing."""
        ...

    def parse(self, webhook: Webhook) -> Parsed:
        """The events in a verified request. Never raises on what a provider may send: unknown is a result."""
        ...

    def render(self, outgoing: Outgoing) -> tuple[Call, ...]:
        """The calls that show one message, in order. Too long a text becomes several; choices go with the last."""
        ...

    def receipt(self, call: Call, status: int, body: bytes) -> Receipt:
        """What the provider answered. Raises SendError when it did not take the message."""
        ...

    def ask(self, outgoing: Outgoing, after: int, known: frozenset[int], upto: int) -> Iterator[Call]:
        """Harmless calls that find out whether a message of unknown fate arrived; empty where that cannot be asked.

        `after` is the highest message id known before the send, `upto` the highest known now, `known` the ids between
        them that are something else. The message arrived when `arrived` is true of one call's answer.
        """
        ...

    def arrived(self, outgoing: Outgoing, call: Call, status: int, body: bytes) -> str:
        """The remote id that an `ask` call found, "" when there is no such message.

        Raises SendError when the answer is neither: ask again later, for "no" would send it twice.
        """
        ...

    def touched(self, outgoing: Outgoing, status: int, body: bytes) -> Touched | None:
        """The other message of ours that an `ask` call met and changed, by its answer; None when it met none."""
        ...


def open_until(can: Capabilities, heard_at: datetime | None, *, human: bool) -> datetime | None:
    """When the window closes for what the bot (`human`: a member) writes; None when it never does.

    Nobody has been heard on a channel with a window: it closed long ago.
    """
    hours = can.human_hours if human else can.window_hours
    if not hours:
        return None
    return (heard_at or _LONG_AGO) + timedelta(hours=hours)


def split(text: str, limit: int) -> tuple[str, ...]:
    """A text in parts of at most `limit` characters: at a paragraph, else a line, a sentence, a space, else hard.

    Never splits inside a word shorter than the limit, so never inside a number or link. Empty text: no parts.
    """
    parts: list[str] = []
    rest = text.strip()
    while len(rest) > limit:
        window = rest[: limit + 1]
        cut = next(
            (place + len(mark) for mark in ("\n\n", "\n", ". ", " ") if (place := window.rfind(mark)) > limit // 3),
            limit,
        )
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return (*parts, rest) if rest else tuple(parts)


def numbered(text: str, choices: tuple[Choice, ...]) -> str:
    """The choices as numbered lines under the text, for channels that have no buttons."""
    if not choices:
        return text
    lines = "\n".join(f"{place}. {choice.label}" for place, choice in enumerate(choices, 1))
    return f"{text}\n\n{lines}\n(Bác nhắn số giúp con)"


def listed(text: str, choices: tuple[Choice, ...], limit: int) -> tuple[str, ...]:
    """The parts of a text (see `split`), the numbered choices kept together in the last."""
    parts = split(text, limit)
    menu = numbered("", choices).strip()
    if not menu:
        return parts
    together = f"{parts[-1]}\n\n{menu}" if parts else menu
    return (*parts[:-1], together) if len(together) <= limit else (*parts, *split(menu, limit))


def filled(call: Call, found: Mapping[str, str]) -> Call:
    """The call with what earlier ones gave: `found` is {Call.gives: Receipt.remote_id}. Without any it is itself."""
    body = call.body
    for stands_for, remote_id in found.items():
        body = body.replace(json.dumps(stands_for).encode(), json.dumps(remote_id).encode())
    return replace(call, body=body) if body != call.body else call
