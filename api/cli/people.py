"""For who keeps the directory: links into the console, lists of members, posters that invite residents."""

from pathlib import Path

import click
import sqlalchemy as sa

from api import auth, main
from api.cli import entry
from api.outbox import Pen
from api.tables import Member
from bot.library import Folders

_member = Member.__table__


@click.command("link")
@click.argument("name", help="Tên người của tổ, hoặc một phần của tên.")
def member_link(name: str) -> None:
    """In đường dẫn dùng một lần vào bàn của tổ; ai đã nối Telegram thì gửi luôn vào đó."""
    settings = entry.settings()
    base = settings.public_url or "http://127.0.0.1:8000"
    with entry.opened(settings) as connection:
        rows = connection.execute(sa.select(_member.c.id, _member.c.name, _member.c.telegram_chat)).all()
        found = [row for row in rows if row.name == name] or [row for row in rows if name.lower() in row.name.lower()]
        if len(found) != 1:
            names = ", ".join(row.name for row in found[:10]) or "không ai"
            entry.fail(f"Tên {name!r} khớp với: {names}. Ghi rõ một người.")
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


@click.command("template")
@click.argument("file", type=entry.PATH, help="Tệp .xlsx hoặc .csv sẽ tạo.")
def members_template(file: Path) -> None:
    """Tạo danh sách trống có sẵn tên cột; trang thứ hai của tệp .xlsx giải thích từng cột."""
    from api import members_file

    try:
        members_file.write_template(file)
    except (members_file.MembersFileError, OSError) as error:
        entry.fail(str(error))
    click.echo(f"Đã tạo {file}. Điền xong thì chạy: gocua members import {file} --dry-run")


@click.command("import")
@click.argument("file", type=entry.PATH, help="Danh sách, .xlsx hoặc .csv.")
@click.option("--dry-run", is_flag=True, help="Chỉ nói sẽ làm gì, không ghi gì.")
def members_import(file: Path, dry_run: bool) -> None:
    """Đưa danh sách tổ và người của tổ vào danh bạ: tất cả, hoặc không ghi gì và chỉ ra mọi chỗ sai."""
    from api import importing, members_file
    from knowledge.places import Gazetteer

    settings = entry.settings()
    try:
        sheet = members_file.read(file)
    except members_file.MembersFileError as error:
        entry.fail(str(error))
    known = importing.understand(sheet, Gazetteer.load(Folders().knowledge / "places"), settings.home_provinces)
    with entry.opened(settings) as connection:
        outcome = importing.bring_in(connection, known.entries, main.utc_now())
        problems = sorted((*known.problems, *outcome.problems), key=lambda one: one.row)
        if problems or dry_run:
            connection.rollback()
    if problems:
        entry.fail("\n".join(map(str, problems)) + f"\n{len(problems)} chỗ cần sửa. Chưa ghi gì.")
    click.echo("\n".join(importing.told(sheet, known, outcome)))
    click.echo("Chạy thử: chưa ghi gì." if dry_run else "Đã ghi vào danh bạ.")


@click.command()
@click.argument("file", type=entry.PATH, help="Tờ dán, .svg; hoặc .png nếu chỉ cần mã đầu tiên.")
@click.option("--place", default="", help='Ai mời, ví dụ "Tổ công nghệ số xã Mỹ An Hưng".')
@click.option("--telegram", default="", help="Tên bot trên Telegram, ví dụ GoCuaBot.")
@click.option("--messenger", default="", help="Tên trang trên Facebook.")
@click.option("--flow", default="", help="Kịch bản bắt đầu ngay khi quét (Telegram, Messenger).")
@click.option("--channel", default="", help="Chỉ lối vào này: zalo_oa, telegram, messenger hoặc web.")
def qr(file: Path, place: str, telegram: str, messenger: str, flow: str, channel: str) -> None:
    """Làm tờ dán có mã QR của các lối vào trò chuyện."""
    from api import poster
    from api.qr import write_png

    if flow and not (Folders().flows / f"{flow}.yaml").is_file():
        entry.fail(f"Không có kịch bản {flow!r} trong bot/flows/.")
    try:
        ways = poster.ways(entry.settings(), telegram=telegram, messenger=messenger, flow=flow)
    except poster.PosterError as error:
        entry.fail(str(error))
    ways = tuple(way for way in ways if channel in ("", way.channel))
    if not ways or file.suffix not in (".svg", ".png"):
        entry.fail(f"Không có đường vào {channel!r}." if not ways else "Tên tệp phải kết thúc bằng .svg hoặc .png.")
    if file.suffix == ".svg":
        file.write_text(poster.poster(ways, place), encoding="utf-8")
    else:
        write_png(ways[0].link, file)
    click.echo(f"Đã tạo {file}:\n" + "\n".join(f"  {way.title}: {way.link}" for way in ways))
