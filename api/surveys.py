"""What residents answered in surveys: kept without a name, counted, given out as a table, erased.

Never says whose an answer is: a respondent is a keyed hash of the chat. Everything runs inside the caller's
transaction; the caller has asked who may read, and writes that down.
"""

import csv
import hashlib
import hmac
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from api import cases, joins
from api.auth import Member
from api.outbox import Pen
from api.prepared import Row
from api.tables import SurveyAnswer
from bot.flow import Ask, Choose, Flow
from bot.library import Library
from bot.model import Place, Surveyed
from bot.said import VIETNAM
from bot.surveys import AGREED, questions

#: as the consent texts of the surveys say
KEPT = timedelta(days=365)
SKIPPED = "Bỏ qua"
#: what a cell must not begin with, lest a table program takes it for a formula
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

_answer = SurveyAnswer.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`counts` are (answer, how many), in the order of the options; for free words only how many answered."""

    number: int
    text: str
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`full` came to the last question."""

    begun: int
    full: int
    questions: tuple[Question, ...]


# --- keeping ---------------------------------------------------------------------------------------------------------


def respondent(key: str, conversation: str) -> str:
    """The same for the same chat, as long as the service keeps its signing key."""
    return hmac.new(key.encode(), f"survey {conversation}".encode(), hashlib.sha256).hexdigest()[:32]


def keep(connection: sa.Connection, library: Library, key: str, pen: Pen, said: Surveyed, known: Place | None) -> None:
    """One answer; it replaces what this resident said before, here or in another chat of theirs."""
    flow = library.flows.get(said.survey)
    chats = joins.chats(connection, pen.conversation)
    me, *others = (respondent(key, chat) for chat in chats)
    of_survey = _answer.c.survey == said.survey
    old = sa.and_(of_survey, _answer.c.question == said.question, _answer.c.respondent.in_((me, *others)))
    connection.execute(_answer.delete().where(old))
    commune = _commune(connection, flow, me, said, known)
    place = {"commune": commune, "province": cases.province_of(library, commune)}
    row = {"survey": said.survey, "respondent": me, "question": said.question, "version": said.version,
           "answer": said.answer, "at": pen.now, **place}  # fmt: skip
    connection.execute(_answer.insert(), row)
    if _asks_place(flow, said.question):
        connection.execute(_answer.update().where(of_survey, _answer.c.respondent == me).values(place))


def _commune(connection: sa.Connection, flow: Flow | None, me: str, said: Surveyed, known: Place | None) -> str:
    """Where they live: as the survey itself was told, else, where it does not ask, as it is known."""
    if _asks_place(flow, said.question):
        return said.answer
    asked = [one for one in questions(flow) if _asks_place(flow, one)] if flow else []
    if not asked:
        return known.commune if known else ""
    told = sa.select(_answer.c.answer).where(
        _answer.c.survey == said.survey, _answer.c.respondent == me, _answer.c.question.in_(asked)
    )
    return connection.execute(told).scalar() or ""


def _asks_place(flow: Flow | None, question: str) -> bool:
    step = flow.steps.get(question) if flow else None
    return isinstance(step, Ask) and step.kind == "place"


def forget(connection: sa.Connection, key: str, conversation: str) -> None:
    connection.execute(_answer.delete().where(_answer.c.respondent == respondent(key, conversation)))


def expire(connection: sa.Connection, now: datetime) -> None:
    """What residents were told would be gone by now."""
    connection.execute(_answer.delete().where(_answer.c.at < now - KEPT))


# --- reading ---------------------------------------------------------------------------------------------------------


def result(connection: sa.Connection, library: Library, lead: Member, flow: Flow) -> Result:
    rows = connection.execute(
        sa.select(_answer.c.question, _answer.c.answer, sa.func.count().label("many"))
        .where(_answer.c.survey == flow.id, *_seen_by(lead))
        .group_by(_answer.c.question, _answer.c.answer)
    ).all()
    asked = questions(flow)
    full = (
        sa.select(_answer.c.respondent)
        .where(_answer.c.survey == flow.id, _answer.c.question.in_(asked), *_seen_by(lead))
        .group_by(_answer.c.respondent)
        .having(sa.func.count() >= len(asked))
        .subquery()
    )
    return Result(
        begun=sum(row.many for row in rows if row.answer == AGREED and row.question not in asked),
        full=connection.execute(sa.select(sa.func.count()).select_from(full)).scalar_one(),
        questions=tuple(
            _question(library, flow, number, Counter({row.answer: row.many for row in rows if row.question == one}))
            for number, one in enumerate(asked, 1)
        ),
    )


def _question(library: Library, flow: Flow, number: int, found: Counter[str]) -> Question:
    step = flow.steps[questions(flow)[number - 1]]
    skipped = found.pop("", 0)
    if isinstance(step, Choose):
        labels = [option.label for option in step.options]
        old = [label for label in found if label not in labels]  # of an earlier wording
        counts = [(label, found[label]) for label in (*labels, *sorted(old))]
    elif _asks_place(flow, step.id):
        counts = [(_place(library, code), many) for code, many in found.most_common()]
    else:
        counts = [("Có trả lời", found.total())]
    text = step.text if isinstance(step, Choose | Ask) else ""
    return Question(number=number, text=text.strip(), counts=(*counts, (SKIPPED, skipped)))


def table(connection: sa.Connection, library: Library, lead: Member, flow: Flow) -> tuple[tuple[str, ...], ...]:
    """A head, and a row for each respondent, numbered anew: day, commune, answers in the order of the questions."""
    asked = questions(flow)
    rows = connection.execute(
        sa.select(_answer).where(_answer.c.survey == flow.id, _answer.c.question.in_(asked), *_seen_by(lead))
        .order_by(_answer.c.respondent)
    ).mappings()  # fmt: skip
    by: dict[str, list[Row]] = {}
    for row in rows:
        by.setdefault(row["respondent"], []).append(row)
    head = ("Số", "Ngày", "Xã, phường", *(_words(flow, one) for one in asked))
    told = sorted(by.values(), key=lambda one: max(row["at"] for row in one))
    return (head, *(_row(library, flow, number, one) for number, one in enumerate(told, 1)))


def _row(library: Library, flow: Flow, number: int, answers: Sequence[Row]) -> tuple[str, ...]:
    said = {row["question"]: row["answer"] or SKIPPED for row in answers}
    for one in questions(flow):
        if _asks_place(flow, one) and said.get(one, SKIPPED) != SKIPPED:
            said[one] = _place(library, said[one])
    newest = max(row["at"] for row in answers).astimezone(VIETNAM)
    place = _place(library, answers[0]["commune"]) if answers[0]["commune"] else ""
    return (str(number), f"{newest:%d/%m/%Y}", place, *(said.get(one, "") for one in questions(flow)))


def _words(flow: Flow, question: str) -> str:
    step = flow.steps[question]
    return step.text.strip() if isinstance(step, Choose | Ask) else question


def _place(library: Library, code: str) -> str:
    try:
        return library.gazetteer.full_name(code)
    except KeyError:  # a code of an older place pack
        return f"xã, phường mã {code}"


def as_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """With the mark by which Excel knows UTF-8."""
    out = io.StringIO()
    csv.writer(out).writerows([_harmless(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def as_xlsx(rows: Iterable[Sequence[str]]) -> bytes:
    from openpyxl import Workbook  # here: 8 MB that the service seldom needs

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Trả lời")
    for row in rows:
        sheet.append([_harmless(cell) for cell in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _seen_by(lead: Member) -> tuple[sa.ColumnElement[bool], ...]:
    """Their own place's; those of no known place are shown to the province alone."""
    if lead.commune:
        return (_answer.c.province == lead.province, _answer.c.commune == lead.commune)
    return (_answer.c.province.in_((lead.province, "")),)
