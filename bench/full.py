"""What an update costs the whole service when its database is full: HTTP, turns, commits and sends.

    python -m bench.full [STORED] [--on sqlite postgresql] [--rounds 8] [--seconds 8]       default: 10,000,000 messages

Two processes of the service, one with 1,000 messages of 1,000 residents, one with STORED of a tenth as many, filled as
bench.cost fills them. Residents drawn at random from those stored write six messages each, 64 at a time, to one process
and then to the other, in spells that follow each other. Told: the median over the rounds of the CPU time (of the
process, and on PostgreSQL of the database) and of the updates a second, full beside nearly empty. One message in six is
a resident's first, for which pages come from the disk; bench.cost tells these apart, without HTTP.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import psutil

from bench.cost import FIRST_CHAT, RESIDENTS_SMALL, SMALL, fill, postgres, talked
from bench.throughput import WARM_UP_S, Answers, cpu_s, postmaster
from tests.processes import Crowd, crowd

AT_ONCE = 64
#: six words, each of which is answered
SAYS = ("menu", "cài vneid", "xong", "xong", "menu", "cài vneid")


@dataclass(slots=True)
class Side:
    """One of the two services, and who writes to it."""

    one: Crowd
    answers: Answers
    chats: Iterator[int]
    #: the service's, and on PostgreSQL the database's, which serves both sides but one at a time
    processes: list[psutil.Process]
    updates: int = 0

    async def resident(self, until: float) -> None:
        """One after the other: each says all that there is to say."""
        while time.monotonic() < until:
            chat = next(self.chats)
            for words in SAYS:
                self.answers.begin(chat)
                await self.one.telegram.says(chat, words)
                await self.answers.come(chat)
                self.updates += 1

    async def spell(self, seconds: float) -> tuple[float, float]:
        """CPU milliseconds an update, and updates a second."""
        before, updates, begun = cpu_s(self.processes), self.updates, time.monotonic()
        await asyncio.gather(*(self.resident(begun + seconds) for _ in range(AT_ONCE)))
        took_s, many = time.monotonic() - begun, self.updates - updates
        return (cpu_s(self.processes) - before) * 1000 / many, many / took_s


async def compare(urls: tuple[str, str], residents: tuple[int, int], folder: Path, rounds: int, seconds: float) -> None:
    sides = list[Side]()
    async with AsyncExitStack() as stack:
        for number, (url, stored) in enumerate(zip(urls, residents, strict=True)):
            own = folder / str(number)
            own.mkdir()
            one = await stack.enter_async_context(crowd(url, own))
            order = list(range(FIRST_CHAT, FIRST_CHAT + stored))
            random.Random(1).shuffle(order)
            processes = [psutil.Process(one.running[one.ports[0]].pid)]
            if one.engine.dialect.name == "postgresql":
                processes.append(postmaster(one))
            sides.append(Side(one, Answers(one), cycle(order), processes))
        for side in sides:
            await side.spell(WARM_UP_S)
        spells: list[list[tuple[float, float]]] = []
        for number in range(rounds):
            order_of = (0, 1) if number % 2 else (1, 0)
            told = {at: await sides[at].spell(seconds) for at in order_of}
            spells.append([told[0], told[1]])
        for at, what in enumerate(("CPU ms an update", "updates a second")):
            small, full = (statistics.median(spell[number][at] for spell in spells) for number in (0, 1))
            ratios = [spell[1][at] / spell[0][at] for spell in spells]
            print(f"{what}: {small:.2f}, {full:.2f} when full: {statistics.median(ratios):.2f} times "
                  f"({min(ratios):.2f} to {max(ratios):.2f})", flush=True)  # fmt: skip
        for side in sides:
            await side.one.quiet()


def measure(name: str, urls: tuple[str, str], folder: Path, options: argparse.Namespace) -> None:
    residents = RESIDENTS_SMALL, options.stored // 10
    print(f"{name}: {SMALL:,} messages of {residents[0]:,} residents beside {options.stored:,} of {residents[1]:,}")
    state = talked(folder)
    for url, stored, many in zip(urls, (SMALL, options.stored), residents, strict=True):
        fill(url, stored, many, state)
    asyncio.run(compare(urls, residents, folder, options.rounds, options.seconds))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("stored", nargs="?", type=int, default=10_000_000)
    arguments.add_argument("--on", nargs="+", choices=("sqlite", "postgresql"), default=("sqlite", "postgresql"))
    arguments.add_argument("--rounds", type=int, default=8)
    arguments.add_argument("--seconds", type=float, default=8)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="gocua-bench-") as name:
        if "sqlite" in options.on:
            measure("SQLite", (f"sqlite:///{name}/small.db", f"sqlite:///{name}/full.db"), Path(name), options)
    with tempfile.TemporaryDirectory(prefix="gocua-bench-") as name:
        if "postgresql" in options.on:
            with postgres() as urls:
                measure("PostgreSQL", urls, Path(name), options)


if __name__ == "__main__":
    main()
