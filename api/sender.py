"""The end of the way: rows of the outbox to the providers. In order within a lane, many lanes at once.

Every row is marked "sending" and committed before its first byte leaves, and marked again with what came of it. So a
row found "sending" after a crash is of unknown fate: it is asked about where the provider allows that, repeated where
that is harmless, else held for a person to see. A slow chat holds up its own lane alone; a 429 pauses what it names.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
import structlog

from api import marks
from api.ahead import Ahead
from api.attempt import Attempt, not_begun
from api.carrier import ANSWER_S, MOST_AT_ONCE, Carrier
from api.channel_queue import ChannelQueue
from api.house import House
from api.marks import Result
from api.outbox import Status
from api.prepared import Row
from api.store import StoreBusy, owner
from bot.said import CHANNELS

log = structlog.get_logger()

#: how often is looked for messages whose process has died, or whose talk changed hands behind our back
SWEEP_EVERY_S = 0.5
#: a message whose round was queued longer ago is not begun: our machine stood still, others may take us for dead
FRESH_S = 10.0


class _Write:
    """A round's work. Writes down whatever has come back when it starts, and marks what is due."""

    def __init__(self, sender: "Sender") -> None:
        self._sender = sender
        #: known once it has started
        self.results: list[Result] | None = None
        self.rows: list[Row] = []

    def __call__(self, connection: sa.Connection) -> tuple[list[Row], datetime | None]:
        sender = self._sender
        if self.results is None:  # the event loop goes on adding, at the end alone
            many = len(sender.results)
            self.results = sender.results[:many]
            del sender.results[:many]
        self.rows, due = sender._round(connection, self.results, sender.house.now())
        return self.rows, due


class Sender:
    """The loop. One per process."""

    def __init__(self, house: House, carrier: Carrier) -> None:
        self.house, self.carrier = house, carrier
        self.results: list[Result] = []
        #: what is on the wire: the name under which each row was marked
        self.under_way: dict[int, str] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        #: how much of it each channel has
        self.busy: Counter[str] = Counter()
        self.queues = {name: ChannelQueue(name) for name in CHANNELS}
        self._swept_at = float("-inf")
        self.ahead = Ahead(house.store, lambda: _Write(self))

    async def __aenter__(self) -> "Sender":
        return self

    async def __aexit__(self, *_: object) -> None:
        """Lets what is on the wire come to its end, and writes it down."""
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=ANSWER_S)
        begun = set(self.under_way)
        try:
            await self.house.store.write(lambda c: self._ended(c, begun))
        except StoreBusy:
            log.warning("end_not_written", messages=len(self.results))  # they are asked about at the next start

    async def run(self) -> None:
        """Until cancelled: write down what came back, mark what is due, send it."""
        wait_s = 0.0
        with self.house.news.calling("outbox", self.ahead.for_news):
            while True:
                try:
                    wait_s = await self._pump(wait_s)
                except StoreBusy:
                    wait_s = 0.2
                except Exception:
                    log.exception("sender_failed")
                    wait_s = 1.0

    async def _pump(self, wait_s: float) -> float:
        """One round. Returns how long to wait for news before the next one."""
        this = await self.ahead.next(wait_s)
        try:
            written: tuple[list[Row], datetime | None] | None = await this.done
        except StoreBusy:
            self.results += this.work.results or ()
            self.ahead.dealt_with()
            raise
        except Exception:
            self.ahead.dealt_with()
            await self._one_by_one(this.work.results or ())
            raise
        rows, due = written or ([], None)
        self.house.news.tell({row["conversation"] for row in rows})
        for row in rows:
            self.under_way[row["id"]] = row["owner"]
            self.busy[row["channel"]] += 1
            task = asyncio.create_task(self._send(row, this.at_s))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        self.ahead.dealt_with()
        if any(result.blocked or result.undelivered for result in this.work.results or ()):
            self.house.news.tell(["turns"])
        if due is None:
            return SWEEP_EVERY_S
        return min(SWEEP_EVERY_S, max(0.02, (due - self.house.now()).total_seconds()))

    async def _one_by_one(self, results: Sequence[Result]) -> None:
        """A round failed: should the database refuse what a provider said of one message, the others must not wait."""
        now, write, left = self.house.now(), self.house.store.write, list(results)
        try:
            while left:
                one = left[0]
                bare = Result(row=one.row, owner=one.owner, status=one.status, next_at=one.next_at)
                try:
                    await write(lambda c, one=one: marks.settle(c, [one], now))  # type: ignore[misc]
                except StoreBusy:
                    raise
                except Exception:
                    log.exception("result_refused", row=one.row)
                    await write(lambda c, bare=bare: marks.settle(c, [bare], now))  # type: ignore[misc]
                del left[0]
        finally:
            self.results += left

    def _on_the_wire(self) -> Counter[str]:
        """How many messages of each channel, those included of which the event loop has yet to hear."""
        marked = self._marked()  # first: the event loop moves them to `busy`
        return Counter(dict(self.busy)) + Counter(row["channel"] for row in marked)

    def _marked(self) -> list[Row]:
        """What the event loop has yet to hear of."""
        return [row for each in list(self.ahead.rounds) for row in each.work.rows]

    def _taken_up(self) -> list[Result]:
        """What rounds write down that the event loop has yet to hear of."""
        return [one for each in list(self.ahead.rounds) for one in each.work.results or ()]

    def _round(
        self, connection: sa.Connection, results: list[Result], now: datetime, most: int = MOST_AT_ONCE
    ) -> tuple[list[Row], datetime | None]:
        """What goes now, and when to look again. None: when there is news, or to sweep."""
        marks.settle(connection, results, now)
        marks.void_these(connection, [one.row for one in results if one.status == Status.QUEUED])
        on_the_wire = self._on_the_wire()
        queues = [self.queues[name] for name in self.house.channels]
        if time.monotonic() - self._swept_at > SWEEP_EVERY_S:
            self._sweep(connection, now)
            queues = list(self.queues.values())  # what waits for a channel that is off has come to its end
        rows = [row for one in queues for row in one.mark(connection, now, most - on_the_wire[one.channel])]
        if any(one.unfinished for one in queues):
            return rows, now
        return rows, None if rows else marks.due_next(connection, now)  # what comes of them brings the next round

    def _sweep(self, connection: sa.Connection, now: datetime) -> None:
        self._swept_at = time.monotonic()
        # read in the order in which the event loop moves them on, so that none slips past
        mine = {owner(connection), *(row["owner"] for row in self._marked()), *list(self.under_way.values())}
        mine.update(one.owner for one in (*self._taken_up(), *list(self.results)))
        if found := marks.sweep(connection, now, mine):
            log.warning("unknown_fate_found", messages=found)
        for queue in self.queues.values():
            queue.sweep(connection)

    def _ended(self, connection: sa.Connection, begun: set[int]) -> None:
        marks.settle(connection, [*self._taken_up(), *self.results], self.house.now())
        marks.put_back(connection, begun)

    async def _send(self, row: Row, queued_s: float) -> None:
        """One message. `queued_s`: time.monotonic() when the round that marked it was queued."""
        structlog.contextvars.bind_contextvars(event_id=row["inbox_id"])  # of this task alone
        if time.monotonic() - queued_s > FRESH_S:
            self._back(row, not_begun(row, self.house.now()))
            return
        attempt = Attempt(self.house, self.carrier, row)
        try:
            result = await attempt.made()
        except Exception as error:
            log.exception("send_raised", row=row["id"])
            result = attempt.raised(error)
        age = self.house.now() - row["created_at"]
        self.house.counts.sent(row["channel"], result.status, result.error, time.monotonic() - queued_s, age)
        if result.error:
            happened = "sent_again" if result.status == Status.SENT else "send_failed"
            log.warning(happened, row=row["id"], channel=row["channel"], status=result.status.name,
                        error=result.error, attempts=row["attempts"])  # fmt: skip
        self._back(row, result)

    def _back(self, row: Row, result: Result) -> None:
        """To be written down, and off the wire."""
        self.results.append(result)
        self.under_way.pop(row["id"], None)
        self.busy[row["channel"]] -= 1
        self.ahead.for_results()
