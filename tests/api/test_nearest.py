"""Who is asked, in which order, on both databases; and a race that none may win twice."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from api import desk, directory, nearest
from api.nearest import MOST, Spot, candidates
from api.settings import load
from api.store import Store
from api.tables import Case, Log, Member, Team, metadata
from tests.cast import NOW

PHU_LOI, THU_DAU_MOT, BEN_CAT, SA_DEC = "25750", "25747", "25813", "29905"
SPOT = Spot(commune=PHU_LOI, hamlet="khu phố 3", province="79", lat=11.0, lon=106.68)
_team, _member, _case, _log = (table.__table__ for table in (Team, Member, Case, Log))


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    store = Store(load(database_url=database_url))
    metadata.create_all(store.engine)
    yield store.engine
    store.stop()


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.begin() as connection:
        yield connection


def enter(connection: sa.Connection, rung: str = "commune", **more: Any) -> int:
    """A member of Phú Lợi, on duty, free, in a team of their own place."""
    place = {"rung": rung, "commune": PHU_LOI, "province": "79", "hamlet": ""}
    place |= {key: more.pop(key) for key in ("commune", "province", "hamlet") if key in more}
    team = sa.select(_team.c.id).where(*(_team.c[key] == value for key, value in place.items()))
    team_id = connection.execute(team).scalar()
    if team_id is None:
        team_id = connection.execute(_team.insert().returning(_team.c.id), {"name": f"Tổ {rung}", **place}).scalar_one()
    row = {"name": "Lan", "called": "chị Lan", "team_id": team_id, "idle_since": NOW, "lat": 11.0, "lon": 106.68}
    return int(connection.execute(_member.insert().returning(_member.c.id), row | place | more).scalar_one())


def asked(connection: sa.Connection, spot: Spot | None = SPOT, **more: Any) -> list[int]:
    return [one.member for one in candidates(connection, spot, "79", **more)]


def hold_closed_case(connection: sa.Connection, resident: str, member: int) -> None:
    case = {"conversation": resident, "opened_at": NOW, "topic": "", "holder_id": member, "closed_at": NOW,
            "problem": "", "answers": {}, "tried": {}, "ladder": {}}  # fmt: skip
    connection.execute(_case.insert(), case)


# --- the ladder ------------------------------------------------------------------------------------------------------


def test_the_rungs_in_their_order(connection: sa.Connection) -> None:
    province = enter(connection, "province", commune="", lat=0.0, lon=0.0)
    near = enter(connection, commune=THU_DAU_MOT, lat=11.04)
    desk_ = enter(connection, "desk")
    commune = enter(connection)
    hamlet = enter(connection, "hamlet", hamlet="KP 03")
    enter(connection, "group")
    found = candidates(connection, SPOT, "79")
    assert [(one.member, one.rung) for one in found] == [
        (hamlet, "hamlet"), (commune, "commune"), (desk_, "desk"), (near, "near"), (province, "province"),
    ]  # fmt: skip
    assert [one.reason for one in found] == [
        "cùng KP 03", "cùng xã, phường", "bàn hỗ trợ của xã, phường", "gần nhất, cách khoảng 4 km",
        "bàn hỗ trợ của tỉnh",
    ]  # fmt: skip


def test_without_a_place_only_the_provinces_desk(connection: sa.Connection) -> None:
    enter(connection)
    enter(connection, "province", commune="", province="82")
    mine = enter(connection, "province", commune="")
    assert asked(connection, None) == [mine]


def test_a_hamlet_under_its_old_name(connection: sa.Connection) -> None:
    directory.put_hamlet(connection, PHU_LOI, "khu phố 3", ["ấp Bình Hòa"])
    enter(connection)
    hamlet = enter(connection, "hamlet", hamlet="khu phố 3", open_cases=2)
    for written in ("Ap binh hoa", "KP3", "3"):
        spot = Spot(commune=PHU_LOI, hamlet=written, province="79", lat=11.0, lon=106.68)
        assert candidates(connection, spot, "79")[0].member == hamlet
    unknown = Spot(commune=PHU_LOI, hamlet="", province="79", lat=11.0, lon=106.68)
    assert {one.rung for one in candidates(connection, unknown, "79")} == {"commune"}


def test_a_full_commune_leaves_room_for_both_desks_and_nobody_farther(connection: sa.Connection) -> None:
    for _ in range(MOST + 2):
        enter(connection)
        enter(connection, "desk")
        enter(connection, commune=THU_DAU_MOT, lat=11.04)
        enter(connection, "province", commune="")
    rungs = [one.rung for one in candidates(connection, SPOT, "79")]
    assert rungs == ["commune"] * MOST + ["desk"] * MOST + ["province"] * MOST


def test_nobody_beyond_the_last_circle_or_the_province(connection: sa.Connection) -> None:
    near = enter(connection, commune=BEN_CAT, lat=11.0 + 29 / 111.2)
    enter(connection, commune=BEN_CAT, lat=11.0 + 31 / 111.2)
    enter(connection, commune=BEN_CAT, lat=11.0 + 25 / 111.2, lon=106.68 + 25 / 111.2)  # in the square, not the circle
    enter(connection, commune=SA_DEC, province="82", lat=11.01)
    assert asked(connection) == [near]


def test_a_hamlet_of_the_same_name_elsewhere_is_no_nearer(connection: sa.Connection) -> None:
    other = enter(connection, commune=THU_DAU_MOT, lat=11.01)
    same_name = enter(connection, "hamlet", hamlet="khu phố 3", commune=THU_DAU_MOT, lat=11.05)
    assert asked(connection) == [other, same_name]


# --- within a rung ---------------------------------------------------------------------------------------------------


def test_steps_of_distance_then_least_busy_then_longest_idle(connection: sa.Connection) -> None:
    def at(km: float, **more: Any) -> int:
        return enter(connection, commune=THU_DAU_MOT, lat=11.0 + km / 111.2, **more)

    far = at(4.5)
    busy = at(2.1, open_cases=1)
    just_idle = at(3.9)
    long_idle = at(3.8, idle_since=NOW - timedelta(hours=1))
    assert asked(connection) == [long_idle, just_idle, busy, far]


def test_who_served_this_resident_last_comes_first_on_their_rung(connection: sa.Connection) -> None:
    hamlet = enter(connection, "hamlet", hamlet="khu phố 3")
    first, second, third = (enter(connection, households=directory.HOUSEHOLDS_MOST - 1) for _ in range(3))
    hold_closed_case(connection, "zalo:tu", second)
    hold_closed_case(connection, "zalo:tu", third)
    hold_closed_case(connection, "zalo:khac", first)
    assert asked(connection) == [hamlet, first, second, third]
    found = candidates(connection, SPOT, "79", resident="zalo:tu")
    assert [one.member for one in found] == [hamlet, third, first, second]
    assert found[1].reason == "cùng xã, phường, từng giúp nhà này"
    assert asked(connection, resident="zalo:chua-tung") == [hamlet, first, second, third]


def test_who_looks_after_enough_households_keeps_those_served_before(connection: sa.Connection) -> None:
    full = enter(connection, households=directory.HOUSEHOLDS_MOST)
    assert asked(connection) == []
    hold_closed_case(connection, "zalo:tu", full)
    assert asked(connection, resident="zalo:tu") == [full]


def test_only_who_knows_the_topic(connection: sa.Connection) -> None:
    everything = enter(connection, skills=0)
    vneid = enter(connection, skills=directory.skill_bit("vneid") | directory.skill_bit("2g-4g"))
    gplx = enter(connection, skills=directory.skill_bit("gplx"))
    assert asked(connection, topic="vneid") == [everything, vneid]
    assert asked(connection, topic="gplx") == [everything, gplx]
    for anything in ("", "gap-nguoi", "out"):
        assert asked(connection, topic=anything) == [everything, vneid, gplx]


def test_nobody_off_duty_or_with_full_hands(connection: sa.Connection) -> None:
    enter(connection, on_duty=False)
    enter(connection, open_cases=3)
    free = enter(connection, open_cases=3, capacity=4)
    assert asked(connection) == [free]


# --- hours, leave, leases --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "is_asked"),
    [
        ({"duty_from_minute": 9 * 60}, True),
        ({"duty_from_minute": 9 * 60 + 1}, False),
        ({"duty_to_minute": 9 * 60}, False),
        ({"duty_to_minute": 9 * 60 + 1}, True),
        ({"duty_days": 1 << 5}, True),
        ({"duty_days": 127 - (1 << 5)}, False),
    ],
)
def test_duty_hours_are_those_of_vietnam(connection: sa.Connection, hours: dict[str, Any], is_asked: bool) -> None:
    """NOW is nine o'clock on a Saturday morning there."""
    member = enter(connection, **hours)
    assert asked(connection, now=NOW) == [member] * is_asked
    assert asked(connection) == [member]


@pytest.mark.parametrize(
    ("first", "last", "is_asked"), [(21, 21, False), (10, 30, False), (22, 25, True), (1, 20, True)]
)
def test_nobody_on_leave(connection: sa.Connection, first: int, last: int, is_asked: bool) -> None:
    member = enter(connection)
    directory.give_leave(connection, (member,), date(2026, 11, first), date(2026, 11, last))
    assert asked(connection, now=NOW) == [member] * is_asked


def test_the_day_of_a_leave_begins_at_midnight_in_vietnam(connection: sa.Connection) -> None:
    member = enter(connection)
    directory.give_leave(connection, (member,), date(2026, 11, 22), date(2026, 11, 22))
    assert asked(connection, now=datetime(2026, 11, 21, 16, 59, tzinfo=UTC)) == [member]
    assert asked(connection, now=datetime(2026, 11, 21, 17, 0, tzinfo=UTC)) == []


def test_a_lease_that_ran_out_counts_before_it_is_cleared(connection: sa.Connection) -> None:
    member = enter(connection, on_duty_until=NOW)
    assert asked(connection, now=NOW - timedelta(seconds=1)) == [member]
    assert asked(connection, now=NOW) == []


# --- claims ----------------------------------------------------------------------------------------------------------


def test_racing_claims_take_no_case_twice_and_fill_nobody_over(database_url: str, engine: sa.Engine) -> None:
    """Five members with room for ten together, twelve cases, four threads that all want all of them."""
    with engine.begin() as connection:
        for _ in range(5):
            enter(connection, capacity=2)
        case = {"opened_at": NOW, "topic": "", "problem": "", "answers": {}, "tried": {}, "ladder": {}}
        rows = [{"conversation": f"web:{number}", **case} for number in range(12)]
        cases = [connection.execute(_case.insert().returning(_case.c.id), row).scalar_one() for row in rows]
    failed: list[BaseException] = []

    def run() -> None:
        store = Store(load(database_url=database_url))
        try:
            for case_id in cases:
                with store.engine.begin() as connection:
                    found = asked(connection)
                for member in found:
                    with store.engine.begin() as connection:
                        if desk.take(connection, case_id, member, NOW):
                            break
        except BaseException as error:
            failed.append(error)
        finally:
            store.stop()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with engine.begin() as connection:
        assert connection.scalars(sa.select(_member.c.open_cases)).all() == [2] * 5
        holders = connection.execute(sa.select(_case.c.holder_id, sa.func.count()).group_by(_case.c.holder_id)).all()
        assert {row[0]: row[1] for row in holders if row[0]} == dict.fromkeys(range(1, 6), 2)
        taken = connection.scalars(sa.select(_log.c.case_id).where(_log.c.kind == "taken")).all()
        assert len(taken) == len(set(taken)) == 10


def test_the_query_finds_its_index(connection: sa.Connection) -> None:
    """Both partial indexes are used: a condition that hides `on_duty` would cost a scan of the whole directory."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    given = nearest._asked("vneid", "", NOW) | {
        "commune": PHU_LOI, "province": "79", "key": "khu pho 3", "lat": 11.0, "lon": 106.68, "squeeze": 109.0,
        "south": 10.9, "north": 11.1, "west": 106.5, "east": 106.8, "circle_km2": 100.0,
    }  # fmt: skip
    how = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
    ladder, around = nearest._LADDER.statement, nearest._AROUND.statement
    for query, index in ((ladder, "ix_member_commune"), (around, "ix_member_pos")):
        needed = {name: value for name, value in given.items() if name in query.compile().params}
        compiled = query.params(needed).compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
        plan = str(connection.exec_driver_sql(how + str(compiled)).all())
        assert index in plan
