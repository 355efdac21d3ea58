"""News between the processes on one PostgreSQL: whose page stands open in one hears what happened in another.

Only pages depend on it, and they ask again by themselves after a while: loops find their work in the tables. So news
may be lost here. It is gathered and told ten times a second at most, for a NOTIFY makes commits wait for each other.
"""

import asyncio
import json
from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog

from api.house import House

if TYPE_CHECKING:
    import psycopg

log = structlog.get_logger()

#: the name of the wire in the database
WIRE = "gocua"
EVERY_S = 0.1
#: topics in one notification, which may have 8,000 bytes
MOST_TOPICS = 80
_LOST_S = 2.0


async def run(house: House) -> None:
    """Until cancelled: tell the others our news, and tell here what they say. Over a new line when one is lost."""
    import psycopg  # present only where PostgreSQL is

    url = sa.make_url(house.settings.database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=5) as line:
                await line.execute("SET synchronous_commit = off")  # there is nothing here to keep
                await line.execute(f"LISTEN {WIRE}")
                await _talk(house, line)
        except (psycopg.Error, OSError) as error:
            log.warning("neighbours_lost", error=type(error).__name__)
            await asyncio.sleep(_LOST_S)


async def _talk(house: House, line: "psycopg.AsyncConnection[tuple[object, ...]]") -> None:
    with house.news.onward() as topics:
        while True:
            async for one in line.notifies(timeout=EVERY_S):
                if one.pid != line.info.backend_pid:
                    house.news.tell(json.loads(one.payload), onward=False)
            waiting = sorted(topics)
            topics.clear()
            for start in range(0, len(waiting), MOST_TOPICS):
                part = json.dumps(waiting[start : start + MOST_TOPICS])
                await line.execute("SELECT pg_notify(%s, %s)", (WIRE, part))
