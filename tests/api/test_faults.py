"""The database dies, its line breaks, the disk is full, all under load: what was answered 200 is never lost.

While it lasts providers are asked to come again and /health/ready says why; then everything goes on by itself.
"""

import asyncio
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults import fill_disk, line, own_server
from tests.processes import Crowd, Tally, crowd

OUTAGE_S = 2.5


async def outage(one: Crowd, begin: Callable[[], object], end: Callable[[], object], wrong: str) -> None:
    """A fault begins and ends while residents write. `wrong`: what /health/ready names meanwhile."""
    async with one.writing():
        await asyncio.sleep(0.5)
        await asyncio.to_thread(begin)
        begun = time.monotonic()
        await asyncio.sleep(OUTAGE_S - 1)
        told = await one.ready(one.ports[0])
        await asyncio.sleep(max(0, begun + OUTAGE_S - time.monotonic()))
        while not (refused := {status for at, status in one.telegram.refusals if at > begun + 1}):
            assert time.monotonic() < begun + 30, "nobody was told"
            await asyncio.sleep(0.05)
        ended = time.monotonic()
        await asyncio.to_thread(end)
        assert (told.status_code, wrong in told.json()["wrong"]) == (503, True), told.json()
        assert refused == {503}
        lines = one.written.total()
        while one.written.total() < lines + 10:
            assert time.monotonic() < ended + 30, "it does not go on"
            await asyncio.sleep(0.05)
    await one.quiet()
    assert one.tally() == Tally(lines=one.written.total())
    assert (await one.ready(one.ports[0])).status_code == 200


async def test_postgres_is_killed_and_its_line_is_cut(tmp_path: Path) -> None:
    with own_server() as server:
        async with line(server.url) as wire, crowd(wire.url, tmp_path, seen_at=server.url) as one:
            await one.begin()
            await outage(one, lambda: server.kill(signal.SIGKILL), server.start, "database")
            await outage(one, lambda: server.kill(signal.SIGQUIT), server.start, "database")
            loop = asyncio.get_running_loop()
            await outage(one, lambda: loop.call_soon_threadsafe(wire.cut), wire.mend, "database")


async def test_the_disk_of_sqlite_is_full(tmp_path: Path) -> None:
    """Of its log too: nothing that the process writes may depend on a line of it."""
    async with crowd(f"sqlite:///{tmp_path}/gocua.db", tmp_path) as one:
        await one.begin()
        [pid] = [process.pid for process in one.running.values() if process.pid]
        await outage(one, lambda: fill_disk(pid, 0), lambda: fill_disk(pid, resource.RLIM_INFINITY), "database")
