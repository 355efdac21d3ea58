"""Whether content is in date, and who looks after it. Today is passed in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from bot.checks.passages import SHOWN, Passage
from bot.flow import Flow, Problem
from knowledge.articles import Article

#: facts are looked at again at least so often: half a year, and the days by which months differ
LONGEST = timedelta(days=184)
#: who looks after what names no owner
OWNER = "Tổ nội dung Gõ Cửa"
#: "giảm một nửa tới hết 31/12/2026"
_LAST_DAY = re.compile(r"(?:tới|đến) hết (?:ngày )?(\d{1,2})/(\d{1,2})/(\d{4})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A flow or an article by the day after which it must be checked again."""

    kind: str  # flow or article
    id: str
    topic: str
    title: str
    owner: str
    verified_on: date
    expires_on: date
    file: str


def due(one: Flow | Article) -> Due | None:
    """None for a flow that lacks its dates."""
    if isinstance(one, Article):
        kind, file = "article", str(one.path)
    else:
        kind, file = "flow", one.file
    if one.verified_on is None or one.expires_on is None:
        return None
    return Due(
        kind=kind, id=one.id, topic=one.topic, title=one.title, owner=one.owner or OWNER,
        verified_on=one.verified_on, expires_on=one.expires_on, file=file,
    )  # fmt: skip


def days(one: Due, today: date) -> Iterator[Problem]:
    def problem(message: str) -> Problem:
        return Problem(file=one.file, line=1, where="", message=message)

    if one.verified_on > today:
        yield problem(f"verified_on {one.verified_on} còn ở phía trước: ghi ngày đã đối chiếu với nguồn")
    if one.expires_on <= one.verified_on:
        yield problem("expires_on phải sau verified_on")
    elif one.expires_on - one.verified_on > LONGEST:
        yield problem(f"expires_on {one.expires_on} xa quá: tối đa 6 tháng sau verified_on")
    if one.expires_on < today:
        message = (
            f"hết hạn từ {one.expires_on}: {one.owner} đối chiếu lại với nguồn rồi ghi verified_on, expires_on mới"
        )
        yield Problem(file=one.file, line=1, where="", message=message, level="warning")


def outlived(one: Due, passages: tuple[Passage, ...]) -> Iterator[Problem]:
    """A text that says until when something holds must be looked at again by then."""
    for passage in passages:
        for found in _LAST_DAY.finditer(passage.text) if passage.role in SHOWN else ():
            day, month, year = map(int, found.groups())
            if one.verified_on <= date(year, month, day) < one.expires_on:
                yield passage.problem(
                    f"câu này chỉ đúng {found.group()}, mà expires_on là {one.expires_on}: rút expires_on về ngày đó",
                    found.start(),
                )
