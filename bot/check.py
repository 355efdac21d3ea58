"""Whether content is any good: what an author should mend before a resident finds it.

Reads the content folders, nothing else; today's date is passed in. Everything found is a Problem that names file, line,
step and what to do, in the words of its author. What cannot even be read as a flow or an article is told by their own
parsers, and passed on here. The rules themselves are in bot/checks/.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from bot import picture
from bot.answers import Answers
from bot.capabilities import Capabilities
from bot.checks import commands, facts, finding, plain, requests, spelling
from bot.checks.carried import Limits, carried, too_long
from bot.checks.days import days, due, outlived
from bot.checks.fixing import fixed
from bot.checks.passages import Passage, of_article, of_flow
from bot.checks.paths import at, between, paths
from bot.flow import Flow, FlowError, Problem, parse
from bot.library import INTAKE, Folders, Topic, entries, load_topics
from knowledge import articles as article_files
from knowledge import cards
from knowledge.articles import Article, ArticlesError
from knowledge.glossary import Glossary
from knowledge.links import Links
from knowledge.search import TOPICS, Index


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """All that could be read, with the passages of each file by kind and id, and what could not."""

    flows: Mapping[str, Flow]
    articles: tuple[Article, ...]
    passages: Mapping[tuple[str, str], tuple[Passage, ...]]
    unread: tuple[Problem, ...]


def check(folders: Folders, capabilities: Iterable[Capabilities], today: date) -> tuple[Problem, ...]:
    """Every problem of every flow and article, by file and line. No error among them: the content can be shipped."""
    content = _read(folders)
    problems = [*content.unread, *between(content.flows)]
    limits = Limits.of(capabilities)
    for flow in content.flows.values():
        problems += (*_head(flow, limits, today), *paths(flow), *carried(flow, limits))
    for article in content.articles:
        problems += _article(article, limits, today)
    known = Links.load(folders.knowledge / "scams")
    problems += _pictures(content, folders.words / "pictures", known)
    problems += _topics(content, folders.words / "topics.yaml")
    problems += _cards(folders.knowledge / "cards.yaml", known)
    problems += _wording(content, Glossary.load(folders.knowledge / "glossary.yaml"))
    problems += _claims(content, known)
    problems += _outlived(content)
    answers = Answers.load(folders.words)
    for passages in content.passages.values():
        problems += commands.taken(passages, answers)
    shelf = entries(content.flows.values(), content.articles)
    problems += finding.doubles(shelf, content.passages)
    problems += finding.lost(Index.load(folders.knowledge / "topics", shelf), shelf, content.passages)
    return tuple(sorted(problems, key=lambda problem: (problem.file, problem.line)))


def fix(folders: Folders) -> tuple[Path, ...]:
    """Mend what needs no judgement, in place; the files that were changed."""
    changed = []
    for path in (*sorted(folders.flows.glob("*.yaml")), *sorted((folders.knowledge / "articles").glob("*/*.md"))):
        written = path.read_bytes().decode("utf-8", errors="surrogateescape")
        mended = fixed(written)
        if mended != written:
            path.write_bytes(mended.encode("utf-8", errors="surrogateescape"))
            changed.append(path)
    return tuple(changed)


def _read(folders: Folders) -> _Content:
    flows: dict[str, Flow] = {}
    passages: dict[tuple[str, str], tuple[Passage, ...]] = {}
    problems: list[Problem] = []
    for path in sorted(folders.flows.glob("*.yaml")):
        try:
            text = path.read_text(encoding="utf-8")
            flow = parse(text, str(path))
        except FlowError as error:
            problems += error.problems
        except UnicodeDecodeError:
            problems.append(_problem(str(path), "tệp không phải UTF-8: lưu lại theo UTF-8"))
        else:
            flows[flow.id] = flow
            passages["flow", flow.id] = of_flow(text, str(path))
    intake = folders.flows / f"{INTAKE}.yaml"
    if not intake.exists():
        problems.append(_problem(str(intake), "thiếu kịch bản này: không có nó thì không ai gặp được người của tổ"))
    articles: tuple[Article, ...] = ()
    try:
        articles = article_files.load(folders.knowledge / "articles")
    except ArticlesError as error:
        problems += (_problem(str(one.path), one.message, one.line) for one in error.errors)
    for one in articles:
        passages["article", one.id] = of_article(one.path.read_text(encoding="utf-8"), str(one.path))
    return _Content(flows=flows, articles=articles, passages=passages, unread=tuple(problems))


def _problem(file: str, message: str, line: int = 1) -> Problem:
    return Problem(file=file, line=line, where="", message=message)


def _wording(content: _Content, glossary: Glossary) -> Iterator[Problem]:
    for passages in content.passages.values():
        yield from spelling.spelling(passages, glossary)
        yield from plain.reading(passages)
        yield from plain.jargon(passages, glossary)


def _claims(content: _Content, known: Links) -> Iterator[Problem]:
    for (kind, one), passages in content.passages.items():
        of = content.flows[one].kind if kind == "flow" else "guide"
        yield from facts.links(passages, known)
        if of != "survey":  # its figures are its own promises
            yield from facts.figures(passages)
        if of != "course":  # a course tells members what is never asked for
            yield from requests.requests(passages)


def _outlived(content: _Content) -> Iterator[Problem]:
    dated: tuple[Flow | Article, ...] = (*content.flows.values(), *content.articles)
    for one in map(due, dated):
        if one:
            yield from outlived(one, content.passages[one.kind, one.id])


def _head(flow: Flow, limits: Limits, today: date) -> Iterator[Problem]:
    for key in ("asked_as", "verified_on", "expires_on", "sources", "owner"):
        if not getattr(flow, key):
            yield _problem(flow.file, f"thiếu {key}: thêm vào đầu tệp")
    if flow.topic and flow.topic not in TOPICS:
        yield _problem(flow.file, f"chủ đề {flow.topic!r} không có: dùng một trong {', '.join(TOPICS)}")
    if dated := due(flow):
        yield from days(dated, today)
    if len(flow.title) > limits.label:
        yield _problem(flow.file, too_long("title", flow.title, limits.label))


def _topics(content: _Content, path: Path) -> Iterator[Problem]:
    topics: tuple[Topic, ...] = ()
    try:
        topics = load_topics(path)
    except FlowError as error:
        yield from error.problems
    for topic in topics:
        for flow in topic.first:
            if flow not in content.flows:
                yield _problem(str(path), f"chủ đề {topic.id!r} có first là {flow!r}, mà không có kịch bản đó")


def _cards(path: Path, links: Links) -> Iterator[Problem]:
    if path.exists():
        try:
            cards.load(path, links)
        except cards.CardsError as error:
            yield _problem(str(error.path), error.message, error.line)


def _pictures(content: _Content, folder: Path, links: Links) -> Iterator[Problem]:
    try:
        known = picture.load(folder)
    except ValueError as error:
        yield _problem(str(folder / "pictures.yaml"), str(error))
        return
    for one in known.values():
        if one.size_bytes > picture.MOST_BYTES:
            yield _problem(str(one.file), f"hình nặng {one.size_bytes} byte: vẽ gọn lại dưới {picture.MOST_BYTES} byte")
        for address in picture.addresses(one):
            if not links.is_official(address):
                message = f"mã QR của hình {one.name!r} dẫn tới {address}, không phải trang chính thức"
                yield _problem(str(folder / "pictures.yaml"), f"{message}: {facts.OFFICIAL}")
    for flow in content.flows.values():
        for step in flow.steps.values():
            if step.picture and step.picture not in known:
                yield at(flow, step, f"không có hình {step.picture!r} trong pictures.yaml: thêm hình, hoặc bỏ dòng này")


def _article(article: Article, limits: Limits, today: date) -> Iterator[Problem]:
    if dated := due(article):
        yield from days(dated, today)
    if len(article.body) > limits.text:
        yield _problem(str(article.path), too_long("bài", article.body, limits.text))
