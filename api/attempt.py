"""One try to send one message: whether it may still go, what it looks like, and what came of it.

What the provider's answer, or its silence, means for the message is decided here. Writes nothing down and waits for no
turn: that is api.sender's.
"""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from msgspec.structs import replace

from api import fate, marks
from api.carried import as_sent
from api.carrier import Carrier, UnknownFate
from api.house import House
from api.marks import Result
from api.outbox import SENT_AGAIN, SPOKEN, TAKEN, UNKNOWN_FATE, Status
from api.prepared import Prepared, Row
from api.store import StoreBusy
from api.tables import ConversationRow
from api.voice import NotSpoken
from bot import record
from bot.channel import PICTURE, SPEECH, Channel, Outgoing, Receipt, SendError, open_until
from bot.model import Attachment, Reply

log = structlog.get_logger()

#: a message that is refused, or of which nobody can say whether it arrived, is given up after so many tries (about
#: three hours of back-off); one at which we ourselves fail sooner, for all that follows it in its lane waits
MOST_TRIES, MOST_RAISED = 14, 6
#: a message of unknown fate that cannot be asked about is sent again for so long: each time it may come once more
BLINDLY = timedelta(minutes=2)

_talk = ConversationRow.__table__
_HEARD = Prepared(sa.select(_talk.c.heard_at).where(_talk.c.key == sa.bindparam("key")))


class Attempt:
    """`row` is marked as being sent, and stays as it is."""

    def __init__(self, house: House, carrier: Carrier, row: Row) -> None:
        self.house, self.carrier, self.row = house, carrier, row
        #: an earlier try may have arrived: whoever reads this one may have it twice
        self.unsure = row["error"] in (UNKNOWN_FATE, SENT_AGAIN)
        #: and nobody can be asked whether it did
        self.blindly = False
        #: see Carrier.carry
        self.taken: dict[str, str] = dict(row["body"].get(TAKEN, {}))

    async def made(self) -> Result:
        """Raises when we ourselves fail, not when a provider does: see `raised`."""
        return self._with_taken(await self._tried())

    async def _tried(self) -> Result:
        channel = self.house.channels.get(self.row["channel"])
        if channel is None:
            return self._failed(SendError(f"channel {self.row['channel']} is off", permanent=True))
        outgoing = await self._ready(channel)
        if isinstance(outgoing, Result):
            return outgoing
        self.blindly = self.unsure and not fate.can_ask(channel, outgoing)
        if self.row["error"] == UNKNOWN_FATE and (found := await self._asked(outgoing)):
            return found
        return await self._carried(outgoing)

    def raised(self, error: Exception) -> Result:
        """A fault of ours, or the database was away."""
        why = self.row["error"] if self.row["error"] == UNKNOWN_FATE else self._unless_unsure(type(error).__name__)
        if isinstance(error, StoreBusy):
            return self._with_taken(replace(self._later(why), untried=True))
        if self.row["attempts"] < MOST_RAISED:
            return self._with_taken(self._later(why))
        return self._failed(SendError(type(error).__name__, permanent=True))

    # --- before it goes ------------------------------------------------------------------------------------------

    async def _ready(self, channel: Channel) -> Outgoing | Result:
        """As it goes out now; or that it does not."""
        row = self.row
        outgoing = self._pictured(_outgoing(row), channel)
        if channel.capabilities.window_hours:
            now = self.house.now()
            heard_at = await self.house.store.read(lambda c: _HEARD.scalar(c, {"key": row["conversation"]}))
            bots, members = (open_until(channel.capabilities, heard_at, human=human) for human in (False, True))
            closes = members if outgoing.human else bots
            if closes and closes <= now:
                return self._failed(SendError("the channel's window is closed", permanent=True, window=True))
            outgoing = replace(outgoing, late=bool(bots and bots <= now))
        if SPOKEN in row["body"]:
            heard = await self._spoken(outgoing)
            if heard is None:
                return self._came(Status.SENT)
            outgoing = heard
        if row["body"].keys() & {"topic", "edits"}:
            outgoing = await self.house.store.read(lambda c: marks.aimed(c, row, outgoing))
            if outgoing.topic == "done" and not outgoing.thread:
                return self._came(Status.SENT)
        return outgoing

    def _pictured(self, outgoing: Outgoing, channel: Channel) -> Outgoing:
        """With the picture of its step, where the channel shows any; the text says the same without."""
        shown = self.house.shelf.library.pictures.get(self.row["body"].get("picture", ""))
        if shown is None or not channel.capabilities.photo_out:
            return outgoing
        photo = Attachment(kind="photo", ref=PICTURE + shown.name, name=shown.file.name, size_bytes=shown.size_bytes)
        return replace(outgoing, attachments=(*outgoing.attachments, photo))

    async def _spoken(self, outgoing: Outgoing) -> Outgoing | None:
        """A message that is read aloud. None: nothing is to be sent, for the words themselves have gone before.

        That an engine fails is said once in a talk, until it speaks again.
        """
        row, voice = self.row, self.house.voice
        if voice is None:
            return None
        try:
            sound = await voice.sound(row["body"][SPOKEN], row["channel"])
        except NotSpoken as error:
            self.house.worries["speech"] = f"Chưa đọc thành tiếng được, xem các GOCUA_SPEECH_*: {error}"
            if voice.told.setdefault(row["conversation"], row["id"]) != row["id"]:
                return None
            return replace(outgoing, text=self.house.shelf.library.phrases.aloud_failed)
        self.house.worries.pop("speech", None)
        spoken = Attachment(
            kind="voice", ref=SPEECH + sound.path.name, name=f"nghe{sound.path.suffix}", size_bytes=sound.size_bytes
        )
        return replace(outgoing, attachments=(as_sent(row["channel"], spoken, sound.content_type),))

    async def _asked(self, outgoing: Outgoing) -> Result | None:
        """What is known of an earlier try. None: the message goes now."""
        try:
            found = await fate.asked(self.carrier, self.row, outgoing)
        except SendError as error:
            result = self._failed(error)  # still unsure: sent blindly it might come twice
            return replace(result, error=UNKNOWN_FATE) if result.status == Status.QUEUED else result
        if found:
            return self._came(Status.SENT, remote_id=found, sent_at=self.house.now())
        if found is None and outgoing.human:
            # a step of a flow may be read twice; what a person wrote is theirs to write again
            return self._never_known()
        self.unsure = found is None
        return None

    # --- on the wire ---------------------------------------------------------------------------------------------

    async def _carried(self, outgoing: Outgoing) -> Result:
        row, house = self.row, self.house
        try:
            if outgoing.attachments and house.files:
                outgoing = await house.files.ready(outgoing, row["channel"], row["conversation"])
            receipt = await self._with_or_without_picture(outgoing)
        except SendError as error:
            if error.no_thread and row["body"].get("topic") == "in" and outgoing.thread:
                # somebody took the topic away: its words go on in the group itself
                return self._came(Status.QUEUED, error=self._unless_unsure(str(error)), topic_of=row["case_id"])
            return self._failed(error)
        except UnknownFate:
            return self._unanswered()
        house.worries.pop(row["channel"], None)
        if row["chat"] == house.settings.telegram_team_chat:
            house.worries.pop("telegram_team_chat", None)
        made = row["case_id"] if outgoing.topic == "open" else None
        return self._came(Status.SENT, remote_id=receipt.remote_id, sent_at=house.now(), topic_of=made,
                          quota=receipt.quota, error=self._unless_unsure(""))  # fmt: skip

    async def _with_or_without_picture(self, outgoing: Outgoing) -> Receipt:
        """A picture that the provider refuses takes none of the words with it."""
        name = self.row["channel"]
        try:
            return await self.carrier.carry(name, outgoing, self.taken)
        except SendError as error:
            files = tuple(one for one in outgoing.attachments if not one.ref.startswith(PICTURE))
            if len(files) == len(outgoing.attachments) or not error.permanent or error.blocked or error.window:
                raise
            log.warning("sent_without_picture", channel=name, error=str(error))
        return await self.carrier.carry(name, replace(outgoing, attachments=files), self.taken)

    # --- what came of it -----------------------------------------------------------------------------------------

    def _failed(self, error: SendError) -> Result:
        row, worries = self.row, self.house.worries
        if error.misconfigured:
            worries[row["channel"]] = str(error)
        if error.moved_to:
            worries["telegram_team_chat"] = (
                f"Nhóm Telegram của tổ đã đổi số: đặt GOCUA_TELEGRAM_TEAM_CHAT={error.moved_to} rồi khởi động lại."
            )
        # "later" is no failure: a burst in one group may hear it many times over
        given_up = row["attempts"] >= (error.tries or MOST_TRIES) and (error.retry_after_s is None or error.tries)
        if error.window and row["body"].get("author") != "member":
            return self._came(Status.VOID)  # the bot falls silent with the resident: nobody waits for its words
        if error.permanent or error.blocked or given_up:
            if (self.unsure or error.uncertain) and not error.blocked:
                return self._never_known()
            if row["chat"] == self.house.settings.telegram_team_chat:
                worries["telegram_team_chat"] = f"Nhóm Telegram của tổ không nhận được tin: {error}"
            return self._came(
                Status.DEAD,
                error=str(error),
                blocked=(row["channel"], row["chat"]) if error.blocked else None,
                undelivered=_from_member(row),
                why="window" if error.window else "blocked" if error.blocked else "refused",
            )
        if error.retry_after_s is not None:
            until = self.house.now() + timedelta(seconds=error.retry_after_s)
            where = row["channel"] if error.whole else f"{row['channel']}:{row['chat']}"
            return _result(row, Status.QUEUED, until, error=self._unless_unsure(str(error)), paused=where,
                           untried=not error.tries)  # fmt: skip
        return self._later(UNKNOWN_FATE if error.uncertain and not self.blindly else self._unless_unsure(str(error)))

    def _with_taken(self, result: Result) -> Result:
        """What was taken of a message that goes on later is kept with it: another process may be the next to try."""
        body = self.row["body"]
        if result.status != Status.QUEUED or self.taken == body.get(TAKEN, {}):
            return result
        return replace(result, body={**body, TAKEN: self.taken})

    def _unanswered(self) -> Result:
        row = self.row
        if row["attempts"] >= MOST_TRIES or (self.blindly and self.house.now() - row["marked_at"] > BLINDLY):
            return self._never_known()
        return self._later(UNKNOWN_FATE)

    def _never_known(self) -> Result:
        """Whether it arrived will not be known: nobody can be asked, and it is not sent once more."""
        return self._came(Status.UNKNOWN, error=UNKNOWN_FATE, undelivered=_from_member(self.row), why="unknown")

    def _unless_unsure(self, why: str) -> str:
        """What stands in `error` of a message that is sent, or waits to be."""
        return SENT_AGAIN if self.unsure else why

    def _later(self, why: str) -> Result:
        return later(self.row, self.house.now(), why)

    def _came(self, status: Status, **more: Any) -> Result:
        return _result(self.row, status, self.house.now(), **more)


def later(row: Row, now: datetime, why: str) -> Result:
    """Back-off: 0.5, 1, 2 ... seconds up to half an hour, spread by the row's number so that not all come at once."""
    pause_s = min(1800.0, 0.5 * 2 ** (row["attempts"] - 1)) * (1 + row["id"] % 10 / 20)
    return _result(row, Status.QUEUED, now + timedelta(seconds=pause_s), error=why)


def not_begun(row: Row, now: datetime) -> Result:
    """Marked, but not tried: it is anybody's again."""
    return _result(row, Status.QUEUED, now, error=row["error"], untried=True)


def _result(row: Row, status: Status, next_at: datetime, **more: Any) -> Result:
    return Result(row=row["id"], owner=row["owner"], status=status, next_at=next_at, **more)


def _outgoing(row: Row) -> Outgoing:
    body = row["body"]
    reply = record.read(Reply, body)
    if body.get("native"):
        ids = tuple(choice.id for choice in reply.choices)
    else:
        ids = tuple(f"{reply.menu}.{place}" for place in range(1, len(reply.choices) + 1))
    return Outgoing(
        chat=row["chat"], text=reply.text, choices=reply.choices, choice_ids=ids, attachments=reply.attachments,
        ask=reply.ask, human=reply.author == "member",
    )  # fmt: skip


def _from_member(row: Row) -> str:
    """The conversation, of a member's words; "" of the bot's."""
    return row["conversation"] if row["body"].get("author") == "member" else ""
