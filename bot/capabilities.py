"""What each channel carries, as one table that renderers, `gocua check`, the windows and docs/channels read.

Holds facts alone, never a provider's wire: that is bot/channels/. Our own limits stand a little below the provider's.
Sources: the providers' pages as of 2026-11; docs/channels/ says which were not tried on a live account.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Lengths in characters, sizes in bytes, windows in hours since the resident last wrote (0: no end).

    `buttons` False: choices are numbered lines. `long_labels`: a label over `label_limit` becomes a numbered line with
    the number to tap, so it limits nobody. `photo_limit_bytes`, `file_limit_bytes` 0: no limit of ours, or not sent.
    """

    name: str
    text_limit: int
    max_choices: int
    label_limit: int
    buttons: bool
    photo_out: bool
    voice_out: bool
    asks_location: bool
    asks_phone: bool
    #: as people call it
    title: str = ""
    #: words that go under a lone picture; 0: picture and words are two messages
    caption_limit: int = 0
    long_labels: bool = False
    photo_limit_bytes: int = 0
    #: endings of the files that go out; () for any, None for none
    files_out: tuple[str, ...] | None = None
    file_limit_bytes: int = 0
    hears_location: bool = False
    hears_voice: bool = False
    edits: bool = False
    topics: bool = False
    #: messages that one answer may become before it is a wall, or money
    most_bubbles: int = 3
    #: each message costs or counts: what follows at once goes with it
    merges: bool = False
    #: the bot's words are taken within these, a member's within those, and any for free
    window_hours: float = 0
    human_hours: float = 0
    free_hours: float = 0
    #: what it costs, with the day on which that was read
    price: str = ""


ZALO_OA = Capabilities(
    name="zalo_oa",
    title="Zalo OA",
    text_limit=1900,  # Zalo's own is 2000
    caption_limit=1900,
    buttons=False,
    max_choices=9,
    label_limit=100,
    photo_out=True,
    photo_limit_bytes=1_000_000,
    voice_out=False,
    files_out=(".pdf", ".doc", ".docx"),
    file_limit_bytes=5_000_000,
    hears_location=True,
    hears_voice=True,
    asks_location=False,
    asks_phone=True,
    most_bubbles=1,
    merges=True,
    window_hours=167,  # seven days less the hour that a queue may take
    human_hours=167,
    free_hours=48,
    price="48 giờ đầu miễn phí; sau đó tới hết 7 ngày khoảng 55 đ một tin, hoặc trừ vào gói (đọc ngày 04/10/2026)",
)
ZALO_BOT = Capabilities(
    name="zalo_bot",
    title="Zalo Bot",
    text_limit=1900,  # Zalo's own is 2000, of captions too
    caption_limit=1900,
    buttons=False,
    max_choices=9,
    label_limit=100,
    photo_out=False,
    voice_out=False,
    hears_voice=True,
    asks_location=False,
    asks_phone=False,
    most_bubbles=1,
    price="gói miễn phí: 50 người mỗi bot, 3.000 tin mỗi tháng (đọc tháng 11/2026)",
)
MESSENGER = Capabilities(
    name="messenger",
    title="Messenger",
    text_limit=1900,  # Meta's own is 2000
    buttons=True,
    max_choices=13,
    label_limit=20,
    long_labels=True,
    photo_out=True,
    photo_limit_bytes=8_000_000,
    voice_out=True,
    files_out=(),
    file_limit_bytes=25_000_000,
    hears_voice=True,
    asks_location=False,
    asks_phone=True,
    most_bubbles=2,
    window_hours=24,
    human_hours=168,  # with HUMAN_AGENT
    price="miễn phí",
)
TELEGRAM = Capabilities(
    name="telegram",
    title="Telegram",
    text_limit=4000,  # Telegram's own is 4096
    caption_limit=1024,
    buttons=True,
    max_choices=9,  # Telegram's own is 100
    label_limit=40,
    photo_out=True,
    photo_limit_bytes=10_000_000,
    voice_out=True,
    files_out=(),
    file_limit_bytes=50_000_000,
    hears_location=True,
    hears_voice=True,
    asks_location=True,
    asks_phone=True,
    edits=True,
    topics=True,
    price="miễn phí",
)
WEB = Capabilities(
    name="web",
    title="Trang web",
    text_limit=4000,
    caption_limit=4000,
    buttons=True,
    max_choices=9,
    label_limit=40,
    photo_out=True,
    voice_out=True,
    files_out=(),
    hears_location=True,
    asks_location=True,
    asks_phone=False,
    price="miễn phí, chỉ tốn máy chủ và tên miền của mình",
)

#: the poorest first
CHANNELS = (ZALO_OA, ZALO_BOT, MESSENGER, TELEGRAM, WEB)
