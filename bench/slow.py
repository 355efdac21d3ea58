"""One chat whose every call takes two seconds: how much later the others get their answers.

    python -m bench.slow [--rate 150] [--seconds 10] [--rounds 3]

One process on SQLite, residents who write at a steady rate, about half of what the machine can do. Spells with and
without the slow chat follow each other in one run, so that the machine's moods fall on both.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.throughput import FIRST_CHAT, SAYS, WARM_UP_S, Answers
from tests.processes import Crowd, crowd

SLOW_CHAT, SLOW_S = 1999, 2.0
RESIDENTS = 200


class Spell:
    """What residents waited, in seconds, with and without the slow chat."""

    def __init__(self) -> None:
        self.slow: bool | None = None
        self.took_s: dict[bool, list[float]] = {False: [], True: []}


async def resident(one: Crowd, answers: Answers, chat: int, every_s: float, spell: Spell) -> None:
    """Until cancelled: writes at its times; who is not answered by the next one writes late, and that counts."""
    due = time.perf_counter() + every_s * (chat % RESIDENTS) / RESIDENTS
    while True:
        for words in SAYS:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            during = spell.slow
            answers.begin(chat)
            await one.telegram.says(chat, words)
            await answers.come(chat)
            if during is not None and during == spell.slow:
                spell.took_s[during].append(time.perf_counter() - due)
            due += every_s


async def unlucky(one: Crowd, spell: Spell) -> None:
    """Until cancelled: in the slow spells, five messages a second to a chat that takes two for each answer."""
    while True:
        await asyncio.sleep(0.2)
        if spell.slow:
            await one.telegram.says(SLOW_CHAT, "menu")


def slow_down(one: Crowd) -> None:
    carry_out = one.telegram._carry_out

    async def slowly(call: Any) -> Any:
        if int(call.fields.get("chat_id", 0)) == SLOW_CHAT:
            await asyncio.sleep(SLOW_S)
        return await carry_out(call)

    one.telegram._carry_out = slowly  # type: ignore[method-assign]


async def measure(rate: float, seconds: float, rounds: int) -> Spell:
    spell = Spell()
    with tempfile.TemporaryDirectory() as folder:
        async with crowd(f"sqlite:///{folder}/gocua.db", Path(folder)) as one:
            slow_down(one)
            answers = Answers(one)
            chats = range(FIRST_CHAT, FIRST_CHAT + RESIDENTS)
            talks = [asyncio.create_task(resident(one, answers, chat, RESIDENTS / rate, spell)) for chat in chats]
            talks.append(asyncio.create_task(unlucky(one, spell)))
            await asyncio.sleep(WARM_UP_S)
            for number in range(2 * rounds):
                spell.slow = number % 2 == 1
                await asyncio.wait(talks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
            spell.slow = None
            for talk in talks:
                talk.cancel()
            for error in await asyncio.gather(*talks, return_exceptions=True):
                if isinstance(error, Exception):
                    raise error
    return spell


def spread(took_s: Iterable[float]) -> tuple[float, float]:
    """p50 and p99, in milliseconds."""
    ordered = sorted(took_s)
    return ordered[len(ordered) // 2] * 1000, ordered[len(ordered) * 99 // 100] * 1000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rate", type=float, default=150)
    arguments.add_argument("--seconds", type=float, default=10)
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    spell = asyncio.run(measure(options.rate, options.seconds, options.rounds))
    (p50, p99), (slow_p50, slow_p99) = spread(spell.took_s[False]), spread(spell.took_s[True])
    answered = sum(map(len, spell.took_s.values()))
    print(f"{answered} answers at {options.rate:.0f} a second; without it p50 {p50:.0f} ms, p99 {p99:.0f} ms; "
          f"beside it p50 {slow_p50:.0f} ms, p99 {slow_p99:.0f} ms ({(slow_p99 / p99 - 1) * 100:+.0f} %)")  # fmt: skip


if __name__ == "__main__":
    main()
