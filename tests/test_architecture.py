"""The plan of the house, held by its syntax trees: knowledge <- bot <- api, two of them with no door to the street."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TESTS = ROOT / "tests"
#: what a room may import besides the standard library and itself
MAY_IMPORT = {
    "knowledge": {"yaml", "rapidfuzz", "publicsuffixlist"},
    "bot": {"yaml", "rapidfuzz", "orjson", "msgspec", "knowledge"},
}
#: what one file may import besides
MAY_ALSO = {"knowledge/learn.py": {"numpy", "sklearn", "scipy"}}
#: doors to the street, to chance and to the clock
OUTSIDE = {
    "asyncio", "concurrent", "ftplib", "http", "io", "multiprocessing", "os", "random", "secrets", "shutil", "signal",
    "smtplib", "socket", "socketserver", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "uuid",
}  # fmt: skip
#: `urllib.parse` and the like are pure
URLLIB = {"urllib.parse"}
CLOCKS = {"now", "utcnow", "today", "fromtimestamp"}
READS = {"read_text", "read_bytes", "glob", "rglob", "iterdir", "exists", "is_file", "is_dir", "open", "write_text"}
PURE = sorted(path for room in MAY_IMPORT for path in (ROOT / room).rglob("*.py"))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    room, file = path.relative_to(ROOT).parts[0], str(path.relative_to(ROOT))
    may = MAY_IMPORT[room] | MAY_ALSO.get(file, set()) | {room} | (sys.stdlib_module_names - OUTSIDE - {"urllib"})
    found = {name for name in imported(ast.parse(path.read_text(encoding="utf-8"))) if name not in URLLIB}
    assert {name for name in found if name.partition(".")[0] not in may} == set()


def test_a_house_that_only_answers_carries_nothing_that_it_seldom_needs(tmp_path: Path) -> None:
    """In a process of its own, since other tests import all of it: 45 MB that a small machine keeps (decision 0019)."""
    program = """
import sys
from api import main
from api.cli import app, entry, operating

settings = entry.settings()
operating._brought_up_to_date(settings)
house = main.build(settings)
main.create_app(house)
library = house.shelf.library
for text in ("quên mật khẩu vneid", "xa Mi Hiepp huyen Cao Lanhh", "vay tiền https://vay-nhanh.top mã 4829 10"):
    library.index.ask(text), library.gazetteer.find(text), library.scams.assess(text), main.webhooks.redact(text)
house.store.stop()
seldom = {"PIL", "alembic", "anyio._backends", "cryptography", "numpy", "openpyxl", "psycopg", "rich", "scipy", "segno"}
print(sorted(seldom & set(sys.modules)))
"""
    place = {"GOCUA_DATABASE_URL": f"sqlite:///{tmp_path}/new/gocua.db", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | place,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[]\n", "")


def called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_pure_room_asks_no_clock_and_reads_only_when_loading(path: Path) -> None:
    """Files are read in functions called load..., in their own _read..., _rows... and _lists, and by bot/check.py."""
    wrong: list[str] = []

    def visit(node: ast.AST, loading: bool) -> None:
        if isinstance(node, ast.FunctionDef):
            loading = loading or node.name.lstrip("_").startswith(("load", "read", "rows", "lists"))
        if isinstance(node, ast.AsyncFunctionDef | ast.Await):
            wrong.append(f"{node.lineno}: async")
        if isinstance(node, ast.Call):
            name = called(node)
            if name in CLOCKS or (name in READS and not loading):
                wrong.append(f"{node.lineno}: {name}()")
        for child in ast.iter_child_nodes(node):
            visit(child, loading)

    visit(ast.parse(path.read_text(encoding="utf-8")), path.name in ("check.py", "learn.py"))
    assert wrong == []


def test_every_channel_has_its_data() -> None:
    for path in sorted((ROOT / "bot/channels").glob("[!_]*.py")):
        for kind in ("webhooks", "sends", "answers"):
            assert list((TESTS / "channels" / path.stem / kind).glob("*.json")), f"no {kind} of {path.stem}"


def test_no_word_for_a_thing_of_another_house() -> None:
    """One word per thing: no utils, helpers, managers or services, whatever the room."""
    files = [path for room in (*MAY_IMPORT, "api") for path in (ROOT / room).rglob("*.py")]
    words = ("util", "helper", "manager", "service", "base")
    assert not [path for path in files if any(word in path.stem for word in words)]
