"""For who writes flows and articles: talk to the bot, look for mistakes, learn anew."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import click
import sqlalchemy as sa

from api import main, schema, terminal, versions
from api.cli import entry
from api.cli.answers import searched
from bot.capabilities import CHANNELS
from bot.flow import FlowError, Problem
from bot.library import Folders, load


@click.command()
@click.option("--record", type=entry.PATH, help="Ghi cuộc trò chuyện vào tệp này, làm đoạn hội thoại mẫu.")
def chat(record: Path | None) -> None:
    """Trò chuyện với bot ngay trong cửa sổ lệnh."""
    settings = entry.settings()
    library = load(Folders(), home=settings.home_provinces)
    terminal.talk(library, main.utc_now, input, click.echo, record)


@click.command()
@click.argument("files", nargs=-1, type=entry.PATH, help="Chỉ nói về các tệp này.")
@click.option("--fix", is_flag=True, help="Trước hết sửa giùm những chỗ không cần cân nhắc.")
@click.option("--coverage", is_flag=True, help="Kể cả những bước chưa có đoạn hội thoại mẫu nào đi qua.")
def check(files: tuple[Path, ...], fix: bool, coverage: bool) -> None:
    """Soát lỗi trong kịch bản và bài viết: tệp, dòng, bước, cách sửa. Có chỗ phải sửa thì kết thúc bằng 1."""
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
        entry.fail(f"{errors} chỗ phải sửa, {len(shown) - errors} chỗ nên sửa.")
    click.echo("Nội dung không có lỗi." + (f" {len(shown)} chỗ nên sửa." if shown else ""))


@click.command("schema")
def schema_command() -> None:
    """In JSON Schema của kịch bản. Cho trình soạn thảo: docs/flow.schema.json."""
    from bot.flow_schema import schema_text

    click.echo(schema_text(), nl=False)


def _uncovered() -> tuple[Problem, ...]:
    from bot.coverage import load as load_transcripts
    from bot.coverage import uncovered
    from bot.library import load_flows
    from bot.transcript import TranscriptError

    folder = Path(__file__).parents[2] / "tests" / "transcripts"
    if not folder.is_dir():
        entry.fail(f"Không thấy {folder}: chạy --coverage trong thư mục mã nguồn, nơi có các đoạn hội thoại mẫu.")
    try:
        return uncovered(load_flows(Folders().flows), load_transcripts(folder))
    except FlowError:
        return ()  # told already
    except TranscriptError as error:
        entry.fail(str(error))


def _from_here(path: Path) -> str:
    """As an author would type it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _left_behind() -> list[str]:
    """Residents who stand on a step that today's content no longer has: they finish on the version that is kept."""
    from bot.library import load_flows

    settings = entry.settings()
    if settings.database_file and not settings.database_file.exists():
        return []
    engine = sa.create_engine(settings.database_url, hide_parameters=True)
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


@click.command()
def learn() -> None:
    """Học lại từ dữ liệu cách nhận ra chủ đề và số cần che. Lần nào cũng ra như nhau."""
    from knowledge.learn import learn as train  # scikit-learn is there only where content is made
    from knowledge.learn import learn_spans

    train(Folders().knowledge / "topics", searched())
    learn_spans(Folders().knowledge / "spans")
