"""The directory: hamlets under all their names, skills, duty that ends by itself."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from api import directory
from api.tables import Hamlet, HamletAlias, Leave, Member, Team, metadata
from knowledge.search import TOPICS
from tests.cast import NOW

PHU_LOI, SA_DEC = "25750", "29905"
_team, _member, _hamlet, _alias, _leave = (
    table.__table__ for table in (Team, Member, Hamlet, HamletAlias, Leave)
)  # fmt: skip


@pytest.fixture
def connection(database_url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(database_url)
    metadata.create_all(engine)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def enter(connection: sa.Connection, hamlet: str, name: str = "Tổ công nghệ số", **more: object) -> int:
    """A member of a team in this hamlet of Phú Lợi."""
    place = {"rung": "hamlet", "province": "79", "commune": PHU_LOI, "hamlet": hamlet}
    query = sa.select(_team.c.id).where(_team.c.name == name, _team.c.hamlet == hamlet)
    team = connection.execute(query).scalar()
    if team is None:
        team = connection.execute(_team.insert().returning(_team.c.id), {"name": name, **place}).scalar_one()
    row = {"name": "Trần Thị Lan", "called": "chị Lan", "team_id": team, "idle_since": NOW, **place, **more}
    return int(connection.execute(_member.insert().returning(_member.c.id), row).scalar_one())


# --- hamlets ---------------------------------------------------------------------------------------------------------


def test_a_rows_key_follows_from_its_hamlet(connection: sa.Connection) -> None:
    enter(connection, "KP 03")
    assert connection.scalars(sa.select(_member.c.hamlet_key)).all() == ["khu pho 3"]
    assert connection.scalars(sa.select(_team.c.hamlet_key)).all() == ["khu pho 3"]


def test_a_name_of_today_goes_before_an_old_one(connection: sa.Connection) -> None:
    kept = ("khu pho 1", "khu pho 3")
    directory.put_hamlet(connection, PHU_LOI, "khu phố 3", ["ấp 1", "khu phố 1"], kept=kept)
    directory.put_hamlet(connection, PHU_LOI, "khu phố 1", ["ấp 1", "ấp Bình Hòa"], kept=kept)

    def meant(text: str) -> tuple[str, ...]:
        return directory.today_keys(connection, PHU_LOI, text)

    assert meant("KP1") == ("khu pho 1",)
    assert meant("ấp bình hoà") == ("khu pho 1",)
    assert meant("Ấp 1") == ("khu pho 1", "khu pho 3")
    assert meant("3") == ("khu pho 3",)
    assert meant("khóm 9") == ("khom 9",)
    assert meant(" ") == ()
    assert directory.today_keys(connection, SA_DEC, "ấp 1") == ("ap 1",)


def test_a_number_alone_must_be_one_hamlets_whole_name(connection: sa.Connection) -> None:
    for name in ("khu phố 3", "ấp 3", "khu phố Đông 4"):
        directory.put_hamlet(connection, PHU_LOI, name)
    assert directory.today_keys(connection, PHU_LOI, "3") == ("3",)
    assert directory.today_keys(connection, PHU_LOI, "4") == ("4",)


def test_writing_a_hamlet_in_again_changes_nothing(connection: sa.Connection) -> None:
    first = directory.put_hamlet(connection, PHU_LOI, "khu phố 3", ["ấp 1"])
    assert directory.put_hamlet(connection, PHU_LOI, "KP3", ["Ấp 01"]) == first
    assert connection.execute(sa.select(sa.func.count()).select_from(_hamlet)).scalar() == 1
    assert connection.execute(sa.select(sa.func.count()).select_from(_alias)).scalar() == 1


def test_a_merged_hamlet_takes_everybody_along(connection: sa.Connection) -> None:
    directory.put_hamlet(connection, PHU_LOI, "ấp 1", ["ấp Cũ"])
    directory.put_hamlet(connection, PHU_LOI, "ấp 2")
    lan, tam = enter(connection, "ấp 1", "Tổ ấp 1"), enter(connection, "ấp 2", "Tổ ấp 2")
    bay, sau = enter(connection, "ấp 1", "Tổ xung kích"), enter(connection, "ấp 2", "Tổ xung kích")
    _, merged = directory.put_hamlet(connection, PHU_LOI, "khu phố 7", ["ấp 1", "ấp 2"])
    assert merged == ("ấp 1", "ấp 2")
    rows = connection.execute(
        sa.select(_member.c.id, _member.c.hamlet, _member.c.hamlet_key, _team.c.name, _team.c.hamlet_key.label("team"))
        .join(_team)
        .order_by(_member.c.id)
    ).all()
    assert {row[1:3] for row in rows} == {("khu phố 7", "khu pho 7")}
    assert {row.team for row in rows} == {"khu pho 7"}
    names = {row.id: row.name for row in rows}
    assert names == {lan: "Tổ khu phố 7", tam: "Tổ khu phố 7", bay: "Tổ xung kích", sau: "Tổ xung kích"}
    assert connection.execute(sa.select(sa.func.count()).select_from(_team)).scalar() == 2
    for old in ("ấp 1", "ấp 2", "ấp cũ"):
        assert directory.today_keys(connection, PHU_LOI, old) == ("khu pho 7",)


# --- teams and skills ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "commune", "hamlet", "rung"),
    [
        ("hamlet", PHU_LOI, "ấp 1", "hamlet"),
        ("youth", PHU_LOI, "", "commune"),
        ("school", PHU_LOI, "ấp 1", "hamlet"),
        ("desk", PHU_LOI, "", "desk"),
        ("desk", "", "", "province"),
        ("group", PHU_LOI, "", "group"),
    ],
)
def test_where_a_team_stands(kind: str, commune: str, hamlet: str, rung: str) -> None:
    assert directory.rung_of(kind, commune, hamlet) == rung


def test_every_topic_has_its_bit_and_keeps_it() -> None:
    """Bits are stored: a topic may be added at the end, none may move."""
    bits = {topic: directory.skill_bit(topic) for topic in TOPICS}
    assert bits == {
        "vneid": 1, "thanh-toan": 2, "gplx": 4, "lua-dao": 8, "dvc": 16, "ho-chieu": 32, "chu-ky-so": 64,
        "vi-dien-tu": 128, "app-tinh": 256, "tmdt": 512, "suc-khoe": 1024, "du-lieu-ca-nhan": 2048, "2g-4g": 4096,
        "gap-nguoi": 0,
    }  # fmt: skip
    assert directory.skill_bit("") == directory.skill_bit("out") == 0


# --- duty ------------------------------------------------------------------------------------------------------------


def on_duty(connection: sa.Connection) -> set[int]:
    return set(connection.scalars(sa.select(_member.c.id).where(_member.c.on_duty)))


def test_duty_ends_by_itself_unless_renewed(connection: sa.Connection) -> None:
    lan, tam = enter(connection, "ấp 1", on_duty=False), enter(connection, "ấp 1", on_duty=False)
    always = enter(connection, "ấp 1", on_duty=True)
    for member in (lan, tam):
        directory.begin_duty(connection, member, NOW)
    half = NOW + directory.LEASE / 2
    for member in (tam, always):
        directory.renew_duty(connection, member, half)
    end = NOW + directory.LEASE
    assert directory.expire_duty(connection, end - timedelta(seconds=1)) == ()
    assert directory.expire_duty(connection, end) == (lan,)
    assert on_duty(connection) == {tam, always}
    assert directory.expire_duty(connection, half + directory.LEASE) == (tam,)
    assert on_duty(connection) == {always}


def test_a_sign_of_life_puts_nobody_on_duty(connection: sa.Connection) -> None:
    lan = enter(connection, "ấp 1", on_duty=False)
    directory.renew_duty(connection, lan, NOW)
    assert on_duty(connection) == set()


def test_leave_from_the_same_day_is_replaced(connection: sa.Connection) -> None:
    lan, tam = enter(connection, "ấp 1"), enter(connection, "ấp 1")
    first = date(2026, 11, 21)
    directory.give_leave(connection, (lan, tam), first, first, "lễ")
    directory.give_leave(connection, (lan,), first, date(2026, 11, 25))
    rows = connection.execute(sa.select(_leave.c.member_id, _leave.c.last_day).order_by(_leave.c.member_id)).all()
    assert [tuple(row) for row in rows] == [(lan, date(2026, 11, 25)), (tam, first)]
