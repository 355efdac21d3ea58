"""Articles: one answer a Markdown file under knowledge/articles/<topic>/. Reads and checks them; never says when one
has expired, because it has no clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml

from knowledge.search import TOPICS

MOST_CHARACTERS = 600  # what still fits a small screen without scrolling far
_REQUIRED = ("title", "verified_on", "expires_on", "sources")
_KEYS = frozenset({*_REQUIRED, "asked_as", "owner"})
_FENCE = "---"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where it was built in: ten times as fast


@dataclass(frozen=True, slots=True)
class Article:
    id: str
    topic: str
    title: str
    asked_as: tuple[str, ...]
    body: str
    sources: tuple[str, ...]
    verified_on: date
    expires_on: date
    path: Path
    #: who looks after it; "" for those who look after all
    owner: str = ""


class ArticleError(Exception):
    """One mistake in one article file. str() is "path:line: what to do"."""

    def __init__(self, path: Path, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.path = path
        self.line = line
        self.message = message


class ArticlesError(Exception):
    """All mistakes of all files, so that an author mends them in one go. `errors` is in file order."""

    def __init__(self, errors: tuple[ArticleError, ...]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class _Field:
    node: yaml.Node
    line: int


def load(folder: Path) -> tuple[Article, ...]:
    """Every <topic>/<id>.md under folder, by topic and id. Raises ArticlesError naming each mistake."""
    articles: list[Article] = []
    errors: list[ArticleError] = []
    first: dict[str, Path] = {}
    for path in sorted(folder.glob("*/*.md")):
        try:
            article = parse(path, path.read_text(encoding="utf-8"))
            if article.id in first:
                raise ArticleError(path, 1, f"tên {article.id} đã có ở {first[article.id]}: đổi tên một tệp")
        except ArticleError as error:
            errors.append(error)
        else:
            first[article.id] = path
            articles.append(article)
    if errors:
        raise ArticlesError(tuple(errors))
    return tuple(articles)


def parse(path: Path, text: str) -> Article:
    """The article in `text`; id and topic come from the path. Raises ArticleError for the first mistake."""
    topic = path.parent.name
    if topic not in TOPICS:
        raise ArticleError(path, 1, f"thư mục {topic} không phải chủ đề: dời tệp vào một trong {', '.join(TOPICS)}")
    front, body, body_line = _split(path, text)
    fields = _fields(path, front)
    for key in _REQUIRED:
        if key not in fields:
            raise ArticleError(path, 1, f"thiếu dòng '{key}:' giữa hai dòng '{_FENCE}': thêm vào")
    _check_body(path, body, body_line)
    verified_on, expires_on = (_date(path, fields, key) for key in ("verified_on", "expires_on"))
    if expires_on <= verified_on:
        line = fields["expires_on"].line
        raise ArticleError(path, line, f"expires_on {expires_on} phải sau verified_on {verified_on}")
    return Article(
        id=path.stem,
        topic=topic,
        title=_line_of_text(path, fields["title"], "title"),
        asked_as=_list(path, fields["asked_as"], "asked_as") if "asked_as" in fields else (),
        body=body,
        sources=_list(path, fields["sources"], "sources"),
        verified_on=verified_on,
        expires_on=expires_on,
        path=path,
        owner=_line_of_text(path, fields["owner"], "owner") if "owner" in fields else "",
    )


def _split(path: Path, text: str) -> tuple[str, str, int]:
    """Front matter, body, and the body's first line number. The front starts at line 2."""
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].strip() != _FENCE:
        raise ArticleError(path, 1, f"bắt đầu bằng một dòng '{_FENCE}', rồi title, verified_on, expires_on, sources")
    end = next((at for at, line in enumerate(lines[1:], start=1) if line.strip() == _FENCE), None)
    if end is None:
        raise ArticleError(path, len(lines), f"thiếu dòng '{_FENCE}' thứ hai, trước lời đáp")
    return "\n".join(lines[1:end]), "\n".join(lines[end + 1 :]).strip(), end + 2


def _fields(path: Path, front: str) -> Mapping[str, _Field]:
    try:
        root = yaml.compose(front, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 2
        hint = "câu có ': ' hay bắt đầu bằng một dấu thì đặt trong ngoặc kép thẳng"
        raise ArticleError(path, line, f"sai cách viết YAML ở dòng này ({error.problem}): {hint}") from error
    except yaml.YAMLError as error:
        raise ArticleError(path, 2, f"phần đầu sai cách viết YAML ({error})") from error
    if not isinstance(root, yaml.MappingNode):
        raise ArticleError(path, 2, "phần đầu phải gồm những dòng 'khoá: giá trị'")
    fields: dict[str, _Field] = {}
    for key, value in root.value:
        line = key.start_mark.line + 2
        if not isinstance(key, yaml.ScalarNode) or key.value not in _KEYS:
            raise ArticleError(path, line, f"không có khoá {key.value}: dùng một trong {', '.join(sorted(_KEYS))}")
        if key.value in fields:
            raise ArticleError(path, line, f"{key.value} có hai lần: giữ một")
        fields[key.value] = _Field(value, line)
    return fields


def _check_body(path: Path, body: str, line: int) -> None:
    if not body:
        raise ArticleError(path, line, f"còn trống: viết lời đáp dưới dòng '{_FENCE}' thứ hai")
    if len(body) > MOST_CHARACTERS:
        raise ArticleError(path, line, f"lời đáp dài {len(body)} chữ cái, tối đa {MOST_CHARACTERS}: bớt lời")


def _line_of_text(path: Path, field: _Field, key: str) -> str:
    if not isinstance(field.node, yaml.ScalarNode) or not field.node.value.strip():
        raise ArticleError(path, field.line, f"{key} phải là một dòng chữ")
    return str(field.node.value).strip()


def _list(path: Path, field: _Field, key: str) -> tuple[str, ...]:
    if not isinstance(field.node, yaml.SequenceNode) or not field.node.value:
        raise ArticleError(path, field.line, f"{key} phải là danh sách, mỗi dòng '  - ...'")
    items = (_Field(one, one.start_mark.line + 2) for one in field.node.value)
    return tuple(_line_of_text(path, item, f"mỗi dòng của {key}") for item in items)


def _date(path: Path, fields: Mapping[str, _Field], key: str) -> date:
    written = _line_of_text(path, fields[key], key)
    try:
        return date.fromisoformat(written)
    except ValueError as error:
        raise ArticleError(
            path, fields[key].line, f"{key} phải là một ngày, viết như 2026-11-21, không phải {written}"
        ) from error
