"""What waits for one channel, and which of it a round of the sender looks at: all, or of a long queue a part.

A queue grows long when next to nothing of it can go: its provider is away, or told us to wait. To go through 100,000
messages takes the writing thread a tenth of a second, in which nobody else is answered either. Never sends.
"""

import time
from datetime import datetime

import sqlalchemy as sa

from api import marks
from api.marks import WHOLE, Part
from api.prepared import Row

#: messages looked at in one round, about two milliseconds
PART = 2000
#: between two parts, so that a long queue takes a tenth of the writing thread's time
REST_S = 0.02


class ChannelQueue:
    """Used from the writing thread. A round that is undone leaves out a part, which has its turn again soon."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        #: where the next part begins; None: it is short
        self._after: int | None = None
        self._rests_until_s = 0.0

    @property
    def unfinished(self) -> bool:
        """It has parts that were not looked at since its beginning was."""
        return bool(self._after)

    def mark(self, connection: sa.Connection, now: datetime, most: int) -> list[Row]:
        """The oldest messages that may go now, ours from here on, in order."""
        if most <= 0:
            return []
        if self._after is None:
            return marks.mark(connection, now, self.channel, most)
        if time.monotonic() < self._rests_until_s:
            return []
        part = self._part(connection, self._after)
        rows = marks.mark(connection, now, self.channel, most, part)
        if len(rows) < most:  # no more of it can go
            marks.void_moved(connection, self.channel, part)
            self._after = 0 if part.upto == WHOLE.upto else part.upto
            self._rests_until_s = time.monotonic() + REST_S
        return rows

    def sweep(self, connection: sa.Connection) -> None:
        """Looks anew whether it is long, and if not, for talks that changed hands."""
        if self._part(connection, 0) != WHOLE:
            self._after = self._after or 0
            return
        self._after = None
        marks.void_moved(connection, self.channel)

    def _part(self, connection: sa.Connection, after: int) -> Part:
        return marks.next_part(connection, self.channel, after, PART)
