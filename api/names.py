"""What residents on Zalo call themselves: its webhooks bring no name, so it is asked for once, beside the talk.

A talk never waits for it, and without it the resident is "Bác" and a number.
"""

import asyncio

import sqlalchemy as sa
import structlog

from api.carrier import Carrier, UnknownFate
from api.house import House
from api.tables import ConversationRow
from bot.channel import SendError
from bot.channels.zalo_oa import ZaloOa

log = structlog.get_logger()

NAME = "zalo_oa"
#: chats asked about since the start; beyond it the oldest may be asked about once more
MOST_REMEMBERED = 10_000

_conversation = ConversationRow.__table__


async def run(house: House, carrier: Carrier) -> None:
    """Until cancelled: ask about each chat that webhooks.py puts into `house.strangers`."""
    known: dict[str, None] = {}
    with house.news.listen("strangers") as heard:
        while True:
            while house.strangers:
                chat = house.strangers.pop()
                if chat in known:
                    continue
                known[chat] = None
                if len(known) > MOST_REMEMBERED:
                    known.pop(next(iter(known)))
                try:
                    await _ask(house, carrier, chat)
                except (SendError, UnknownFate) as error:
                    log.info("name_not_told", channel=NAME, error=str(error))
                except Exception:
                    log.exception("name_failed", channel=NAME)
            await heard.wait(60.0)


async def _ask(house: House, carrier: Carrier, chat: str) -> None:
    channel = house.channels[NAME]
    assert isinstance(channel, ZaloOa)
    call = channel.profile(chat)
    name = channel.display_name(call, *await carrier.post(NAME, call))
    there = _conversation.c.key == f"{NAME}:{chat}"
    for _ in range(20 if name else 0):
        found = await house.store.write(lambda c: _name(c, there, name))
        if found:
            return
        await asyncio.sleep(0.1)  # the talk's first turn is not over yet


def _name(connection: sa.Connection, there: sa.ColumnElement[bool], name: str) -> bool:
    """Whether the conversation is there; one that has a name keeps it."""
    connection.execute(_conversation.update().where(there, _conversation.c.name == "").values(name=name))
    return connection.execute(sa.select(_conversation.c.key).where(there)).first() is not None
