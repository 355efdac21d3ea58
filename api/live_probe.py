"""One run of `gocua channel probe`: what is shown, what is waited for, what is sent to the operator's own phone.

The service runs meanwhile: what arrives is read from its database. Messages go to the operator's own chat alone, known
by words that they were asked to write. Which things are asked is checklist.py's.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from api.findings import Answer, ZaloKeys
from api.prepared import Row
from api.probing import Prober
from api.settings import Settings
from api.tables import ChannelLogRow, Inbox
from bot.channel import Outgoing
from bot.channels._wire import fields, word
from bot.channels.zalo_oa import Buttons, ZaloOa

LOOK_EVERY_S = 1.0
#: so long the operator has for one thing on their phone
WAIT_S = 180.0

_log = ChannelLogRow.__table__
_inbox = Inbox.__table__


class ProbeError(ValueError):
    """Nothing can be asked: the message says what to do first."""


@dataclass(slots=True, kw_only=True)
class Probe:
    """One run for one channel. `tell` shows a line, `ask` a question whose answer it gives back."""

    name: str
    settings: Settings
    engine: sa.Engine
    prober: Prober
    now: Callable[[], datetime]
    tell: Callable[[str], None]
    ask: Callable[[str], str]
    zalo: ZaloKeys = field(default_factory=ZaloKeys)
    wait_s: float = WAIT_S
    look_every_s: float = LOOK_EVERY_S
    #: the operator's own chat, once they have written the words
    chat: str = ""
    found: list[tuple[str, str]] = field(default_factory=list)
    _log_after: int = 0
    _inbox_after: int = 0

    async def run(self, items: "tuple[Item, ...]") -> str:
        """Goes through the list; the report as Markdown."""
        self._log_after, self._inbox_after = self._newest(_log), self._newest(_inbox)
        for title, item in items:
            self.tell(f"\n— {title}")
            result = await item(self)
            self.found.append((title, result))
            self.tell(f"  {result}")
        head = f"# Soát kênh {self.name}, {self.now():%d/%m/%Y %H:%M} giờ quốc tế\n\n"
        return (
            head
            + "| điều cần biết | thấy gì |\n|---|---|\n"
            + "".join(f"| {title} | {result} |\n" for title, result in self.found)
        )

    # --- waiting for what arrives --------------------------------------------------------------------------------

    async def came(self, instruction: str, *beginnings: str) -> Row | None:
        """The first request since the start of this item whose shape begins so; None when none came in time."""
        after = self._newest(_log)
        self.tell(f"  {instruction}")
        wanted = sa.or_(*(_log.c.kind.startswith(one, autoescape=True) for one in beginnings))
        query = sa.select(_log).where(_log.c.id > after, _log.c.channel == self.name, _log.c.way == "came", wanted)
        return await self._until(lambda c: c.execute(query.order_by(_log.c.id).limit(1)).mappings().first())

    async def said(self, instruction: str, right: Callable[[dict[str, Any]], bool]) -> Row | None:
        """The first message since the start of this item that is right; None when none came in time."""
        self.tell(f"  {instruction}")
        query = sa.select(_inbox).where(_inbox.c.id > self._inbox_after, _inbox.c.channel == self.name)

        def look(connection: sa.Connection) -> Row | None:
            rows = connection.execute(query.order_by(_inbox.c.id)).mappings()
            return next((row for row in rows if right(row["body"])), None)

        return await self._until(look)

    async def _until(self, look: Callable[[sa.Connection], Row | None]) -> Row | None:
        for _ in range(max(1, int(self.wait_s / self.look_every_s))):
            with self.engine.connect() as connection:
                if row := look(connection):
                    return row
            await asyncio.sleep(self.look_every_s)
        return None

    def _newest(self, table: Any) -> int:
        with self.engine.connect() as connection:
            return connection.execute(sa.select(sa.func.max(table.c.id))).scalar() or 0

    def seen(self, *beginnings: str) -> Row | None:
        """The newest request of the whole run whose shape begins so."""
        wanted = sa.or_(*(_log.c.kind.startswith(one, autoescape=True) for one in beginnings))
        query = sa.select(_log).where(_log.c.id > self._log_after, _log.c.channel == self.name, wanted)
        with self.engine.connect() as connection:
            return connection.execute(query.order_by(_log.c.id.desc()).limit(1)).mappings().first()

    # --- calls to the operator's own chat ------------------------------------------------------------------------

    async def zalo_sends(self, outgoing: Outgoing, buttons: Buttons = "off") -> str:
        """What Zalo answers to a message: "nhận", or its code."""
        oa = outgoing.chat.partition("@")[2]
        channel = ZaloOa(self.settings.zalo_oa_app_id, {oa: ""}, {oa: self.zalo.access}, {oa: buttons})
        told = ""
        for call in channel.render(outgoing):
            got = await self._post(self.settings.zalo_oa_api, call.path, json.loads(call.body), dict(call.headers))
            told = zalo_told(got)
        return told

    async def _post(self, base: str, path: str, sent: dict[str, Any], headers: dict[str, str]) -> Answer:
        return await self.prober.ask(base.rstrip("/") + path, sent, headers)


def zalo_told(got: Answer) -> str:
    error = got.fields.get("error")
    quota = word(fields(fields(got.fields.get("data")).get("quota")).get("quota_type"))
    return (
        f"nhận{f', tính vào {quota}' if quota else ''}"
        if error == 0
        else f"từ chối, mã {error if got.status else '(không trả lời)'}"
    )


#: its title, and what finds out; the result is a line of the report
Item = tuple[str, Callable[[Probe], Awaitable[str]]]
