"""Everybody writes at once and nobody waits for an answer first, as in a storm warning: do answers go on meanwhile?

    python -m bench.flood [--seconds 8]

One process on SQLite. Each connection brings a word from a new resident as soon as the webhook before it is answered.
What counts is how long the residents wait, and the longest time in which not one of them was answered.
"""

import argparse
import asyncio
import itertools
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.throughput import FIRST_CHAT
from tests.fakes.telegram_rules import SENDS
from tests.processes import Crowd, crowd

#: the most that Telegram opens to one bot
CONNECTIONS = 100
#: after the flood, until the last one must have been answered
PATIENCE_S = 120.0


class Residents:
    """When each wrote and was answered first, in seconds of time.perf_counter()."""

    def __init__(self, one: Crowd) -> None:
        self.wrote_s: dict[int, float] = {}
        self.answered_s: dict[int, float] = {}
        self._carry_out = one.telegram._carry_out
        one.telegram._carry_out = self._seen  # type: ignore[method-assign]

    async def _seen(self, call: Any) -> Any:
        result = await self._carry_out(call)
        if call.method in SENDS and (chat := int(call.fields["chat_id"])) in self.wrote_s:
            self.answered_s.setdefault(chat, time.perf_counter())
        return result

    @property
    def waiting(self) -> int:
        return len(self.wrote_s) - len(self.answered_s)


async def measure(seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with crowd(f"sqlite:///{folder}/gocua.db", Path(folder)) as one:
            residents, chats = Residents(one), itertools.count(FIRST_CHAT)
            begun = time.perf_counter()

            async def connection() -> None:
                while time.perf_counter() - begun < seconds:
                    chat = next(chats)
                    residents.wrote_s[chat] = time.perf_counter()
                    assert await one.telegram.says(chat, "menu") == 200

            await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
            flood_s, waiting = time.perf_counter() - begun, residents.waiting
            async with asyncio.timeout(PATIENCE_S):
                while residents.waiting:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
    took_s = sorted(residents.answered_s[chat] - wrote for chat, wrote in residents.wrote_s.items())
    p50, p99 = (took_s[len(took_s) * percent // 100] for percent in (50, 99))
    moments = [begun, *sorted(residents.answered_s.values())]
    silence_s = max(later - earlier for earlier, later in itertools.pairwise(moments))
    print(f"{len(took_s) / flood_s:.0f} words a second for {flood_s:.1f} s, {waiting} of them not answered at its end; "
          f"waited p50 {p50:.2f} s, p99 {p99:.2f} s; longest silence {silence_s:.2f} s")  # fmt: skip


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=8)
    asyncio.run(measure(arguments.parse_args().seconds))


if __name__ == "__main__":
    main()
