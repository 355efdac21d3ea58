"""`gocua doctor`: what is on, off or half-set, and whether database and content are well. Changes nothing."""

from collections.abc import Callable

import sqlalchemy as sa

from api import schema
from api.settings import Settings, SettingsError
from api.tables import Member
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
    return [*lines, *database, *content], database_well and content_well


def _channels(settings: Settings) -> list[str]:
    how = "webhook" if settings.public_url else "hỏi định kỳ (chưa đặt GOCUA_PUBLIC_URL)"
    telegram = f"bật, {how}" if settings.telegram_token.get_secret_value() else "tắt (chưa đặt GOCUA_TELEGRAM_TOKEN)"
    group = settings.telegram_team_chat or "chưa đặt (GOCUA_TELEGRAM_TEAM_CHAT)"
    key = "đặt riêng" if settings.secret_key.get_secret_value() else "tự tạo, cất cạnh cơ sở dữ liệu"
    return ["Kênh web: bật", f"Kênh Telegram: {telegram}", f"Nhóm Telegram của tổ: {group}", f"Khoá ký: {key}"]


def _database(settings: Settings) -> tuple[list[str], bool]:
    engine = sa.create_engine(settings.database_url)
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
    state = "mới nhất" if at == schema.head() else f"đang ở {at or '(trống)'}, cần `gocua migrate`"
    people = f"{members} thành viên" if members else "chưa có thành viên nào: nhập danh sách, hoặc thử với --demo"
    return [f"Cơ sở dữ liệu: {kind}, {state}", f"Danh sách tổ: {people}"], True


def _content(settings: Settings) -> tuple[list[str], bool]:
    try:
        library = load(Folders(), home=settings.home_provinces)
    except (FlowError, ValueError, OSError) as error:
        return ["Nội dung: CÓ LỖI", *(f"  {line}" for line in str(error).splitlines())], False
    flows, articles = len(library.flows), len(library.articles)
    return [f"Nội dung: {flows} hướng dẫn, {articles} câu trả lời, bộ địa danh {library.gazetteer.version}"], True
