"""Everybody writes at once and nobody waits for an answer first, as in a storm warning: do answers go on meanwhile?

    python -m bench.flood [--seconds 8] [--on sqlite postgresql]

One process on SQLite, then two on PostgreSQL. Each connection brings a word from a new resident as soon as the webhook
before it is answered. What counts is how long the residents wait, and the longest time in which not one of them was
answered.
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
from tests.faults import own_server
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


async def measure(name: str, url: str, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with crowd(url.format(folder=folder), Path(folder)) as one:
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
    print(f"{name}: {len(took_s) / flood_s:.0f} words a second for {flood_s:.1f} s, {waiting} of them not answered at "
          f"its end; waited p50 {p50:.2f} s, p99 {p99:.2f} s; longest silence {silence_s:.2f} s")  # fmt: skip


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=8)
    arguments.add_argument("--on", nargs="+", choices=("sqlite", "postgresql"), default=("sqlite", "postgresql"))
    options = arguments.parse_args()
    if "sqlite" in options.on:
        asyncio.run(measure("SQLite", "sqlite:///{folder}/gocua.db", options.seconds))
    if "postgresql" in options.on:
        with own_server() as server:
            asyncio.run(measure("PostgreSQL", server.url, options.seconds))


if __name__ == "__main__":
    main()
