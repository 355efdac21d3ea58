"""For who runs it: start, upgrade, copy, move, look at what happened, connect channels."""

import errno
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import sqlalchemy as sa
import uvicorn

from api import auth, doctor, logs, main, schema, zalo_connect
from api.cli import entry
from api.settings import Settings
from api.settings import load as load_settings
from api.store import StoreLocked
from api.tables import Member
from bot.flow import FlowError

if TYPE_CHECKING:
    from api.backup import Copy

_member = Member.__table__


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Địa chỉ để nghe.")
@click.option("--port", default=8000, show_default=True, help="Cổng để nghe.")
@click.option("--demo", is_flag=True, help="Cơ sở dữ liệu còn trống thì thêm danh bạ mẫu.")
def serve(host: str, port: int, demo: bool) -> None:
    """Chạy cả dịch vụ: trang trò chuyện, bàn của tổ, các kênh."""
    settings = entry.settings(**({"demo": True} if demo else {}))
    logs.start()
    _port_is_free(host, port)
    try:
        _brought_up_to_date(settings)
        house = main.build(settings)
    except (FlowError, schema.SchemaError, StoreLocked, ValueError, OSError, sa.exc.SQLAlchemyError) as error:
        entry.fail(f"Chưa chạy được: {entry.why(error)}")
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


def _port_is_free(host: str, port: int) -> None:
    """Told now, and not after everything else has started."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        is_taken = error.errno == errno.EADDRINUSE
        why = "đang có chương trình khác dùng" if is_taken else f"không mở được ({error.strerror})"
        entry.fail(f"Cổng {port} ở {host} {why}: đổi bằng --port, --host.")


def _brought_up_to_date(settings: Settings) -> None:
    engine = entry.engine(settings)
    try:
        schema.migrate_apart(engine)
    finally:
        engine.dispose()


@click.command()
def migrate() -> None:
    """Nâng các bảng của cơ sở dữ liệu lên bản này."""
    settings = entry.settings()
    try:
        engine = entry.engine(settings)
        before, after = schema.migrate(engine)
    except (schema.SchemaError, sa.exc.SQLAlchemyError, OSError) as error:
        entry.fail(f"Chưa nâng cấp được: {entry.why(error)}")
    click.echo(f"{before or '(trống)'} -> {after}")


@click.command()
@click.argument("file", type=entry.PATH, help="Tệp sẽ ghi; tệp cũ cùng tên bị thay.")
@click.option(
    "--verify/--no-verify", default=True, show_default=True, help="Khôi phục thử vào một cơ sở dữ liệu tạm rồi so khớp."
)
def backup(file: Path, verify: bool) -> None:
    """Sao lưu dữ liệu, hình, tệp và khoá vào một tệp. Không cần dừng dịch vụ."""
    from api import backup as copying

    if file.is_dir():
        entry.fail(f"{file} là thư mục: ghi cả tên tệp, ví dụ {file / 'gocua.copy'}")
    settings = entry.settings()
    try:
        copy = copying.make(settings, file, main.utc_now(), verify=verify)
    except (copying.BackupBroken, OSError, sa.exc.SQLAlchemyError) as error:
        entry.fail(f"Chưa sao lưu được: {entry.why(error)}")
    checked = "đã thử khôi phục, khớp từng dòng" if verify else "chưa thử khôi phục"
    click.echo(f"Đã ghi {file} ({file.stat().st_size / 1e6:.1f} MB): {_told(copy)}; {checked}.")
    if copy.media_missing:
        click.echo(f"{copy.media_missing} tệp không còn trên đĩa (vừa bị xoá), không có trong bản sao.")
    if not settings.backup_key.get_secret_value():
        click.echo("Chưa mã hoá: ai có tệp này là đọc được lời bà con và khoá của các kênh. Đặt GOCUA_BACKUP_KEY.")


@click.command()
@click.argument("file", type=entry.PATH, help="Tệp do `gocua backup` ghi.")
@click.option("--force", is_flag=True, help="Thay dữ liệu đang có.")
def restore(file: Path, force: bool) -> None:
    """Khôi phục một bản sao, vào SQLite hay PostgreSQL đều được. Dừng dịch vụ trước."""
    from api import backup as copying
    from api.moving import MoveRefused

    settings = entry.settings()
    try:
        copy = copying.restore(settings, file, force=force)
    except (copying.BackupBroken, MoveRefused, schema.SchemaError, OSError, sa.exc.SQLAlchemyError) as error:
        entry.fail(f"Chưa khôi phục được: {entry.why(error)}")
    click.echo(f"Đã khôi phục và so khớp: {_told(copy)}.")


def _told(copy: "Copy") -> str:
    rows = sum(proof.rows for proof in copy.proofs.values())
    return f"{rows} dòng trong {len(copy.proofs)} bảng, {copy.media} hình và tệp"


@click.command("move-to")
@click.argument("url", help="postgresql+psycopg://user:password@host/name, còn trống.")
def move_to(url: str) -> None:
    """Chuyển tất cả từ SQLite sang PostgreSQL và so khớp từng dòng. Dừng dịch vụ trước."""
    from api import moving

    settings = entry.settings()
    try:
        proofs = moving.move(settings, url)
    except (moving.MoveRefused, schema.SchemaError, sa.exc.SQLAlchemyError) as error:
        entry.fail(f"Chưa chuyển được: {entry.why(error)}")
    for name, proof in proofs.items():
        click.echo(f"{name}: {proof.rows} dòng, {proof.checksum}")
    click.echo("Mọi dòng đã sang nơi mới và khớp. Ghi vào .env rồi chạy lại (giữ tệp cũ tới khi thấy mọi việc ổn):")
    click.echo("  GOCUA_DATABASE_URL=(nơi mới)")
    click.echo(f"  GOCUA_DATA_FOLDER={settings.data_folder.absolute()}")


@click.command()
@click.argument("event", type=int, help="`event_id` của một dòng trong nhật ký.")
def trace(event: int) -> None:
    """Một tin đã đi đến đâu: lúc đến, lúc được xử lý, đã gửi gì. Không bao giờ in lời của ai."""
    from api import trace as tracing

    with entry.opened(entry.settings()) as connection:
        found = tracing.lines(connection, event)
    click.echo("\n".join(found) or f"Không có (hoặc không còn giữ) #{event}.")


@click.command("doctor")
def doctor_command() -> None:
    """Xem có gì sai, gì đang bật, tắt hay đặt dở. Có gì sai thì kết thúc bằng 1."""
    lines, well = doctor.examine(load_settings)
    click.echo("\n".join(lines))
    if not well:
        sys.exit(1)


@click.command("connect")
def zalo_connect_command() -> None:
    """Nối Official Account: in đường dẫn để người quản trị OA đồng ý. Dịch vụ phải đang chạy."""
    settings = entry.settings()
    if not settings.zalo_accounts() or not settings.public_url:
        entry.fail("Cần GOCUA_PUBLIC_URL và các GOCUA_ZALO_OA_* trước đã: xem docs/channels/zalo-oa.md.")
    try:
        key = settings.signing_key()
    except ValueError as error:
        entry.fail(str(error))
    back = settings.public_url.rstrip("/") + zalo_connect.BACK_PATH
    click.echo("1. Vào developers.zalo.me, mở ứng dụng, mục Official Account, đặt Official Account Callback Url bằng:")
    click.echo(f"   {back}")
    click.echo("2. Người quản trị OA mở đường dẫn này (dùng trong một giờ), chọn OA rồi bấm Cho phép:")
    click.echo(f"   {zalo_connect.consent_link(settings, key)}")
    click.echo("3. Trang hiện “Đã nối xong” là được. Xem lại bằng: gocua doctor")


@click.command("probe")
@click.argument("name", help="zalo_oa, zalo_bot, messenger hoặc telegram.")
def channel_probe(name: str) -> None:
    """Soát những điều chỉ tài khoản thật mới trả lời được, có điện thoại bên cạnh. Dịch vụ phải đang chạy."""
    from api import checklist
    from api.live_probe import ProbeError

    settings = entry.settings()
    try:
        report = checklist.take(name, settings, doctor.zalo_keys(settings), main.utc_now, click.echo, click.prompt)
    except (ProbeError, sa.exc.SQLAlchemyError) as error:
        entry.fail(f"Chưa soát được: {entry.why(error)}")
    click.echo(f"\nĐã ghi {report}")
