"""`gocua doctor`: what is on, off or half-set, and whether channels, database and content are well. Changes nothing."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import sqlalchemy as sa

from api import probing, schema
from api.findings import ZaloKeys, is_well
from api.settings import Settings, SettingsError
from api.tables import ConversationRow, Member, ZaloKey
from bot.flow import FlowError
from bot.library import Folders, load


def examine(load_settings: Callable[[], Settings]) -> tuple[list[str], bool]:
    """The lines to print, and whether all is well."""
    try:
        settings = load_settings()
    except SettingsError as error:
        return ["Thiết lập: CHƯA ỔN", *(f"  {line}" for line in str(error).splitlines())], False
    lines = ["Thiết lập: ổn", *_channels(settings)]
    database, database_well = _database(settings)
    content, content_well = _content(settings)
    asked, channels_well = _asked(settings)
    return [*lines, *database, *content, *asked], database_well and content_well and channels_well


def _asked(settings: Settings) -> tuple[list[str], bool]:
    """What the providers of the channels that are on say. With none on, nobody is asked."""
    known = zalo_keys(settings) if settings.zalo_accounts() else {}
    found = asyncio.run(probing.look(settings, known, datetime.now(UTC)))
    if len(found) == 1 and not settings.public_url:
        return [], True
    lines = [
        line
        for name, findings in found.items()
        for line in (f"{name}:", *(line for finding in findings for line in finding.lines()))
    ]
    return lines, all(is_well(findings) for findings in found.values())


def zalo_keys(settings: Settings) -> Mapping[str, ZaloKeys]:
    """The keys to the Official Accounts as the database has them; {} when it has none yet."""
    if settings.database_file and not settings.database_file.exists():
        return {}
    key, talk = ZaloKey.__table__, ConversationRow.__table__
    engine = sa.create_engine(settings.database_url, hide_parameters=True)
    try:
        with engine.connect() as connection:
            rows = connection.execute(sa.select(key)).mappings().all()
            newest = sa.select(talk.c.chat).where(talk.c.channel == "zalo_oa", talk.c.heard_at.is_not(None))
            chats = connection.execute(newest.order_by(talk.c.heard_at.desc()).limit(50)).scalars().all()
    except sa.exc.SQLAlchemyError:
        return {}
    finally:
        engine.dispose()
    return {
        row["oa"]: ZaloKeys(
            access=row["access"],
            expires_at=row["expires_at"],
            trouble=row["trouble"],
            refused_buttons=row["refused_buttons"],
            resident=next((chat.partition("@")[0] for chat in chats if chat.endswith(f"@{row['oa']}")), ""),
        )
        for row in rows
    }


def _channels(settings: Settings) -> list[str]:
    how = "webhook" if settings.public_url else "hỏi định kỳ (chưa đặt GOCUA_PUBLIC_URL)"
    telegram = f"bật, {how}" if settings.telegram_token.get_secret_value() else "tắt (chưa đặt GOCUA_TELEGRAM_TOKEN)"
    group = settings.telegram_team_chat or "chưa đặt (GOCUA_TELEGRAM_TEAM_CHAT)"
    key = "đặt riêng" if settings.secret_key.get_secret_value() else "tự tạo, cất cạnh cơ sở dữ liệu"
    oas = ", ".join(account.oa for account in settings.zalo_accounts())
    speech = settings.speech_url or settings.speech_command.partition(" ")[0] or "tắt (chưa đặt GOCUA_SPEECH_COMMAND)"
    bot, page = settings.zalo_bot_token.get_secret_value(), settings.messenger_page_token.get_secret_value()
    return [
        "Kênh web: bật",
        f"Kênh Telegram: {telegram}",
        f"Nhóm Telegram của tổ: {group}",
        f"Kênh Zalo OA: {f'bật, OA {oas}' if oas else 'tắt (chưa đặt GOCUA_ZALO_OA_APP_ID)'}",
        f"Kênh Zalo Bot: {'bật' if bot else 'tắt (chưa đặt GOCUA_ZALO_BOT_TOKEN)'}",
        f"Kênh Messenger: {'bật' if page else 'tắt (chưa đặt GOCUA_MESSENGER_PAGE_TOKEN)'}",
        f"Đọc thành tiếng: {speech}",
        f"Khoá ký: {key}",
    ]


def _database(settings: Settings) -> tuple[list[str], bool]:
    engine = sa.create_engine(settings.database_url, hide_parameters=True)
    kind = engine.dialect.name
    if settings.database_file and not settings.database_file.exists():
        return [f"Cơ sở dữ liệu: {kind}, chưa có tệp {settings.database_file}; `gocua serve` sẽ tạo"], True
    try:
        at = schema.current(engine)
        members = 0
        if at:
            with engine.connect() as connection:
                members = connection.execute(sa.select(sa.func.count()).select_from(Member)).scalar_one()
    except sa.exc.SQLAlchemyError as error:
        return [f"Cơ sở dữ liệu: KHÔNG MỞ ĐƯỢC ({type(error).__name__}); xem GOCUA_DATABASE_URL"], False
    finally:
        engine.dispose()
    if not schema.is_known(at):
        newer = f"của một bản gocua mới hơn ({at}): chạy bản đó, hoặc dùng bản sao lưu làm trước khi nâng cấp"
        return [f"Cơ sở dữ liệu: {kind}, {newer}"], False
    state = "mới nhất" if at == schema.head() else f"đang ở {at or '(trống)'}, cần `gocua migrate`"
    people = f"{members} thành viên" if members else "chưa có ai: `gocua members import`, hoặc thử với --demo"
    return [f"Cơ sở dữ liệu: {kind}, {state}", f"Danh sách tổ: {people}"], True


def _content(settings: Settings) -> tuple[list[str], bool]:
    try:
        library = load(Folders(), home=settings.home_provinces)
    except (FlowError, ValueError, OSError) as error:
        return ["Nội dung: CÓ LỖI", *(f"  {line}" for line in str(error).splitlines())], False
    flows, articles = len(library.flows), len(library.articles)
    return [f"Nội dung: {flows} hướng dẫn, {articles} câu trả lời, bộ địa danh {library.gazetteer.version}"], True
