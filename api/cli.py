"""The `gocua` command: every verb that an operator, an author or a developer types. Each is a few lines over a room."""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import sqlalchemy as sa
import typer
import uvicorn

from api import auth, doctor, logs, main, schema, terminal, versions, zalo_connect
from api.outbox import Pen
from api.settings import Settings, SettingsError
from api.settings import load as load_settings
from api.store import StoreLocked
from api.tables import Member
from bot.capabilities import CHANNELS
from bot.flow import FlowError
from bot.library import Folders, load

if TYPE_CHECKING:
    from knowledge.search import Entry

app = typer.Typer(help="Gõ Cửa: trợ lý trò chuyện của Tổ công nghệ số cộng đồng.", no_args_is_help=True)
member_app = typer.Typer(help="Người của tổ.", no_args_is_help=True)
app.add_typer(member_app, name="member")
members_app = typer.Typer(help="Danh sách người của tổ, từ Excel hoặc CSV.", no_args_is_help=True)
app.add_typer(members_app, name="members")
zalo_app = typer.Typer(help="Zalo Official Account.", no_args_is_help=True)
app.add_typer(zalo_app, name="zalo")
channel_app = typer.Typer(help="Các kênh: Zalo OA, Zalo Bot, Messenger, Telegram.", no_args_is_help=True)
app.add_typer(channel_app, name="channel")

Jsonl = Annotated[bool, typer.Option("--jsonl", help='One {"text": ...} a line in, one answer a line out.')]


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)


def _settings(**given: object) -> Settings:
    try:
        return load_settings(**given)
    except SettingsError as error:
        _fail(f"Chưa chạy được, thiếu hoặc sai thiết lập:\n{error}")


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    demo: Annotated[bool, typer.Option("--demo", help="Fill an empty database with a sample directory.")] = False,
) -> None:
    """Run the whole service: web chat, console, channels."""
    settings = _settings(**({"demo": True} if demo else {}))
    logs.start()
    try:
        house = main.build(settings)
    except (FlowError, schema.SchemaError, StoreLocked, ValueError, sa.exc.SQLAlchemyError) as error:
        _fail(f"Chưa chạy được: {error}")
    base = settings.public_url or f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104 only compared
    typer.echo(f"Trang trò chuyện:  {base}/")
    typer.echo(f"Bàn của tổ:        {base}/team")
    with house.store.engine.begin() as connection:
        first = connection.execute(sa.select(Member.id, Member.name).order_by(Member.id)).first()  # type: ignore[call-overload]
        if first is None:
            typer.echo("Chưa có danh sách tổ và thành viên: chạy với --demo để xem thử (docs/operating.md).")
        elif settings.demo:
            link = auth.make_link(connection, first.id, house.now(), base)
            typer.echo(f"Vào thử bằng tên {first.name} (đường dẫn dùng một lần): {link}")
    sys.stdout.flush()
    uvicorn.run(
        main.create_app(house), host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=2
    )


@app.command()
def chat(
    record: Annotated[Path | None, typer.Option(help="Write the talk as a transcript to this file.")] = None,
) -> None:
    """Talk to the bot in the terminal."""
    settings = _settings()
    library = load(Folders(), home=settings.home_provinces)
    terminal.talk(library, main.utc_now, input, typer.echo, record)


@app.command()
def check() -> None:
    """Look for mistakes in flows and articles: file, line, step, what to do. Exit 1 when there are any."""
    from bot.check import check as check_content

    today = main.utc_now().date()
    problems = check_content(Folders(), CHANNELS, today)
    for problem in problems:
        typer.echo(str(problem))
    for line in _left_behind():
        typer.echo(line)
    if problems:
        _fail(f"{len(problems)} chỗ cần sửa.")
    typer.echo("Nội dung không có lỗi.")


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
            standing = versions.standing(connection)
        flows = load_flows(Folders().flows)
    except (sa.exc.SQLAlchemyError, FlowError):
        return []
    gone = Counter(
        f"{flow_id}/{step}"
        for (flow_id, _), step in standing
        if flow_id not in flows or (step not in flows[flow_id].steps and step not in flows[flow_id].moved)
    )
    return [f"{where}: {count} người đang đứng ở bước đã bỏ, họ đi tiếp theo bản cũ" for where, count in gone.items()]


@app.command()
def migrate() -> None:
    """Bring the database to this version's tables."""
    settings = _settings()
    engine = sa.create_engine(settings.database_url)
    try:
        before, after = schema.migrate(engine)
    except (schema.SchemaError, sa.exc.SQLAlchemyError) as error:
        _fail(f"Chưa nâng cấp được: {error}")
    typer.echo(f"{before or '(trống)'} -> {after}")


@app.command(name="doctor")
def doctor_command() -> None:
    """Say what is on, off or half-set; whether database and content are well. Exit 1 when something is wrong."""
    lines, well = doctor.examine(load_settings)
    typer.echo("\n".join(lines))
    if not well:
        raise typer.Exit(1)


@zalo_app.command("connect")
def zalo_connect_command() -> None:
    """Connect the Official Account: prints the page on which its admin says yes. The service must run."""
    settings = _settings()
    if not settings.zalo_accounts() or not settings.public_url:
        _fail("Cần GOCUA_PUBLIC_URL và các GOCUA_ZALO_OA_* trước đã: xem docs/channels/zalo-oa.md.")
    back = settings.public_url.rstrip("/") + zalo_connect.BACK_PATH
    typer.echo("1. Vào developers.zalo.me, mở ứng dụng, mục Official Account, đặt Official Account Callback Url bằng:")
    typer.echo(f"   {back}")
    typer.echo("2. Người quản trị OA mở đường dẫn này (dùng trong một giờ), chọn OA rồi bấm Cho phép:")
    typer.echo(f"   {zalo_connect.consent_link(settings, settings.signing_key())}")
    typer.echo("3. Trang hiện “Đã nối xong” là được. Xem lại bằng: gocua doctor")


@channel_app.command("probe")
def channel_probe(name: Annotated[str, typer.Argument(help="zalo_oa, zalo_bot, messenger or telegram.")]) -> None:
    """Go through what only a live account can settle, with your phone beside; keep the report. The service must run."""
    from api import checklist
    from api.live_probe import ProbeError

    settings = _settings()
    try:
        report = checklist.take(name, settings, doctor.zalo_keys(settings), main.utc_now, typer.echo, typer.prompt)
    except (ProbeError, sa.exc.SQLAlchemyError) as error:
        _fail(f"Chưa soát được: {error}")
    typer.echo(f"\nĐã ghi {report}")


@app.command()
def learn() -> None:
    """Train the topic weights anew from their data, in seconds, always the same."""
    from knowledge.learn import learn as train  # scikit-learn is there only where content is made

    train(Folders().knowledge / "topics", _searched())


@member_app.command("link")
def member_link(name: Annotated[str, typer.Argument(help="The member's name, or a part of it.")]) -> None:
    """Print a one-time link to the console; send it to their Telegram chat when that is linked."""
    settings = _settings()
    base = settings.public_url or "http://127.0.0.1:8000"
    engine = sa.create_engine(settings.database_url)
    member = Member.__table__  # type: ignore[attr-defined]
    with engine.begin() as connection:
        if not schema.current(engine):
            _fail("Cơ sở dữ liệu còn trống: chạy `gocua migrate` hoặc `gocua serve --demo` trước.")
        rows = connection.execute(sa.select(member.c.id, member.c.name, member.c.telegram_chat)).all()
        found = [row for row in rows if row.name == name] or [row for row in rows if name.lower() in row.name.lower()]
        if len(found) != 1:
            names = ", ".join(row.name for row in found[:10]) or "không ai"
            _fail(f"Tên {name!r} khớp với: {names}. Ghi rõ một người.")
        now = main.utc_now()
        link = auth.make_link(connection, found[0].id, now, base)
        typer.echo(f"Bàn của tổ (dùng một lần, trong 24 giờ): {link}")
        if chat_id := found[0].telegram_chat:
            _send_link(connection, chat_id, link)
            typer.echo("Đã gửi vào Telegram của người này.")
        elif settings.telegram_token.get_secret_value():
            token = auth.make_link(connection, found[0].id, now, base).rsplit("/", 1)[1]
            typer.echo(f"Nối Telegram: mở bot rồi nhắn  /start link-{token}")


def _send_link(connection: sa.Connection, chat_id: str, link: str) -> None:
    from api import inbox, outbox

    arrival = inbox.Arrival(channel="telegram", chat=chat_id, provider_id=f"link:{main.utc_now().isoformat()}",
                            conversation=f"desk:telegram:{chat_id}", body={"kind": "Sent"})  # fmt: skip
    # The link is a key: it lies in the outbox until it is sent, and is worth nothing after its first use.
    row = inbox.done(connection, arrival, main.utc_now())
    pen = Pen(row, arrival.conversation, main.utc_now())
    pen.member(chat_id, f"Đường dẫn vào bàn của tổ (dùng một lần, đừng chuyển cho ai): {link}")
    outbox.insert(connection, pen.rows)


@members_app.command("template")
def members_template(file: Annotated[Path, typer.Argument(help="The .xlsx or .csv to make.")]) -> None:
    """Write an empty list with its headers; the second sheet of an .xlsx explains each column."""
    from api import members_file

    try:
        members_file.write_template(file)
    except (members_file.MembersFileError, OSError) as error:
        _fail(str(error))
    typer.echo(f"Đã tạo {file}. Điền xong thì chạy: gocua members import {file} --dry-run")


@members_app.command("import")
def members_import(
    file: Annotated[Path, typer.Argument(help="The list, .xlsx or .csv.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done; write nothing.")] = False,
) -> None:
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
    typer.echo("\n".join(importing.told(sheet, known, outcome)))
    typer.echo("Chạy thử: chưa ghi gì." if dry_run else "Đã ghi vào danh bạ.")


# --- batch answers: one JSON object a line ---------------------------------------------------------------------------


def _batch(text: tuple[str, ...], jsonl: bool, answer: Callable[[str], dict[str, Any]]) -> None:
    """Answer the words given, or with --jsonl every line of standard input, in order, nothing else on stdout."""
    if not jsonl:
        typer.echo(json.dumps(answer(" ".join(text)), ensure_ascii=False))
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


Words = Annotated[list[str] | None, typer.Argument(help="What a resident types.")]


def _searched() -> "tuple[Entry, ...]":
    """Everything that the search can find."""
    from bot.library import entries, load_flows
    from knowledge import articles

    folders = Folders()
    return entries(load_flows(folders.flows).values(), articles.load(folders.knowledge / "articles"))


@app.command()
def ask(text: Words = None, jsonl: Jsonl = False) -> None:
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

    _batch(tuple(text or ()), jsonl, lambda said: _timed(lambda: answer(said)))


@app.command()
def place(text: Words = None, jsonl: Jsonl = False) -> None:
    """Which of today's communes a text can mean."""
    from knowledge.places import Gazetteer

    gazetteer = Gazetteer.load(Folders().knowledge / "places")

    def answer(said: str) -> dict[str, Any]:
        found = gazetteer.find(said)
        return {"communes": list(found.communes), "certain": found.certain}

    _batch(tuple(text or ()), jsonl, lambda said: _timed(lambda: answer(said)))


@app.command()
def scam(text: Words = None, jsonl: Jsonl = False) -> None:
    """Whether a message, link or shop shows signs of a scam."""
    from knowledge.scams import ScamCheck

    scams = ScamCheck.load(Folders().knowledge / "scams")

    def answer(said: str) -> dict[str, Any]:
        found = scams.assess(said)
        return {"verdict": found.verdict, "reasons": list(found.reasons)}

    _batch(tuple(text or ()), jsonl, answer)


@app.command()
def redact(text: Words = None, jsonl: Jsonl = False) -> None:
    """The text with its secrets masked, and which kinds there were."""
    from knowledge.secrets import redact as mask

    def answer(said: str) -> dict[str, Any]:
        found = mask(said)
        return {"text": found.text, "found": list(found.found)}

    _batch(tuple(text or ()), jsonl, answer)
