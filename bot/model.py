"""The nouns of a conversation, and the closed unions Event (what happened) and Effect (what to do about it).

Never holds behaviour: transitions are in engine.py and handoff.py. All times are aware and UTC.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct, field

Owner = Literal["bot", "team"]
#: "note" is a round video, "animation" a moving picture without sound
MediaKind = Literal["photo", "voice", "audio", "video", "note", "animation", "file", "sticker"]
PlaceHow = Literal["typed", "pin", "button"]
CaseState = Literal["none", "waiting", "taken"]
#: whether a resident wants notices: not asked yet, asked, or what they said
Notices = Literal["", "asked", "yes", "no"]
Outcome = Literal["solved", "visit", "passed_on", "no_answer", "resident_left", "handed_back"]


class Noun(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Can be written as JSON (record.py); a field at its default is left out there."""


class Kind(Noun, frozen=True, kw_only=True, tag=True, tag_field="kind"):
    """A member of a union: written with the name of its class."""


class Attachment(Noun, frozen=True, kw_only=True):
    """A picture, voice or file. `ref` is the provider's file id before the media store has it, `media:<id>` after."""

    kind: MediaKind
    ref: str
    name: str = ""
    size_bytes: int = 0


class Point(Noun, frozen=True, kw_only=True):
    """A pin, in degrees. It is resolved to a commune within the turn and never stored."""

    lat: float
    lon: float


class Contact(Noun, frozen=True, kw_only=True):
    """A phone number that a channel hands over. `own` is False for somebody else's card: do not trust that one."""

    phone: str
    own: bool


class Choice(Noun, frozen=True, kw_only=True):
    """One thing a resident can pick. `id` is what the engine acts on ("done", "flow:vneid", "option:2")."""

    id: str
    label: str


class Menu(Noun, frozen=True, kw_only=True):
    """The choices of the newest question. Channels send them back as "<number>.<place in choices, from 1>"."""

    number: int
    choices: tuple[Choice, ...]


class Place(Noun, frozen=True, kw_only=True):
    """Where a resident lives: today's 5-digit commune code and the hamlet as they call it ("" when unknown)."""

    commune: str
    hamlet: str = ""
    how: PlaceHow = "typed"
    certain: bool = True


class Position(Noun, frozen=True, kw_only=True):
    """Where in a flow a resident stands. The flow's version is pinned: an edit never moves them by surprise."""

    flow: str
    version: str
    step: str
    #: steps they waited at before this one, oldest first: what "quay lại" goes back along
    trail: tuple[str, ...] = ()
    #: how far the dialogue inside the step is ("" at its start), such as "confirm" while a place is confirmed
    stage: str = ""
    #: what that dialogue must keep between two turns, such as the codes of the communes on offer
    draft: tuple[str, ...] = ()


class Conversation(Noun, frozen=True, kw_only=True):
    """All that is kept between two turns of one chat. Stored as JSON by record.py."""

    channel: str
    chat: str
    held_by: Owner = "bot"
    #: raised at each change of owner: a reply composed under an older epoch is not sent
    epoch: int = 0
    position: Position | None = None
    #: paused positions, innermost last
    stack: tuple[Position, ...] = ()
    menu: Menu | None = None
    #: menus shown so far; the newest has this number
    menus: int = 0
    #: the menu acted on last, and when: a second press of the same button a moment later is no new wish
    answered: int = 0
    answered_at: datetime | None = None
    #: when to come back if nothing is heard; None: never
    wake_at: datetime | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    #: messages in a row that were not understood
    misses: int = 0
    #: the newest question in the resident's own words, masked, and the topic it was taken for
    asked: tuple[str, ...] = ()
    #: stuck signs met at this step, so that the same advice is not given twice
    tried: tuple[str, ...] = ()
    place: Place | None = None
    consent: datetime | None = None
    case: CaseState = "none"
    #: when a waiting resident was last told that their words are kept
    acked_at: datetime | None = None
    #: when the team last ended a case of theirs: for some days "not done yet" opens it again
    closed_at: datetime | None = None
    #: the channels of this resident's other chats, joined to this one by their wish
    joined: tuple[str, ...] = ()
    notices: Notices = ""
    #: whether all that is said to them is read aloud too
    aloud: bool = False
    #: the surveys that they have been through
    surveys: tuple[str, ...] = ()
    #: the kind warning about secrets is given once
    warned: bool = False
    greeted: bool = False


# --- what happened ---------------------------------------------------------------------------------------------


class Inbound(Kind, frozen=True, kw_only=True):
    """One message of a person, as a channel parsed it; `text` is already masked by knowledge.secrets.

    `choice` is the native payload of a pressed button. `sender` differs from `chat` in groups, `thread` is a forum
    topic there. `reply_to` is the provider's id of the message answered. `secrets` are the kinds that were masked.
    """

    channel: str
    chat: str
    message_id: str
    sent_at: datetime
    text: str = ""
    choice: str | None = None
    point: Point | None = None
    attachments: tuple[Attachment, ...] = ()
    contact: Contact | None = None
    sender: str = ""
    sender_name: str = ""
    reply_to: str | None = None
    #: how our own message began that was answered; "" when it was nobody's or a person's
    reply_text: str = ""
    edited: bool = False
    group: bool = False
    thread: str = ""
    #: the album that this picture is a piece of; its pieces become one message before anybody hears of them
    album: str = ""
    secrets: tuple[str, ...] = ()


class Reached(Kind, frozen=True, kw_only=True):
    """The channel says whether this resident can be written to at all (they blocked or unblocked the bot)."""

    channel: str
    chat: str
    reachable: bool


class TakenOver(Kind, frozen=True, kw_only=True):
    """A person answered this resident from the provider's own screen: the bot is to be silent there from now on.

    `admin` is the provider's id of that person; `text` and `message_id` are what they wrote. "" where it tells nothing.
    """

    channel: str
    chat: str
    admin: str = ""
    text: str = ""
    message_id: str = ""


class Withdrawn(Kind, frozen=True, kw_only=True):
    """This resident took back their consent at the provider: all that is kept of them must be erased."""

    channel: str
    chat: str


class WaitExpired(Kind, frozen=True, kw_only=True):
    """Nothing was heard until `due_at`. Stale when the conversation's wake_at is another."""

    due_at: datetime


class CaseTaken(Kind, frozen=True, kw_only=True):
    case: int
    #: how the resident knows them: "chị Lan, Tổ công nghệ số ấp 3"
    member: str


class CaseWaits(Kind, frozen=True, kw_only=True):
    """Nobody is free: the case stays in its queue. `promised_at` is when an answer can be expected.

    `late`: an answer was due by now, so this is a new promise.
    """

    case: int
    promised_at: datetime
    late: bool = False


class QueuePlace(Kind, frozen=True, kw_only=True):
    """What a waiting resident asked: they are the `place`-th, from 1, of those who wait near them."""

    case: int
    place: int
    promised_at: datetime


class MemberSaid(Kind, frozen=True, kw_only=True):
    case: int
    member: str
    text: str
    attachments: tuple[Attachment, ...] = ()


class CaseClosed(Kind, frozen=True, kw_only=True):
    case: int
    outcome: Outcome
    visit_on: str = ""


class CasePassed(Kind, frozen=True, kw_only=True):
    """Whoever held the case gave it on; nobody holds it until the next one takes it."""

    case: int
    #: who comes next, as a resident is told: "anh Tâm, Tổ công nghệ số ấp 3", "người khác của tổ"
    to: str


class StepShown(Kind, frozen=True, kw_only=True):
    """A member lets the resident read a step again. The team keeps the talk."""

    case: int
    flow: str
    step: str


class HandedBack(Kind, frozen=True, kw_only=True):
    """The team gives the talk back to the bot, which goes on at this step. The case is closed."""

    case: int
    flow: str
    step: str


class JoinCode(Kind, frozen=True, kw_only=True):
    """The one-time code that this resident asked for: typed in another chat of theirs, it joins the two."""

    code: str
    minutes: int


class CodeRead(Kind, frozen=True, kw_only=True):
    """What the code is that was typed here. "found": of a chat on `channel`, and kept for this one.

    "own": it was given in this very chat; "same": the two are joined already; "wrong": no such code, expired, used or
    another's; "too_many": nothing is looked up for a while.
    """

    found: Literal["found", "own", "same", "wrong", "too_many"]
    channel: str = ""


class ChatsJoined(Kind, frozen=True, kw_only=True):
    """With which others, by channel, this chat is joined from now on; () none. The rest is what they know already."""

    others: tuple[str, ...]
    place: Place | None = None
    consent: datetime | None = None


class Learned(Kind, frozen=True, kw_only=True):
    """What the resident has said of themselves in another chat of theirs. None: nothing new."""

    place: Place | None = None
    consent: datetime | None = None
    notices: Notices = ""


class CaseMoved(Kind, frozen=True, kw_only=True):
    """The resident's open case goes on in this chat, where they wrote last; "none": in their chat on `channel`.

    Otherwise `channel` is where it was until now.
    """

    case: CaseState
    channel: str


class ErasedElsewhere(Kind, frozen=True, kw_only=True):
    """The resident had everything erased in another chat of theirs; that holds for this one too."""


class NoticeDue(Kind, frozen=True, kw_only=True):
    """It is this resident's turn to read a notice. `patient`: when they are in the middle of a flow, it can wait."""

    notice: int
    text: str
    patient: bool = True


class CourseOpened(Kind, frozen=True, kw_only=True):
    """The person of this chat is a member, and wants to learn."""

    flow: str


class Crashed(Kind, frozen=True, kw_only=True):
    """An event raised three times: the conversation goes to a person. `message` is what the resident had written."""

    message: str


class OfferExpired(Kind, frozen=True, kw_only=True):
    """This offer is over before its time: whom it was put to cannot be reached. Stale once it was answered."""

    offer: int


class OfferDeclined(Kind, frozen=True, kw_only=True):
    case: int


class LadderAgain(Kind, frozen=True, kw_only=True):
    """Somebody is free: a case that waits is put to the members once more, from the first rung."""

    case: int


class CaseDue(Kind, frozen=True, kw_only=True):
    """The next moment of a case has come. What is not due by then does not happen: a stale timer does nothing."""

    case: int


class DayStarts(Kind, frozen=True, kw_only=True):
    """The hours in which members are asked begin: they and their leads read what waits near them."""


#: what a channel can tell
Happened = Inbound | Reached | TakenOver | Withdrawn


class HeldWords(Kind, frozen=True, kw_only=True):
    """A member's words that could be taken back until now. `asked_by` is the inbox row that they came with."""

    case: int
    member: int
    message_id: str
    asked_by: int
    text: str
    attachments: tuple[Attachment, ...] = ()


class Undelivered(Kind, frozen=True, kw_only=True):
    """A member's words that did not surely reach the resident, and will not go again by themselves."""

    #: "window": only the resident can open the talk again; "unknown": it may have arrived, nobody can tell
    why: Literal["blocked", "refused", "window", "unknown"]


MemberEvent = HeldWords | Undelivered
CaseEvent = CaseDue | OfferExpired | OfferDeclined | LadderAgain | DayStarts
Event = (
    Inbound
    | WaitExpired
    | CaseTaken
    | CaseWaits
    | QueuePlace
    | CasePassed
    | MemberSaid
    | CaseClosed
    | StepShown
    | HandedBack
    | TakenOver
    | Withdrawn
    | JoinCode
    | CodeRead
    | ChatsJoined
    | Learned
    | CaseMoved
    | ErasedElsewhere
    | NoticeDue
    | CourseOpened
    | Crashed
)


# --- what to do about it ---------------------------------------------------------------------------------------


class Reply(Kind, frozen=True, kw_only=True):
    """Words to the resident. `choices` are numbered on channels without buttons.

    `notice` says where things stand (taken, waiting, closed): it stays true when the conversation changes hands, so
    a raised epoch does not void it. `ask` lets a channel offer its own way to send a position or phone number.
    `picture` names one of the library's, and `picture_says` what it shows, for who cannot see it. `aloud` is what a
    resident who wished so hears of it, as it is spoken; "": it is not read to them.
    """

    text: str
    choices: tuple[Choice, ...] = ()
    menu: int = 0
    attachments: tuple[Attachment, ...] = ()
    author: Literal["bot", "member"] = "bot"
    notice: bool = False
    ask: Literal["", "location", "phone"] = ""
    picture: str = ""
    picture_says: str = ""
    aloud: str = ""


class OpenCase(Kind, frozen=True, kw_only=True):
    """Hand over to the nearest member. `problem` is the resident's own words; the rest becomes the summary."""

    topic: str
    flow: str
    step: str
    problem: str
    answers: Mapping[str, str]
    tried: tuple[str, ...]
    place: Place | None
    #: not a new wish: what was closed a moment ago is not done yet
    again: bool = False


class Relay(Kind, frozen=True, kw_only=True):
    """A resident's words to whoever holds the case, or to its queue. `reply_to` is the message of ours they answer."""

    text: str
    attachments: tuple[Attachment, ...] = ()
    reply_to: str = ""


class QueueAsked(Kind, frozen=True, kw_only=True):
    """A waiting resident wants to know when it is their turn."""


class LeaveCase(Kind, frozen=True, kw_only=True):
    """The resident went back to the bot, or stopped."""


class Remember(Kind, frozen=True, kw_only=True):
    """Something about the resident worth a line of its own: their place, consent, feedback, wish for notices."""

    what: Literal["place", "consent", "feedback", "notices"]
    value: str


class Note(Kind, frozen=True, kw_only=True):
    """A fact for the log, from which reports are made. Never a resident's words."""

    what: str
    flow: str = ""
    step: str = ""
    detail: str = ""


class Missed(Kind, frozen=True, kw_only=True):
    """Words not understood, or whose answer was not meant ("repicked"): kept, masked, for authors to learn from."""

    why: Literal["missed", "repicked"]
    text: str
    #: what the search took them for
    topic: str = ""


class Surveyed(Kind, frozen=True, kw_only=True):
    """One answer of a survey; "" when the question was skipped. `question` is its step."""

    survey: str
    version: str
    question: str
    answer: str


class Quizzed(Kind, frozen=True, kw_only=True):
    """A member's answer to a question of a course."""

    course: str
    version: str
    question: str
    right: bool


class NoticeMet(Kind, frozen=True, kw_only=True):
    """What became of a notice that was due. "busy": it has to come again; "refused": they do not want any."""

    notice: int
    how: Literal["said", "busy", "refused"]


class JoinAsked(Kind, frozen=True, kw_only=True):
    """The resident wants a code with which to join this chat to another of theirs."""


class CodeTyped(Kind, frozen=True, kw_only=True):
    """What may be such a code, of another chat."""

    code: str


class JoinAnswered(Kind, frozen=True, kw_only=True):
    """Whether the chat whose code was typed here is to be joined to this one."""

    agreed: bool


class Unjoined(Kind, frozen=True, kw_only=True):
    """This chat is to stand alone again."""


class Forget(Kind, frozen=True, kw_only=True):
    """Erase what is kept of this resident: their words, place, answers."""


Effect = (
    Reply
    | OpenCase
    | Relay
    | QueueAsked
    | LeaveCase
    | Remember
    | Note
    | Missed
    | Surveyed
    | Quizzed
    | NoticeMet
    | JoinAsked
    | CodeTyped
    | JoinAnswered
    | Unjoined
    | Forget
)


class Turn(Noun, frozen=True, kw_only=True):
    """The outcome of one event: the next state, and the effects in the order in which they were decided."""

    conversation: Conversation
    effects: tuple[Effect, ...]
