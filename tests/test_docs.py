"""The pages say what is so: every example can be read, every setting and every dependency has its line."""

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from api.settings import Settings
from bot.flow import Choose, Do, End, HandOff, Step, parse

ROOT = Path(__file__).parents[1]


def _page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_authors_example_is_a_flow() -> None:
    flow = parse(_page("docs/authoring.md").split("```yaml\n")[1].split("```")[0], "vi-du.yaml")
    assert [type(step) for step in flow.steps.values()] == [Choose, Do, HandOff, End]


@pytest.mark.parametrize("step", get_args(Step))
def test_authors_are_told_of_every_verb(step: type) -> None:
    verb = re.sub(r"(?<!^)(?=[A-Z])", "_", step.__name__).lower()
    assert f"| `{verb}` |" in _page("docs/authoring.md")


def test_every_setting_has_its_line_in_the_readme() -> None:
    told = set(re.findall(r"^\| `GOCUA_([A-Z_]+)` \|", _page("README.md"), re.MULTILINE))
    assert told == {name.upper() for name in Settings.model_fields}


def test_every_dependency_says_what_it_earns() -> None:
    project = tomllib.loads(_page("pyproject.toml"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    for group in project["project"]["optional-dependencies"].values():
        wanted += group
    told = _page("docs/dependencies.md")
    assert [name for name in wanted if re.split(r"[\[<>=]", name)[0] not in told] == []


def test_lock_files_name_no_place() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        assert re.findall(r"https?:|file:|--|@", _page(name)) == []
