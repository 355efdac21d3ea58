"""What the service stands on is taken away while residents write, and given back: tests/api/test_faults.py at length.

`python -m bench.faults [SECONDS]`: each fault lasts so long. PostgreSQL is killed, stopped at once, cut off and held up
(nothing comes through and nobody is told); SQLite's disk is full, and PostgreSQL's where a disk of memory may be
mounted. Exits with 1 when anything was lost, doubled or out of order, or did not go on.
"""

import asyncio
import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import sqlalchemy as sa

from tests.faults import Server, fill_disk, line, own_server
from tests.processes import Crowd, Tally, crowd

#: on both sides of a fault
CALM_S = 3.0
DISK_BYTES = 64 * 1024 * 1024


async def meets(one: Crowd, what: str, lasts_s: float, begin: Callable[[], object], end: Callable[[], object]) -> bool:
    """One fault, from before it begins until all is done. Prints what came of it; whether all was well."""
    before, refused = one.tally(), len(one.telegram.refusals)
    async with one.writing():
        await asyncio.sleep(CALM_S)
        begun = time.monotonic()
        await asyncio.to_thread(begin)
        await asyncio.sleep(lasts_s / 2)
        told = await said(one)
        await asyncio.sleep(max(0.0, begun + lasts_s - time.monotonic()))
        ended, lines = time.monotonic(), one.written.total()
        await asyncio.to_thread(end)
        while one.written.total() == lines and time.monotonic() < ended + 60:  # noqa: ASYNC110 nothing tells
            await asyncio.sleep(0.01)
        back_s = time.monotonic() - ended
        await asyncio.sleep(CALM_S)
    await one.quiet(within_s=600)
    statuses = Counter(status for _, status in one.telegram.refusals[refused:])
    found = one.tally()
    print(f"{what}, {ended - begun:.0f} s: {found.lines - before.lines} lines, {found.lost} lost, {found.doubled} "
          f"doubled, {found.out_of_order} out of order; answers other than 200 {dict(statuses) or 'none'}; "
          f"ready said {told}; went on after {back_s:.1f} s", flush=True)  # fmt: skip
    return found == Tally(lines=one.written.total()) and back_s < 60


async def said(one: Crowd) -> str:
    """What /health/ready answers."""
    try:
        answer = await one.ready(one.ports[0])
    except OSError as error:
        return type(error).__name__
    return f"{answer.status_code} {answer.json()['wrong']}"


async def postgres(lasts_s: float) -> bool:
    with own_server() as server, tempfile.TemporaryDirectory() as folder:
        async with line(server.url) as wire, crowd(wire.url, Path(folder), seen_at=server.url) as one:
            await one.begin()
            loop = asyncio.get_running_loop()

            def on_line(change: Callable[[], object]) -> Callable[[], object]:
                return lambda: loop.call_soon_threadsafe(change)

            faults = {
                "PostgreSQL killed": (lambda: server.kill(signal.SIGKILL), server.start),
                "PostgreSQL stopped at once": (lambda: server.kill(signal.SIGQUIT), server.start),
                "its line cut": (on_line(wire.cut), on_line(wire.mend)),
                "its line held up": (on_line(wire.hold_up), on_line(wire.mend)),
            }
            return all([await meets(one, what, lasts_s, *fault) for what, fault in faults.items()])


async def sqlite_disk(lasts_s: float) -> bool:
    """Its log lies on that disk too."""
    with tempfile.TemporaryDirectory() as folder:
        async with crowd(f"sqlite:///{folder}/gocua.db", Path(folder)) as one:
            await one.begin()
            [pid] = [process.pid or 0 for process in one.running.values()]
            return await meets(one, "SQLite's disk full", lasts_s, lambda: fill_disk(pid, 0),
                               lambda: fill_disk(pid, resource.RLIM_INFINITY))  # fmt: skip


async def postgres_disk(lasts_s: float) -> bool:
    """Its tables lie on a small disk of memory, which is filled by a file and emptied again."""
    with own_server() as server, small_disk(server) as disk, tempfile.TemporaryDirectory() as folder:
        if disk is None:
            print("PostgreSQL's disk full: not tried, no disk may be mounted here")
            return True
        admin = sa.create_engine(server.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE TABLESPACE small LOCATION '{disk / 'tables'}'")
            connection.exec_driver_sql("CREATE DATABASE small TABLESPACE small")
        url = sa.make_url(server.url).set(database="small").render_as_string(hide_password=False)
        filler = disk / "filler"

        def fill() -> None:
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as out:
                while True:
                    out.write(bytes(4096))

        async with crowd(url, Path(folder)) as one:
            await one.begin()
            return await meets(one, "PostgreSQL's disk full", lasts_s, fill, filler.unlink)


@contextlib.contextmanager
def small_disk(server: Server) -> Iterator[Path | None]:
    """A folder on a disk of its own, with one that the server's user owns; None where that is not allowed."""
    disk = Path(tempfile.mkdtemp(prefix="gocua-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=755", "tmpfs", str(disk)]
    try:
        if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
            yield None
            return
        tables = disk / "tables"
        tables.mkdir()
        of = server.folder.stat()
        os.chown(tables, of.st_uid, of.st_gid)
        yield disk
        server.end()
        subprocess.run(["umount", str(disk)], check=True)
    finally:
        shutil.rmtree(disk, ignore_errors=True)


async def main(lasts_s: float) -> bool:
    return all([await postgres(lasts_s), await sqlite_disk(lasts_s), await postgres_disk(lasts_s)])


if __name__ == "__main__":
    sys.exit(not asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 8)))
