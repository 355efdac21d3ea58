"""Where a case stands on the ladder of offers, and what comes next: every transition of a case lives here. Pure.

    same hamlet's team -> same commune -> nearest communes by distance -> province desk

At every moment an open case has a holder, an offer that runs out, or a queue with a moment at which it is tried again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from bot.said import VIETNAM

Rung = Literal["hamlet", "commune", "near", "province"]
RUNGS: tuple[Rung, ...] = ("hamlet", "commune", "near", "province")
#: how long a member has to tap, in minutes; nearer people are given longer, for they know the household
OFFER_MINUTES: dict[Rung, int] = {"hamlet": 5, "commune": 5, "near": 4, "province": 10}
#: a case that waits is put to everybody again after so long, by day
AGAIN_MINUTES = 30
#: what is promised to a resident whom nobody could take: so long after the next try
PROMISE_MINUTES = 120
#: while the whole team has seen a case in its group, so long passes before nobody counts as free
GROUP_MINUTES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """The hours of the day, Vietnam time, in which members are asked: from `start` up to but not including `end`."""

    start: int = 7
    end: int = 21

    def open_at(self, now: datetime) -> bool:
        return self.start <= now.astimezone(VIETNAM).hour < self.end

    def next_open(self, now: datetime) -> datetime:
        """The first moment from now on in which members are asked."""
        if self.open_at(now):
            return now
        local = now.astimezone(VIETNAM)
        opens = local.replace(hour=self.start, minute=0, second=0, microsecond=0)
        return (opens if opens > local else opens + timedelta(days=1)).astimezone(now.tzinfo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """How far a case has come: who was asked in this round, and how often everybody had been asked before it."""

    asked: tuple[int, ...] = ()
    rounds: int = 0
    told: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A member who could take it, as the directory found them, best first."""

    member: int
    rung: Rung
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """Put it to this member until `expires_at`."""

    member: int
    rung: Rung
    reason: str
    expires_at: datetime
    ladder: Ladder


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """Nobody to ask now. `again_at`: when the ladder starts anew. `tell`: the resident does not know it yet."""

    again_at: datetime
    promised_at: datetime
    tell: bool
    ladder: Ladder


def next_offer(
    ladder: Ladder, candidates: Sequence[Candidate], now: datetime, hours: Hours, *, in_group: bool = False
) -> Offered | Queued:
    """The next step of an open case that nobody holds. `candidates` are ordered; those already asked are passed over.

    `in_group`: the team's own group shows the case, so the first round waits for it before anybody is told of a queue.
    """
    if hours.open_at(now):
        for one in candidates:
            if one.member not in ladder.asked:
                expires_at = now + timedelta(minutes=OFFER_MINUTES[one.rung])
                asked = replace(ladder, asked=(*ladder.asked, one.member))
                return Offered(
                    member=one.member, rung=one.rung, reason=one.reason, expires_at=expires_at, ladder=asked
                )  # fmt: skip
    if in_group and ladder.rounds == 0 and not ladder.told:
        again_at = now + timedelta(minutes=GROUP_MINUTES)
        return Queued(again_at=again_at, promised_at=again_at, tell=False, ladder=Ladder(rounds=1))
    again_at = hours.next_open(now + timedelta(minutes=AGAIN_MINUTES))
    promised_at = again_at + timedelta(minutes=PROMISE_MINUTES)
    after = Ladder(rounds=ladder.rounds + 1, told=True)
    return Queued(again_at=again_at, promised_at=promised_at, tell=not ladder.told, ladder=after)
