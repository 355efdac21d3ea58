"""Processes killed again and again while residents write: what is lost, doubled, out of order. A test in its long form.

`python -m bench.kills [KILLS] [sqlite|postgresql]`: one process on SQLite, two on PostgreSQL, the fake Telegram a
little way off. Exits with 1 when anything was lost, doubled or out of order.
"""

import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

from tests.faults import own_server
from tests.processes import Crowd, Tally, crowd
from tests.service import OUTBOX


async def kill_all(one: Crowd, kills: int) -> float:
    """Seconds until the last."""
    begun, chance = time.monotonic(), random.Random(kills)
    for number in range(kills):
        await asyncio.sleep(0.5 + chance.random())
        port = chance.choice(one.ports)
        one.kill(port)
        await asyncio.sleep(chance.random())
        await one.start(port)
        print(f"\r{number + 1} kills", end="", file=sys.stderr, flush=True)
    return time.monotonic() - begun


async def killed(name: str, url: str, kills: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        async with crowd(url.format(folder=folder), Path(folder)) as one:
            await one.begin()
            async with one.writing():
                took_s = await kill_all(one, kills)
            await one.quiet(within_s=3600)  # a member's messages go out one by one: many wait by now
            again = len(await one.rows(sa.select(OUTBOX.c.id).where(OUTBOX.c.error.like("sent again%"))))
            found = one.tally()
    print(f"\r{name}: {kills} kills in {took_s:.0f} s, {found.lines} lines: {found.lost} lost, {found.out_of_order} "
          f"out of order, {found.doubled} doubled, {again} marked as sent again", flush=True)  # fmt: skip
    return found == Tally(lines=found.lines)


async def main(kills: int, *names: str) -> bool:
    well = True
    if "sqlite" in names:
        well = await killed("SQLite", "sqlite:///{folder}/gocua.db", kills)
    if "postgresql" in names:
        with own_server() as server:
            well &= await killed("PostgreSQL", server.url, kills)
    return well


if __name__ == "__main__":
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    sys.exit(not asyncio.run(main(most, *(sys.argv[2:] or ("sqlite", "postgresql")))))
