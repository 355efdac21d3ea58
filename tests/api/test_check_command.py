"""`gocua check` and `gocua schema` as an author types them: what they print, what they mend, how they end."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.cli import app
from bot.flow_schema import schema_text
from bot.library import INTAKE, Folders
from knowledge.search import PERSON_TOPIC, TOPICS

HEAD = """title: Thử
topic: vneid
asked_as: [làm thử]
verified_on: 2026-11-01
expires_on: 2027-02-01
sources: [Luật Căn cước]
owner: Tổ nội dung
"""


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    """An author's folder with the intake alone, and no database beside it."""
    folders = Folders(flows=tmp_path / "flows", words=tmp_path, knowledge=tmp_path / "knowledge")
    folders.flows.mkdir()
    (folders.knowledge / "articles").mkdir(parents=True)
    shutil.copy(Folders().flows / f"{INTAKE}.yaml", folders.flows)
    for name in ("glossary.yaml", "scams", "topics"):
        (folders.knowledge / name).symlink_to(Folders().knowledge / name)
    for name in ("commands.yaml", "answers.yaml"):
        (folders.words / name).symlink_to(Folders().words / name)
    topics = "".join(f"{topic}: {{name: Một}}\n" for topic in TOPICS if topic != PERSON_TOPIC)
    (folders.words / "topics.yaml").write_text(topics, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOCUA_DATABASE_URL", f"sqlite:///{tmp_path}/gocua.db")
    monkeypatch.setattr("api.cli.content.Folders", lambda: folders)
    return folders


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_an_error_is_told_by_its_file_and_ends_badly(folders: Folders) -> None:
    (folders.flows / "thu.yaml").write_text(HEAD + "steps: {a: {end: Bác xóa đi}}\n", encoding="utf-8")
    done = run("check")
    assert done.exit_code == 1
    assert done.stdout.startswith("flows/thu.yaml:8: step 'a': “xóa” ở đây viết là “xoá”")
    assert "1 chỗ phải sửa, 0 chỗ nên sửa." in done.stderr
    assert run("check", f"flows/{INTAKE}.yaml").exit_code == 0
    assert run("check", "flows/thu.yaml").exit_code == 1


def test_what_is_safe_is_fixed_on_request(folders: Folders) -> None:
    (folders.flows / "thu.yaml").write_text(HEAD + "steps: {a: {end: Bác xóa đi}}  \n", encoding="utf-8")
    done = run("check", "--fix")
    assert done.exit_code == 0
    assert done.stdout == "Đã sửa giùm: flows/thu.yaml\nNội dung không có lỗi.\n"
    assert (folders.flows / "thu.yaml").read_text(encoding="utf-8").endswith("{end: Bác xoá đi}}\n")


def test_a_warning_does_not_stop_anybody(folders: Folders) -> None:
    (folders.flows / "thu.yaml").write_text(HEAD + f"steps: {{a: {{end: {'một ' * 30}}}}}\n", encoding="utf-8")
    done = run("check")
    assert done.exit_code == 0
    assert "ngắt làm hai câu (nên sửa)" in done.stdout
    assert done.stdout.endswith("Nội dung không có lỗi. 1 chỗ nên sửa.\n")


def test_the_schema_is_printed() -> None:
    assert run("schema").stdout == schema_text()
