"""A provider that is away, with 100,000 messages waiting for it: how much later the residents of another are answered.

    python -m bench.away [--waiting 100000] [--rate 150] [--seconds 20] [--on sqlite postgresql]

One process on SQLite, then two on PostgreSQL; residents of Telegram who write at a steady rate, while nobody listens at
Zalo Bot's address. First without the messages, then with them: five to each chat, so that four wait behind one that is
tried again and again.
"""

import argparse
import asyncio
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.slow import RESIDENTS, Spell, resident, spread
from bench.throughput import FIRST_CHAT, WARM_UP_S, Answers
from bot import record
from bot.model import Reply
from tests.faults import own_server
from tests.processes import Crowd, crowd, free_port
from tests.service import OUTBOX

IN_A_LANE = 5
AT_ONCE = 1000
#: of no event
FIRST_CAUSE = 10**9


def message(number: int, now: datetime) -> dict[str, Any]:
    talk = f"zalo_bot:{number // IN_A_LANE}"
    return {
        "channel": "zalo_bot", "chat": talk.partition(":")[2], "lane": talk, "conversation": talk,
        "inbox_id": FIRST_CAUSE + number, "place": 0, "epoch": None, "case_id": None,
        "body": record.to_json(Reply(text="Dạ con nghe", notice=True)), "status": 0, "attempts": 0, "next_at": now,
        "owner": "", "marked_at": None, "remote_id": "", "quota": "", "error": "", "created_at": now, "sent_at": None,
    }  # fmt: skip


def fill(one: Crowd, waiting: int) -> None:
    now = datetime.now(UTC)
    for first in range(0, waiting, AT_ONCE):
        with one.engine.begin() as connection:
            these = range(first, min(first + AT_ONCE, waiting))
            connection.execute(OUTBOX.insert(), [message(number, now) for number in these])


async def measure(url: str, folder: Path, waiting: int, rate: float, seconds: float) -> tuple[Spell, int]:
    """`slow` is with the messages waiting. And how many of them wait at the end."""
    spell = Spell()
    nowhere = f"http://127.0.0.1:{free_port()}"
    away: dict[str, Any] = {"zalo_bot_token": "1:khong-ai", "zalo_bot_secret": "tam-ky-tu", "zalo_bot_api": nowhere}
    async with crowd(url, folder, **away) as one:
        answers = Answers(one)
        chats = range(FIRST_CHAT, FIRST_CHAT + RESIDENTS)
        talks = [asyncio.create_task(resident(one, answers, chat, RESIDENTS / rate, spell)) for chat in chats]
        for waits in (False, True):
            if waits:
                await asyncio.to_thread(fill, one, waiting)
            await asyncio.sleep(WARM_UP_S)
            spell.slow = waits
            await asyncio.wait(talks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
            spell.slow = None
        for talk in talks:
            talk.cancel()
        for error in await asyncio.gather(*talks, return_exceptions=True):
            if isinstance(error, Exception):
                raise error
        queued = sa.select(sa.func.count().label("many")).where(OUTBOX.c.channel == "zalo_bot", OUTBOX.c.status < 2)
        [left] = await one.rows(queued)
    return spell, left["many"]


def show(name: str, spell: Spell, left: int) -> None:
    (p50, p99), (with_p50, with_p99) = spread(spell.took_s[False]), spread(spell.took_s[True])
    answered = sum(map(len, spell.took_s.values()))
    print(f"{name}: {answered} answers; without them p50 {p50:.0f} ms, p99 {p99:.0f} ms; with {left} waiting "
          f"p50 {with_p50:.0f} ms, p99 {with_p99:.0f} ms, longest {max(spell.took_s[True]) * 1000:.0f} ms")  # fmt: skip


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--waiting", type=int, default=100_000)
    arguments.add_argument("--rate", type=float, default=150)
    arguments.add_argument("--seconds", type=float, default=20)
    arguments.add_argument("--on", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    options = arguments.parse_args()
    how = (options.waiting, options.rate, options.seconds)
    if "sqlite" in options.on:
        with tempfile.TemporaryDirectory() as name:
            show("SQLite", *asyncio.run(measure(f"sqlite:///{name}/gocua.db", Path(name), *how)))
    if "postgresql" in options.on:
        with own_server() as server, tempfile.TemporaryDirectory() as name:
            show("PostgreSQL", *asyncio.run(measure(server.url, Path(name), *how)))


if __name__ == "__main__":
    main()
