"""Small Vietnamese renderings: times as people say them, the names of masked secrets. Never reads a clock."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")

_WEEKDAYS = ("thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy", "Chủ nhật")
#: as people call them
CHANNELS = {"telegram": "Telegram", "zalo_oa": "Zalo", "zalo_bot": "Zalo", "web": "trang web", "messenger": "Messenger"}
_SECRETS = {
    "otp": "mã OTP",
    "id_number": "số căn cước",
    "card_number": "số thẻ",
    "account_number": "số tài khoản",
    "password": "mật khẩu",
    "cvv": "mã sau thẻ",
}


def which_secrets(kinds: tuple[str, ...]) -> str:
    """("otp", "password") -> "mã OTP, mật khẩu"; a kind without a name of its own is "thông tin riêng"."""
    return ", ".join(dict.fromkeys(_SECRETS.get(kind, "thông tin riêng") for kind in kinds))


def which_channels(names: tuple[str, ...]) -> str:
    """("zalo_oa", "web") -> "Zalo, trang web"; one that this version does not know keeps its own name."""
    return ", ".join(dict.fromkeys(CHANNELS.get(name, name) for name in names))


def when_promised(at: datetime, now: datetime) -> str:
    """ "trước 9 giờ sáng mai", "trước 15 giờ 30 hôm nay", "trước 8 giờ ngày 24/11"."""
    there, here = at.astimezone(VIETNAM), now.astimezone(VIETNAM)
    minutes = f" {there.minute:02d}" if there.minute else ""
    if there.date() == here.date():
        return f"trước {there.hour} giờ{minutes} hôm nay"
    if there.date() == here.date() + timedelta(days=1):
        return f"trước {there.hour} giờ{minutes} {'sáng ' if there.hour < 11 else ''}mai"
    return f"trước {there.hour} giờ{minutes} ngày {there.day}/{there.month}"


def which_day(iso: str) -> str:
    """ "2026-11-23" -> "thứ Hai, 23/11"."""
    day = date.fromisoformat(iso)
    return f"{_WEEKDAYS[day.weekday()]}, {day.day}/{day.month}"
