"""Which files a channel carries, and as what: the table that is asked before a member sends one and when it goes out.

Holds no channel's wire, touches no bytes. What a channel does not carry is told to whoever wrote it, with what to do.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from api.file_types import ENDINGS
from bot.capabilities import CHANNELS, Capabilities
from bot.model import Attachment, MediaKind

#: what a channel plays as somebody's voice; any other type goes as a file. Telegram: Bot API, sendVoice
_VOICES: Mapping[str, tuple[str, ...]] = {
    "telegram": ("audio/ogg", "audio/mpeg", "audio/mp4"),
    "messenger": ("audio/mpeg", "audio/mp4", "audio/aac", "audio/wav"),
}
#: a picture that was sent as a file goes as a picture
_PICTURES = (".jpg", ".jpeg", ".png", ".webp")
_SPOKEN: tuple[MediaKind, ...] = ("voice", "audio")
_CALLED: Mapping[MediaKind, str] = {
    "photo": "hình", "voice": "ghi âm", "audio": "âm thanh", "video": "phim", "note": "phim", "animation": "hình động",
    "file": "tệp", "sticker": "nhãn dán",
}  # fmt: skip
#: a file without a name of its own
_FILE_NAMES: Mapping[MediaKind, str] = {
    "photo": "hinh", "voice": "ghi-am", "audio": "am-thanh", "video": "phim", "note": "phim", "animation": "hinh-dong",
    "file": "tep", "sticker": "nhan-dan",
}  # fmt: skip


def refused(channel: str, files: tuple[Attachment, ...]) -> str:
    """Why one of these files cannot go out on a channel, for the member who would send it; "" when all can."""
    can = next((can for can in CHANNELS if can.name == channel), None)
    return next((why for one in files if can and (why := why_not(can, one))), "")


def why_not(can: Capabilities, one: Attachment) -> str:
    """Why a file cannot go out on a channel, for the member who would send it; "" when it can."""
    called = _CALLED[one.kind]
    if can.photo_out and (one.kind == "photo" or one.name.lower().endswith(_PICTURES)):
        return ""
    if one.kind in _SPOKEN and can.voice_out:
        return ""
    if can.files_out is None:
        instead = "gõ chữ hoặc gửi hình" if can.photo_out else "gõ chữ"
        return f"Kênh {can.title} của bà con không nhận được {called}. Bạn {instead} nhé."
    if can.files_out and not one.name.lower().endswith(can.files_out):
        endings = ", ".join(ending.removeprefix(".").upper() for ending in can.files_out)
        others = f"hình hoặc tệp {endings}" if can.photo_out else f"tệp {endings}"
        return f"Kênh {can.title} của bà con không nhận được {called} này, chỉ nhận {others}. Bạn gửi cách khác nhé."
    if can.file_limit_bytes and one.size_bytes > can.file_limit_bytes:
        most = can.file_limit_bytes // 1_000_000
        return f"Kênh {can.title} của bà con chỉ nhận tệp tới {most} MB. Bạn gửi bản nhỏ hơn nhé."
    return ""


def as_sent(channel: str, one: Attachment, content_type: str) -> Attachment:
    """A kept file as the kind that a channel takes it as, under a name that says its type."""
    if content_type.startswith("image/"):
        return replace(one, kind="photo", name=one.name or f"hinh{ENDINGS[content_type]}")
    played = one.kind == "video" or (one.kind in _SPOKEN and content_type in _VOICES.get(channel, ()))
    name = one.name or _FILE_NAMES[one.kind]
    if "." not in name:
        name += ENDINGS.get(content_type, "")
    return replace(one, kind=one.kind if played else "file", name=name)
