"""The fixed cast and clock: the same people, places and morning in every test."""

from datetime import UTC, datetime
from functools import cache

from bot.library import Folders, Library, load

#: 9 o'clock on a Saturday morning in Vietnam
NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
MEMBER = "chị Lan, Tổ công nghệ số khu phố 3"
#: Thành phố Hồ Chí Minh and Đồng Tháp, by their codes of today
HOME = ("79", "82")
CHANNEL, CHAT = "web", "bac-tu"


@cache
def shipped() -> Library:
    """The content that is shipped, read once. Property tests take it from here: a fixture would be printed whole."""
    return load(Folders(), home=HOME)
