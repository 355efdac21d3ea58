"""What came from the providers, what went to them and what they answered: for the operator, for seven days.

Kept without anyone's words, names, numbers or tokens: of an answer only what says how it went is left, every other
text and number is replaced by its length. Written in batches by a loop of its own: the way of a message never waits
for it, and at a crash the last two seconds are missing.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import OperationalError

from api.prepared import Prepared
from api.store import Store, StoreBusy
from api.tables import ChannelLogRow
from bot.channels._wire import word
from knowledge.secrets import redact

log = structlog.get_logger()

#: between two writes, and between two clearings
WRITE_EVERY_S = 2.0
CLEAR_EVERY = timedelta(hours=1)
KEPT = timedelta(days=7)
MOST_KEPT = 200_000
#: rows that wait to be written; beyond it the oldest are dropped, and how many is written down
MOST_WAITING = 2000
MOST_NOTE = 300
_MOST_NAME = 80
#: keys under which providers say how it went, never what somebody wrote
_TELLING = frozenset({
    "code", "description", "error", "error_code", "error_description", "error_name", "error_reason", "error_subcode",
    "expires_in", "fbtrace_id", "message", "message_id", "migrate_to_chat_id", "ref_doc", "retry_after", "status",
    "type",
})  # fmt: skip
#: under these stands what was made, people and their words among it; there only this is kept
_MADE = frozenset({"result", "data", "recipient"})
_TELLING_OF_MADE = frozenset({"expired_date", "message_id", "quota", "quota_type", "remain", "total"})

_row = ChannelLogRow.__table__
_WRITE = Prepared(_row.insert())


class _Line(NamedTuple):
    """As the table has it."""

    at: datetime
    channel: str
    way: str
    kind: str
    ref: str = ""
    size_bytes: int = 0
    verified: str = ""
    status: int = 0
    code: str = ""
    note: str = ""
    took_ms: int = 0


class ChannelLog:
    """One per process. `came` and `went` only put into memory: they may be called anywhere in the event loop."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now
        self._waiting: deque[_Line] = deque()
        self._dropped = 0

    def came(self, channel: str, kind: str, event_id: str, size_bytes: int, verified: str) -> None:
        """A provider's request, or its answer when we asked. `verified`: what proves it to be theirs, "" nothing."""
        self._put(_Line(self._now(), channel, "came", kind[:_MOST_NAME], ref=event_id[:_MOST_NAME],
                        size_bytes=size_bytes, verified=verified))  # fmt: skip

    def went(self, channel: str, call_kind: str, status: int, note: str | bytes, took_ms: int) -> None:
        """A request of ours. `status` is HTTP's, 0 when no answer came.

        `note` is the answer's body as it came (bytes), or our own words about what went wrong (str); both are masked
        here. The provider's own code is found in the answer: Zalo says 200 to what it refuses.
        """
        told, code = (answer_told(note), code_told(note)) if isinstance(note, bytes) else (redact(note).text, "")
        self._put(_Line(self._now(), channel, "went", call_kind[:_MOST_NAME], status=status,
                        code=word(code[:_MOST_NAME]), note=word(told[:MOST_NOTE]), took_ms=took_ms))  # fmt: skip

    async def run(self) -> None:
        """Until cancelled: write what has gathered, clear away what is old. At the end the rest is written."""
        cleared_at: datetime | None = None
        try:
            while True:
                await asyncio.sleep(WRITE_EVERY_S)
                try:
                    await self.write()
                    if cleared_at is None or self._now() - cleared_at > CLEAR_EVERY:
                        cleared_at = self._now()
                        await self._store.write(lambda c: clear(c, self._now()))
                except Exception:
                    log.exception("channel_log_failed")
        finally:
            await self.write()

    async def write(self) -> int:
        """Everything that waits, in one transaction. Returns how many rows; 0 as well when the database is too busy.

        A row that the database does not take is left out: the others are written without it.
        """
        rows, self._waiting = list(self._waiting), deque()
        dropped, self._dropped = self._dropped, 0
        if not rows:
            return 0
        if dropped:
            note = f"{dropped} dòng cũ hơn đã bỏ vì chưa kịp ghi"
            rows.insert(0, rows[0]._replace(kind="dropped", note=note, ref="", code="", size_bytes=0))
        left, written = [rows], 0  # parts, the next one last
        while left:
            part = left.pop()
            try:
                await self._store.write(lambda c, part=part: _WRITE.run(c, [line._asdict() for line in part]))  # type: ignore[misc]
                written += len(part)
            except (StoreBusy, OperationalError) as error:  # its own trouble
                waits = [line for one in (part, *reversed(left)) for line in one]
                if dropped and waits[0] is rows[0]:
                    self._dropped += dropped
                    del waits[0]
                self._waiting.extendleft(reversed(waits))
                self._bound()
                if isinstance(error, StoreBusy):
                    break
                raise
            except Exception as error:
                middle = len(part) // 2
                if middle:
                    left += [part[middle:], part[:middle]]
                else:
                    log.warning("channel_log_row_refused", channel=part[0].channel, error=type(error).__name__)
        return written

    def _put(self, line: _Line) -> None:
        self._waiting.append(line)
        self._bound()

    def _bound(self) -> None:
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self._dropped += 1


def clear(connection: sa.Connection, now: datetime) -> None:
    """What is older than KEPT goes, and of the rest all but the newest MOST_KEPT."""
    connection.execute(_row.delete().where(_row.c.at < now - KEPT))
    newest = connection.execute(sa.select(sa.func.max(_row.c.id))).scalar() or 0
    connection.execute(_row.delete().where(_row.c.id <= newest - MOST_KEPT))


def answer_told(body: bytes) -> str:
    """A provider's answer as it may be kept: {"ok":true,"result":{"message_id":7,"text":"‹12›"}}."""
    if not body:
        return ""
    try:
        read = json.loads(body)
    except ValueError:
        return f"‹{len(body)} byte, không phải JSON›"
    return redact(json.dumps(_masked(read, "", _TELLING), ensure_ascii=False, separators=(",", ":"))).text[:MOST_NOTE]


def code_told(body: bytes) -> str:
    """The provider's own error code in its answer; "" for none, and for the 0 that says that all is well."""
    if not body:
        return ""
    try:
        read = json.loads(body)
    except ValueError:
        return ""
    told = read.get("error_code", read.get("error")) if isinstance(read, dict) else None
    told = told.get("code") if isinstance(told, dict) else told
    return "" if told in (None, 0, "0", False) else str(told)


def _masked(value: object, key: str, telling: frozenset[str]) -> object:
    inside = _TELLING_OF_MADE if key in _MADE else telling
    if isinstance(value, dict):
        return {str(name): _masked(inner, str(name), inside) for name, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, key, inside) for inner in value]
    if value is None or isinstance(value, bool) or key in telling:
        return value
    return f"‹{len(str(value))}›"
