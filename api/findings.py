"""What a look at one thing found, as the operator reads it, and what a provider's refusal comes to. Asks nobody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from bot.channels._wire import Fields, fields, opened, word

Level = Literal["well", "doubt", "wrong"]
_MARKS: Mapping[Level, str] = {"well": "ổn", "doubt": "xem lại", "wrong": "HỎNG"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at. `do` says what helps, "" where nothing is to be done."""

    level: Level
    says: str
    do: str = ""

    def lines(self) -> list[str]:
        return [f"  {_MARKS[self.level]}: {self.says}", *([f"    -> {self.do}"] if self.do else [])]


def well(says: str) -> Finding:
    return Finding(level="well", says=says)


def doubt(says: str, do: str = "") -> Finding:
    return Finding(level="doubt", says=says, do=do)


def wrong(says: str, do: str) -> Finding:
    return Finding(level="wrong", says=says, do=do)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZaloKeys:
    """What is kept of the keys to one Official Account, and a resident of it whose window can be asked about."""

    access: str = field(default="", repr=False)
    expires_at: datetime | None = None
    trouble: str = ""
    refused_buttons: str = ""
    resident: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`status` 0: nobody answered."""

    status: int
    body: str = ""

    @property
    def fields(self) -> Fields:
        return opened(self.body) or {}


def is_well(findings: Sequence[Finding]) -> bool:
    return all(one.level != "wrong" for one in findings)


def bad_address(public: str) -> Finding | None:
    parts = urlsplit(public)
    if parts.scheme == "https" and parts.port is None and not parts.netloc.replace(".", "").isdigit():
        return None
    return doubt(f"{public}: Zalo và Meta chỉ nhận https với tên miền, không có số cổng", "xem docs/channels/README.md")


def refused(who: str, got: Answer, do: str) -> Finding:
    """A provider said no. Its own words are shown: they are about the token, never about a resident."""
    if not got.status:
        return doubt(f"{who}: không hỏi được (không có mạng, hoặc nhà cung cấp không trả lời)", "thử lại sau vài phút")
    error = got.fields.get("error", got.fields.get("error_code"))
    about = fields(error) or got.fields
    code = word(fields(error).get("code")) or word(error)
    said = word(about.get("message")) or word(about.get("description"))
    return wrong(f"{who} từ chối ({code or got.status}): {said[:120] or 'không nói vì sao'}", do)
