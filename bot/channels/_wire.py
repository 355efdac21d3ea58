"""The JSON of a provider, read without ever raising: whatever has an odd shape reads as nothing.

Never knows a provider: each channel says which fields it looks for.
"""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from bot.channel import Call, Outgoing
from bot.model import Point

HEARD_LIMIT = 16_000
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
#: epoch numbers below this are seconds (until the year 5138), above it milliseconds
SECONDS_BELOW = 10**11
#: the longest number that is looked at: Python itself reads no endless ones
MOST_DIGITS = 20
#: the largest number that is stored
MOST_STORED = 2**63 - 1

Fields = Mapping[str, Any]


def fields(value: object) -> Fields:
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def loads(body: bytes | str) -> Any:
    """Any JSON value, with half a surrogate pair in it too: people do send them. Raises ValueError, RecursionError."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)


def opened(body: bytes | str) -> Fields | None:
    """A JSON object, None for anything else."""
    try:
        found = loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def word(value: object) -> str:
    """Text as a database takes it: no NULs, no halves of surrogate pairs. A whole number is its digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**MOST_DIGITS else ""
    if not isinstance(value, str):
        return ""
    return value[:HEARD_LIMIT].replace("\0", "").encode("utf-8", "replace").decode()


def whole(value: object) -> int:
    """A number of at least 0, also one that is written in a string; 0 for anything else, and beyond 64 bits."""
    digits = word(value)
    number = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < MOST_DIGITS else 0
    return number if number <= MOST_STORED else 0


def instant(value: object) -> datetime:
    """The time of an epoch number in seconds or milliseconds; 1970 when there is none."""
    number = whole(value)
    try:
        return LONG_AGO + (timedelta(seconds=number) if number < SECONDS_BELOW else timedelta(milliseconds=number))
    except OverflowError:
        return LONG_AGO


def point(lat: object, lon: object) -> Point | None:
    """A pin, from numbers or strings; None when it is nowhere on earth."""
    try:
        found = Point(lat=_degrees(lat), lon=_degrees(lon))
    except (ValueError, OverflowError):
        return None
    return found if abs(found.lat) <= 90 and abs(found.lon) <= 180 else None


def _degrees(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(value)
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def written(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # half a surrogate pair
        return json.dumps(value, separators=(",", ":")).encode()


class Unasked:
    """Of a provider that cannot be asked whether a message of unknown fate arrived."""

    def ask(self, outgoing: Outgoing, after: int, known: frozenset[int], upto: int) -> Iterator[Call]:  # noqa: ARG002
        return iter(())

    def arrived(self, outgoing: Outgoing, call: Call, status: int, body: bytes) -> str:  # noqa: ARG002
        return ""

    def touched(self, outgoing: Outgoing, status: int, body: bytes) -> None:  # noqa: ARG002
        return None
