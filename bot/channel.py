"""The contract of a channel: pure translation between a provider's wire and the words of model.py.

A channel never opens a connection, never stores, never decides what to say. The sender carries out its Calls and
gives back what came of them. One more channel is one more file in bot/channels/.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from bot.model import Attachment, Choice, Inbound, Reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a channel carries. Lengths in characters, sizes in bytes. Drives rendering, `gocua check` and the docs."""

    name: str
    text_limit: int
    max_choices: int
    label_limit: int
    buttons: bool
    photo_out: bool
    voice_out: bool
    asks_location: bool
    asks_phone: bool
    photo_limit_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An HTTP request as it came: header names in lower case, the body untouched."""

    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a webhook said. `key` is the provider's own id, by which a repeat is known.

    `unknown` names an event kind that this channel does not know: it is logged and answered 200. `answer` is a JSON
    body for the 200, for providers that take a call in it.
    """

    key: str = ""
    happened: tuple[Inbound | Reached, ...] = ()
    unknown: str = ""
    answer: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message for one chat, as the outbox holds it. `thread` is a forum topic ("" for none).

    `choice_ids` are the native payloads of `choices`, in the same order. `edits` is the provider's id of a message of
    ours to be changed instead of sending a new one.
    """

    chat: str
    text: str
    choices: tuple[Choice, ...] = ()
    choice_ids: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    ask: Literal["", "location", "phone"] = ""
    thread: str = ""
    edits: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file to be sent with a Call: the sender reads its bytes from the media store by `ref`."""

    field: str
    ref: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One HTTP request to the provider. `path` follows the channel's base URL; `body` is JSON unless there are uploads.

    `carries` says that this call is the message itself, not a sign of typing beside it.
    """

    path: str = field(repr=False)  # may hold the bot's token
    body: bytes
    upload: Upload | None = None
    carries: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The provider took it. `remote_id` is its id of the message ("" when it gives none)."""

    remote_id: str


class SendError(Exception):
    """The provider did not take it. Says what the sender does next.

    `permanent`: never again. `blocked`: the resident cannot be written to. `retry_after_s`: not before. `whole`: the
    pause holds for the whole channel, not only this chat. `misconfigured`: only the operator can mend it. `uncertain`:
    it may have been taken all the same (an outage on the provider's side).
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


class Channel(Protocol):
    """What every channel answers. All methods are pure."""

    capabilities: Capabilities

    def verify(self, webhook: Webhook) -> bool:
        """Whether the request really comes from the provider."""
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

    def ask(self, outgoing: Outgoing, after: int, known: frozenset[int], upto: int) -> tuple[Call, ...]:
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
