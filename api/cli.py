"""The `gocua` command: every verb that an operator, an author or a developer types. Each is a few lines over a room."""

import contextlib
import errno
import json
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
import sqlalchemy as sa
import uvicorn

from api import auth, doctor, logs, main, schema, terminal, versions, zalo_connect
from api.outbox import Pen
from api.settings import Settings, SettingsError
from api.settings import load as load_settings
from api.store import StoreLocked
from api.tables import Member
from bot.capabilities import CHANNELS
from bot.flow import FlowError, Problem
from bot.library import Folders, load

if TYPE_CHECKING:
    from api.backup import Copy
    from knowledge.search import Entry

_member = Member.__table__  # type: ignore[attr-defined]

_PATH = click.Path(path_type=Path)
_words = click.argument("text", nargs=-1, help="What a resident types.")
_jsonl = click.option("--jsonl", is_flag=True, help='One {"text": ...} a line in, one answer a line out.')


@click.group(context_settings={"max_content_width": 120})
def app() -> None:
    """Gõ Cửa: trợ lý trò chuyện của Tổ công nghệ số cộng đồng."""


@app.group()
def member() -> None:
    """Người của tổ."""


@app.group()
def members() -> None:
    """Danh sách người của tổ, từ Excel hoặc CSV."""


@app.group()
def zalo() -> None:
    """Zalo Official Account."""


@app.group()
def channel() -> None:
    """Các kênh: Zalo OA, Zalo Bot, Messenger, Telegram."""


def _fail(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(1)


def _settings(**given: object) -> Settings:
    try:
        return load_settings(**given)
    except SettingsError as error:
        _fail(f"Chưa chạy được, thiếu hoặc sai thiết lập:\n{error}")


def _why(error: Exception) -> str:
    """What an operator can use: of a database's error its own words, without the statement."""
    own = getattr(error, "orig", None)
    return f"không mở hay ghi được cơ sở dữ liệu, xem GOCUA_DATABASE_URL ({own})" if own else str(error)


@contextlib.contextmanager
def _opened(settings: Settings) -> Iterator[sa.Connection]:
    """The database in use, in one transaction."""
    file = settings.database_file
    if file and not file.exists():
        _fail(f"Chưa có cơ sở dữ liệu {file}: chạy `gocua serve` trước, hoặc xem GOCUA_DATABASE_URL.")
    engine = sa.create_engine(settings.database_url)
    try:
        with engine.begin() as connection:
            if not schema.revision(connection):
                _fail("Cơ sở dữ liệu còn trống: chạy `gocua migrate` hoặc `gocua serve --demo` trước.")
            yield connection
    except sa.exc.SQLAlchemyError as error:
        _fail(f"Chưa làm được: {_why(error)}")
    finally:
        engine.dispose()


def _port_is_free(host: str, port: int) -> None:
    """Told now, and not after everything else has started."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        is_taken = error.errno == errno.EADDRINUSE
        why = "đang có chương trình khác dùng" if is_taken else f"không mở được ({error.strerror})"
        _fail(f"Cổng {port} ở {host} {why}: đổi bằng --port, --host.")


@app.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on.")
@click.option("--demo", is_flag=True, help="Fill an empty database with a sample directory.")
def serve(host: str, port: int, demo: bool) -> None:
    """Run the whole service: web chat, console, channels."""
    settings = _settings(**({"demo": True} if demo else {}))
    logs.start()
    _port_is_free(host, port)
    try:
        _brought_up_to_date(settings)
        house = main.build(settings)
    except (FlowError, schema.SchemaError, StoreLocked, ValueError, OSError, sa.exc.SQLAlchemyError) as error:
        _fail(f"Chưa chạy được: {_why(error)}")
    base = settings.public_url or f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104 only compared
    click.echo(f"Trang trò chuyện:  {base}/")
    click.echo(f"Bàn của tổ:        {base}/team")
    with house.store.engine.begin() as connection:
        first = connection.execute(sa.select(_member.c.id, _member.c.name).order_by(_member.c.id)).first()
        if first is None:
            click.echo("Chưa có danh sách tổ và thành viên: chạy với --demo để xem thử (docs/operating.md).")
        elif settings.demo:
            link = auth.make_link(connection, first.id, house.now(), base)
            click.echo(f"Vào thử bằng tên {first.name} (đường dẫn dùng một lần): {link}")
    sys.stdout.flush()
    main.settle_memory()
    sys.setswitchinterval(0.002)  # the writing thread comes back from the disk into a busy interpreter: sooner its turn
    uvicorn.run(
        main.create_app(house), host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=2,
        http=main.protocol(house),
        ws="none",  # nobody speaks it here: what reads it need not be there
    )  # fmt: skip


def _engine(settings: Settings) -> sa.Engine:
    """The database, with a folder for it."""
    if settings.database_file:
        settings.database_file.absolute().parent.mkdir(parents=True, exist_ok=True)
    return sa.create_engine(settings.database_url)


def _brought_up_to_date(settings: Settings) -> None:
    engine = _engine(settings)
    try:
        schema.migrate_apart(engine)
    finally:
        engine.dispose()


@app.command()
@click.option("--record", type=_PATH, help="Write the talk as a transcript to this file.")
def chat(record: Path | None) -> None:
    """Talk to the bot in the terminal."""
    settings = _settings()
    library = load(Folders(), home=settings.home_provinces)
    terminal.talk(library, main.utc_now, input, click.echo, record)


@app.command()
@click.argument("files", nargs=-1, type=_PATH, help="Tell of these files alone.")
@click.option("--fix", is_flag=True, help="First mend what needs no judgement, in place.")
@click.option("--coverage", is_flag=True, help="Also steps that no transcript shows.")
def check(files: tuple[Path, ...], fix: bool, coverage: bool) -> None:
    """Look for mistakes in flows and articles: file, line, step, what to do. Exit 1 when there are errors."""
    from bot import check as content

    if fix:
        for path in content.fix(Folders()):
            click.echo(f"Đã sửa giùm: {_from_here(path)}")
    wanted = {str(path.resolve()) for path in files}
    problems = (*content.check(Folders(), CHANNELS, main.utc_now().date()), *(_uncovered() if coverage else ()))
    shown = [one for one in problems if not wanted or str(Path(one.file).resolve()) in wanted]
    for problem in shown:
        told = replace(problem, file=_from_here(Path(problem.file)))
        click.echo(f"{told}" if problem.level == "error" else f"{told} (nên sửa)")
    for line in _left_behind():
        click.echo(line)
    errors = sum(one.level == "error" for one in shown)
    if errors:
        _fail(f"{errors} chỗ phải sửa, {len(shown) - errors} chỗ nên sửa.")
    click.echo("Nội dung không có lỗi." + (f" {len(shown)} chỗ nên sửa." if shown else ""))


@app.command("schema")
def schema_command() -> None:
    """Print the flow language as a JSON Schema, for editors: docs/flow.schema.json."""
    from bot.flow_schema import schema_text

    click.echo(schema_text(), nl=False)


def _uncovered() -> tuple[Problem, ...]:
    from bot.coverage import load as load_transcripts
    from bot.coverage import uncovered
    from bot.library import load_flows
    from bot.transcript import TranscriptError

    folder = Path(__file__).parent.parent / "tests" / "transcripts"
    if not folder.is_dir():
        _fail(f"Không thấy {folder}: chạy --coverage trong thư mục mã nguồn, nơi có các đoạn hội thoại mẫu.")
    try:
        return uncovered(load_flows(Folders().flows), load_transcripts(folder))
    except FlowError:
        return ()  # told already
    except TranscriptError as error:
        _fail(str(error))


def _from_here(path: Path) -> str:
    """As an author would type it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _left_behind() -> list[str]:
    """Residents who stand on a step that today's content no longer has: they finish on the version that is kept."""
    from bot.library import load_flows

    settings = _settings()
    if settings.database_file and not settings.database_file.exists():
        return []
    engine = sa.create_engine(settings.database_url)
    try:
        if not schema.current(engine):
            return []
        with engine.connect() as connection:
            standing = Counter(versions.standing(connection))
        flows = load_flows(Folders().flows)
    except (sa.exc.SQLAlchemyError, FlowError):
        return []
    gone: Counter[str] = Counter()
    for ((flow_id, _), step), residents in standing.items():
        if flow_id not in flows or (step not in flows[flow_id].steps and step not in flows[flow_id].moved):
            gone[f"{flow_id}/{step}"] += residents
    return [f"{where}: {count} người đang đứng ở bước đã bỏ, họ đi tiếp theo bản cũ" for where, count in gone.items()]


@app.command()
def migrate() -> None:
    """Bring the database to this version's tables."""
    settings = _settings()
    try:
        engine = _engine(settings)
        before, after = schema.migrate(engine)
    except (schema.SchemaError, sa.exc.SQLAlchemyError, OSError) as error:
        _fail(f"Chưa nâng cấp được: {_why(error)}")
    click.echo(f"{before or '(trống)'} -> {after}")


@app.command()
@click.argument("file", type=_PATH, help="The file to write; an older one of that name is replaced.")
@click.option(
    "--verify/--no-verify", default=True, show_default=True, help="Restore it into a scratch database and compare."
)
def backup(file: Path, verify: bool) -> None:
    """Copy database, pictures, files and keys into one file, while the service runs."""
    from api import backup as copying

    if file.is_dir():
        _fail(f"{file} là thư mục: ghi cả tên tệp, ví dụ {file / 'gocua.copy'}")
    settings = _settings()
    try:
        copy = copying.make(settings, file, main.utc_now(), verify=verify)
    except (copying.BackupBroken, OSError, sa.exc.SQLAlchemyError) as error:
        _fail(f"Chưa sao lưu được: {_why(error)}")
    checked = "đã thử khôi phục, khớp từng dòng" if verify else "chưa thử khôi phục"
    click.echo(f"Đã ghi {file} ({file.stat().st_size / 1e6:.1f} MB): {_told(copy)}; {checked}.")
    if copy.media_missing:
        click.echo(f"{copy.media_missing} tệp không còn trên đĩa (vừa bị xoá), không có trong bản sao.")
    if not settings.backup_key.get_secret_value():
        click.echo("Chưa mã hoá: ai có tệp này là đọc được lời bà con và khoá của các kênh. Đặt GOCUA_BACKUP_KEY.")


@app.command()
@click.argument("file", type=_PATH, help="A file that `gocua backup` wrote.")
@click.option("--force", is_flag=True, help="Replace the data that is there.")
def restore(file: Path, force: bool) -> None:
    """Bring a copy back, into SQLite or PostgreSQL, whichever it came from. The service must not run."""
    from api import backup as copying
    from api.moving import MoveRefused

    settings = _settings()
    try:
        copy = copying.restore(settings, file, force=force)
    except (copying.BackupBroken, MoveRefused, schema.SchemaError, OSError, sa.exc.SQLAlchemyError) as error:
        _fail(f"Chưa khôi phục được: {_why(error)}")
    click.echo(f"Đã khôi phục và so khớp: {_told(copy)}.")


def _told(copy: "Copy") -> str:
    rows = sum(proof.rows for proof in copy.proofs.values())
    return f"{rows} dòng trong {len(copy.proofs)} bảng, {copy.media} hình và tệp"


@app.command("move-to")
@click.argument("url", help="postgresql+psycopg://user:password@host/name, empty.")
def move_to(url: str) -> None:
    """Move everything from SQLite to PostgreSQL and prove that every row arrived. The service must not run."""
    from api import moving

    settings = _settings()
    try:
        proofs = moving.move(settings, url)
    except (moving.MoveRefused, schema.SchemaError, sa.exc.SQLAlchemyError) as error:
        _fail(f"Chưa chuyển được: {_why(error)}")
    for name, proof in proofs.items():
        click.echo(f"{name}: {proof.rows} dòng, {proof.checksum}")
    click.echo("Mọi dòng đã sang nơi mới và khớp. Ghi vào .env rồi chạy lại (giữ tệp cũ tới khi thấy mọi việc ổn):")
    click.echo("  GOCUA_DATABASE_URL=(nơi mới)")
    click.echo(f"  GOCUA_DATA_FOLDER={settings.data_folder.absolute()}")


@app.command()
@click.argument("event", type=int, help="`event_id` of a line in the log.")
def trace(event: int) -> None:
    """What became of one message: when it came, had its turn, and what was sent. Never anyone's words."""
    from api import trace as tracing

    with _opened(_settings()) as connection:
        found = tracing.lines(connection, event)
    click.echo("\n".join(found) or f"Không có (hoặc không còn giữ) #{event}.")


@app.command("doctor")
def doctor_command() -> None:
    """Say what is on, off or half-set; whether database and content are well. Exit 1 when something is wrong."""
    lines, well = doctor.examine(load_settings)
    click.echo("\n".join(lines))
    if not well:
        sys.exit(1)


@zalo.command("connect")
def zalo_connect_command() -> None:
    """Connect the Official Account: prints the page on which its admin says yes. The service must run."""
    settings = _settings()
    if not settings.zalo_accounts() or not settings.public_url:
        _fail("Cần GOCUA_PUBLIC_URL và các GOCUA_ZALO_OA_* trước đã: xem docs/channels/zalo-oa.md.")
    back = settings.public_url.rstrip("/") + zalo_connect.BACK_PATH
    click.echo("1. Vào developers.zalo.me, mở ứng dụng, mục Official Account, đặt Official Account Callback Url bằng:")
    click.echo(f"   {back}")
    click.echo("2. Người quản trị OA mở đường dẫn này (dùng trong một giờ), chọn OA rồi bấm Cho phép:")
    click.echo(f"   {zalo_connect.consent_link(settings, settings.signing_key())}")
    click.echo("3. Trang hiện “Đã nối xong” là được. Xem lại bằng: gocua doctor")


@channel.command("probe")
@click.argument("name", help="zalo_oa, zalo_bot, messenger or telegram.")
def channel_probe(name: str) -> None:
    """Go through what only a live account can settle, with your phone beside; keep the report. The service must run."""
    from api import checklist
    from api.live_probe import ProbeError

    settings = _settings()
    try:
        report = checklist.take(name, settings, doctor.zalo_keys(settings), main.utc_now, click.echo, click.prompt)
    except (ProbeError, sa.exc.SQLAlchemyError) as error:
        _fail(f"Chưa soát được: {_why(error)}")
    click.echo(f"\nĐã ghi {report}")


@app.command()
def learn() -> None:
    """Train the topic weights and the judge of numbers anew from their data, in seconds, always the same."""
    from knowledge.learn import learn as train  # scikit-learn is there only where content is made
    from knowledge.learn import learn_spans

    train(Folders().knowledge / "topics", _searched())
    learn_spans(Folders().knowledge / "spans")


@member.command("link")
@click.argument("name", help="The member's name, or a part of it.")
def member_link(name: str) -> None:
    """Print a one-time link to the console; send it to their Telegram chat when that is linked."""
    settings = _settings()
    base = settings.public_url or "http://127.0.0.1:8000"
    with _opened(settings) as connection:
        rows = connection.execute(sa.select(_member.c.id, _member.c.name, _member.c.telegram_chat)).all()
        found = [row for row in rows if row.name == name] or [row for row in rows if name.lower() in row.name.lower()]
        if len(found) != 1:
            names = ", ".join(row.name for row in found[:10]) or "không ai"
            _fail(f"Tên {name!r} khớp với: {names}. Ghi rõ một người.")
        now = main.utc_now()
        link = auth.make_link(connection, found[0].id, now, base)
        click.echo(f"Bàn của tổ (dùng một lần, trong 24 giờ): {link}")
        if chat_id := found[0].telegram_chat:
            _send_link(connection, chat_id, link)
            click.echo("Đã gửi vào Telegram của người này.")
        elif settings.telegram_token.get_secret_value():
            token = auth.make_link(connection, found[0].id, now, base).rsplit("/", 1)[1]
            click.echo(f"Nối Telegram: mở bot rồi nhắn  /start link-{token}")
        if settings.zalo_bot_token.get_secret_value():
            token = auth.make_link(connection, found[0].id, now, base).rsplit("/", 1)[1]
            click.echo(f"Báo việc mới qua Zalo: nhắn cho bot Zalo  link-{token}")


def _send_link(connection: sa.Connection, chat_id: str, link: str) -> None:
    from api import inbox, outbox

    arrival = inbox.Arrival(channel="telegram", chat=chat_id, provider_id=f"link:{main.utc_now().isoformat()}",
                            conversation=f"desk:telegram:{chat_id}", body={"kind": "Sent"})  # fmt: skip
    # The link is a key: it lies in the outbox until it is sent, and is worth nothing after its first use.
    row = inbox.put_done(connection, arrival, main.utc_now())
    pen = Pen(row, arrival.conversation, main.utc_now())
    pen.member(chat_id, f"Đường dẫn vào bàn của tổ (dùng một lần, đừng chuyển cho ai): {link}")
    outbox.insert(connection, pen.rows)


@members.command("template")
@click.argument("file", type=_PATH, help="The .xlsx or .csv to make.")
def members_template(file: Path) -> None:
    """Write an empty list with its headers; the second sheet of an .xlsx explains each column."""
    from api import members_file

    try:
        members_file.write_template(file)
    except (members_file.MembersFileError, OSError) as error:
        _fail(str(error))
    click.echo(f"Đã tạo {file}. Điền xong thì chạy: gocua members import {file} --dry-run")


@members.command("import")
@click.argument("file", type=_PATH, help="The list, .xlsx or .csv.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done; write nothing.")
def members_import(file: Path, dry_run: bool) -> None:
    """Bring a list of teams and members into the directory: all of it, or nothing and every mistake."""
    from api import importing, members_file
    from knowledge.places import Gazetteer

    settings = _settings()
    try:
        sheet = members_file.read(file)
    except members_file.MembersFileError as error:
        _fail(str(error))
    known = importing.understand(sheet, Gazetteer.load(Folders().knowledge / "places"), settings.home_provinces)
    engine = sa.create_engine(settings.database_url)
    if not schema.current(engine):
        _fail("Cơ sở dữ liệu còn trống: chạy `gocua migrate` trước.")
    with engine.connect() as connection:
        outcome = importing.bring_in(connection, known.entries, main.utc_now())
        problems = sorted((*known.problems, *outcome.problems), key=lambda one: one.row)
        if problems or dry_run:
            connection.rollback()
        else:
            connection.commit()
    if problems:
        _fail("\n".join(map(str, problems)) + f"\n{len(problems)} chỗ cần sửa. Chưa ghi gì.")
    click.echo("\n".join(importing.told(sheet, known, outcome)))
    click.echo("Chạy thử: chưa ghi gì." if dry_run else "Đã ghi vào danh bạ.")


@app.command()
@click.argument("file", type=_PATH, help="The poster, .svg; or .png for the first code alone.")
@click.option("--place", default="", help='Who invites, such as "Tổ công nghệ số xã Mỹ An Hưng".')
@click.option("--telegram", default="", help="The bot's name on Telegram, such as GoCuaBot.")
@click.option("--messenger", default="", help="The page's name on Facebook.")
@click.option("--flow", default="", help="The flow that begins at once (Telegram, Messenger).")
@click.option("--channel", default="", help="Only this way: zalo_oa, telegram, messenger or web.")
def qr(file: Path, place: str, telegram: str, messenger: str, flow: str, channel: str) -> None:
    """Make a poster with the QR codes of the ways into the chat."""
    from api import poster
    from api.qr import write_png

    if flow and not (Folders().flows / f"{flow}.yaml").is_file():
        _fail(f"Không có kịch bản {flow!r} trong bot/flows/.")
    try:
        ways = poster.ways(_settings(), telegram=telegram, messenger=messenger, flow=flow)
    except poster.PosterError as error:
        _fail(str(error))
    ways = tuple(way for way in ways if channel in ("", way.channel))
    if not ways or file.suffix not in (".svg", ".png"):
        _fail(f"Không có đường vào {channel!r}." if not ways else "Tên tệp phải kết thúc bằng .svg hoặc .png.")
    if file.suffix == ".svg":
        file.write_text(poster.poster(ways, place), encoding="utf-8")
    else:
        write_png(ways[0].link, file)
    click.echo(f"Đã tạo {file}:\n" + "\n".join(f"  {way.title}: {way.link}" for way in ways))


# --- batch answers: one JSON object a line ---------------------------------------------------------------------------


def _batch(text: tuple[str, ...], jsonl: bool, answer: Callable[[str], dict[str, Any]]) -> None:
    """Answer the words given, or with --jsonl every line of standard input, in order, nothing else on stdout."""
    if not jsonl:
        click.echo(json.dumps(answer(" ".join(text)), ensure_ascii=False))
        return
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            said = json.loads(line)["text"]
            if not isinstance(said, str):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            out: dict[str, Any] = {"error": 'a line must be a JSON object with a string under "text"'}
        else:
            out = answer(said)
        sys.stdout.write(json.dumps(out, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _timed(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    begin = time.perf_counter()
    return {**work(), "ms": round((time.perf_counter() - begin) * 1000, 3)}


def _searched() -> "tuple[Entry, ...]":
    """Everything that the search can find."""
    from bot.library import entries, load_flows
    from knowledge import articles

    folders = Folders()
    return entries(load_flows(folders.flows).values(), articles.load(folders.knowledge / "articles"))


@app.command()
@_words
@_jsonl
def ask(text: tuple[str, ...], jsonl: bool) -> None:
    """Which topic and answers a message means."""
    from knowledge.search import Index

    index = Index.load(Folders().knowledge / "topics", _searched())

    def answer(said: str) -> dict[str, Any]:
        found = index.ask(said)
        hits = [{"kind": hit.kind, "id": hit.id, "title": hit.title} for hit in found.hits]
        return {
            "topic": found.topic,
            "p": round(found.p, 4),
            "band": found.band,
            "topics": list(found.topics),
            "hits": hits,
        }

    _batch(text, jsonl, lambda said: _timed(lambda: answer(said)))


@app.command()
@_words
@_jsonl
def place(text: tuple[str, ...], jsonl: bool) -> None:
    """Which of today's communes a text can mean."""
    from knowledge.places import Gazetteer

    gazetteer = Gazetteer.load(Folders().knowledge / "places")

    def answer(said: str) -> dict[str, Any]:
        found = gazetteer.find(said)
        return {"communes": list(found.communes), "certain": found.certain}

    _batch(text, jsonl, lambda said: _timed(lambda: answer(said)))


@app.command()
@_words
@_jsonl
def scam(text: tuple[str, ...], jsonl: bool) -> None:
    """Whether a message, link or shop shows signs of a scam."""
    from knowledge.scams import ScamCheck

    scams = ScamCheck.load(Folders().knowledge / "scams")

    def answer(said: str) -> dict[str, Any]:
        found = scams.assess(said)
        return {"verdict": found.verdict, "reasons": list(found.reasons)}

    _batch(text, jsonl, answer)


@app.command()
@_words
@_jsonl
def redact(text: tuple[str, ...], jsonl: bool) -> None:
    """The text with its secrets masked, and which kinds there were."""
    from knowledge.secrets import redact as mask

    def answer(said: str) -> dict[str, Any]:
        found = mask(said)
        return {"text": found.text, "found": list(found.found)}

    _batch(text, jsonl, answer)
