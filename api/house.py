"""What every room of the service shares, built once by main.build and passed on. Holds no logic."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from api.arriving import Arriving
from api.channel_log import ChannelLog
from api.counts import Counts
from api.media import MediaStore
from api.news import News
from api.pace import Pace
from api.settings import Settings
from api.shelf import Shelf
from api.store import Store
from bot.channel import Channel

if TYPE_CHECKING:
    from api.files import Files
    from api.telegram import Line
    from api.voice import Voice
    from api.zalo_keys import Keyring


@dataclass(slots=True, kw_only=True)
class House:
    settings: Settings
    store: Store
    #: the newest good library
    shelf: Shelf
    news: News
    media: MediaStore
    #: the channels that are on, by name; the web chat needs none. One is replaced when its keys are renewed
    channels: dict[str, Channel]
    #: the clock: aware, UTC
    now: Callable[[], datetime]
    #: signs cookies
    key: str
    #: what the operator should know, newest last: broken content, a channel that refuses our token
    worries: dict[str, str] = field(default_factory=dict)
    #: the running loops by name, for the health check
    loops: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    #: the wire to Telegram for what is no message, when that channel is on
    line: "Line | None" = None
    #: reads aloud, when an engine is set
    voice: "Voice | None" = None
    #: files on their way to us
    files: "Files | None" = None
    #: the keys to Zalo's Official Accounts, when that channel is on
    keyring: "Keyring | None" = None
    #: what this process did, for /metrics
    counts: Counts = field(default_factory=Counts)
    #: what the doors heard, on its way to the disk
    arriving: Arriving = field(init=False)
    #: what came and went on the wire, for the operator
    channel_log: ChannelLog = field(init=False)
    #: chats on Zalo that wrote, whose names may not be known: see names.py
    strangers: set[str] = field(default_factory=set)
    #: of residents who write on a channel that keeps what it is asked to bring later; None: none is asked to
    pace: Pace | None = field(init=False)

    def __post_init__(self) -> None:
        self.arriving = Arriving(self.store, self.news, self.now)
        self.channel_log = ChannelLog(self.store, self.now)
        most = self.settings.most_a_minute
        self.pace = Pace(self.now, burst=most, a_second=most / 60) if most else None
