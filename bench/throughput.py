"""Updates a second of one process on SQLite, and of one, two and four on PostgreSQL; where the processor's time goes.

    python -m bench.throughput [--processes 0 1 2 4] [--residents 64] [--seconds 20]       0: one on SQLite

Real processes of the whole service, written to over HTTP by the tests' fake Telegram, 0 to 10 ms away each way.
Each resident writes, waits for the 200 and for the answer, and writes again, to whichever process. Everything runs
on this one machine: where its cores are full, more processes cannot bring more, and what counts is the CPU time that an
update takes of the service's processes, of PostgreSQL and of the fake. 3 s to warm up are not counted.
"""

import argparse
import asyncio
import contextlib
import os
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from tests.fakes.telegram_rules import SENDS
from tests.faults import own_server
from tests.processes import Crowd, crowd

WARM_UP_S = 3.0
#: a question, two steps of the flow that answers it, and back to the menu
SAYS = ("cài vneid", "xong", "xong", "menu")
FIRST_CHAT = 2001


@dataclass(slots=True, kw_only=True)
class Measured:
    """Of the counted seconds alone."""

    counting: bool = False
    took_s: list[float] = field(default_factory=list)


class Answers:
    """Wakes whoever waits for the bot's next message in a chat."""

    def __init__(self, one: Crowd) -> None:
        self._came: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)
        carry_out = one.telegram._carry_out

        async def seen(call: Any) -> Any:
            result = await carry_out(call)
            if call.method in SENDS:
                self._came[int(call.fields["chat_id"])].set()
            return result

        one.telegram._carry_out = seen  # type: ignore[method-assign]

    def begin(self, chat: int) -> None:
        self._came[chat].clear()

    async def come(self, chat: int) -> None:
        await self._came[chat].wait()


async def resident(one: Crowd, answers: Answers, chat: int, measured: Measured) -> None:
    """Until cancelled."""
    while True:
        for words in SAYS:
            answers.begin(chat)
            begun = time.perf_counter()
            await one.telegram.says(chat, words)
            await answers.come(chat)
            if measured.counting:
                measured.took_s.append(time.perf_counter() - begun)


def cpu_s(processes: list[psutil.Process]) -> float:
    """Of these and of their children; one that ends meanwhile, as PostgreSQL's workers do, is left out."""
    every = {child.pid: child for one in processes for child in (one, *one.children(recursive=True))}
    took_s = 0.0
    for one in every.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            took_s += sum(one.cpu_times()[:2])
    return took_s


def postmaster(one: Crowd) -> psutil.Process:
    with one.engine.connect() as connection:
        backend = psutil.Process(connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one())
        parent = backend.parent()
    assert parent is not None
    return parent


async def measure(name: str, url: str, processes: int, residents: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with crowd(url.format(folder=folder), Path(folder), processes=processes) as one:
            ours = [psutil.Process(one.running[port].pid) for port in one.ports]
            groups = {"the service": ours} | ({} if name == "SQLite" else {name: [postmaster(one)]})
            measured, answers = Measured(), Answers(one)
            talks = [
                asyncio.create_task(resident(one, answers, FIRST_CHAT + number, measured))
                for number in range(residents)
            ]
            await asyncio.sleep(WARM_UP_S)
            before = {name: cpu_s(group) for name, group in groups.items()} | {"the fake": time.process_time()}
            measured.counting, begun = True, time.monotonic()
            await asyncio.wait(talks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
            measured.counting, took_s = False, time.monotonic() - begun
            after = {name: cpu_s(group) for name, group in groups.items()} | {"the fake": time.process_time()}
            memory_mb = max(process.memory_info().rss for process in ours) / 1e6
            for talk in talks:
                talk.cancel()
            ended = await asyncio.gather(*talks, return_exceptions=True)
            for error in ended:
                if isinstance(error, BaseException) and not isinstance(error, asyncio.CancelledError):
                    raise error
            await one.quiet()
    updates, took = len(measured.took_s), sorted(measured.took_s)
    assert updates, "nobody was answered"
    spent = ", ".join(f"{name} {(after[name] - before[name]) * 1000 / updates:.2f}" for name in before)
    busy = sum(after[name] - before[name] for name in before) / took_s
    p50, p99 = (took[updates * percent // 100] * 1000 for percent in (50, 99))
    print(f"{name}, {processes} process{'es' if processes > 1 else ''}: {updates / took_s:.0f} updates a second; "
          f"answer p50 {p50:.0f} ms, p99 {p99:.0f} ms; CPU ms an update: {spent}; {busy:.2f} of {os.cpu_count()} "
          f"cores; {memory_mb:.0f} MB", flush=True)  # fmt: skip


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--processes", type=int, nargs="+", default=[0, 1, 2, 4])
    arguments.add_argument("--residents", type=int, default=64)
    arguments.add_argument("--seconds", type=float, default=20)
    options = arguments.parse_args()
    for number in options.processes:
        if number == 0:
            asyncio.run(measure("SQLite", "sqlite:///{folder}/gocua.db", 1, options.residents, options.seconds))
            continue
        with own_server() as server:
            asyncio.run(measure("PostgreSQL", server.url, number, options.residents, options.seconds))


if __name__ == "__main__":
    main()
