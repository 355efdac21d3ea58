"""The sample directory: whole, the same every time, and never put over a real one."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from api import demo
from api.tables import Member, Team, metadata
from knowledge.places import Gazetteer

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
_team = Team.__table__
_member = Member.__table__


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    return Gazetteer.load()


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def test_everybody_stands_where_their_team_does(connection: sa.Connection, gazetteer: Gazetteer) -> None:
    members = demo.fill(connection, gazetteer, NOW)
    rows = connection.execute(sa.select(_member, _team.c.rung.label("team_rung"), _team.c.commune.label("team_commune"),
                                        _team.c.hamlet.label("team_hamlet"), _team.c.province.label("team_province"))
                              .join(_team)).all()  # fmt: skip
    assert len(rows) == members == 108
    assert len({row.name for row in rows}) == members
    for row in rows:
        assert (row.rung, row.commune, row.hamlet, row.province) == (
            row.team_rung, row.team_commune, row.team_hamlet, row.team_province,
        )  # fmt: skip
        assert row.name.split()[-1] == row.called.split()[-1]
        if row.commune:
            commune = gazetteer.commune(row.commune)
            assert (row.lat, row.lon, row.province) == (commune.lat, commune.lon, commune.province_code)


def test_each_commune_has_its_teams_and_a_desk(connection: sa.Connection, gazetteer: Gazetteer) -> None:
    demo.fill(connection, gazetteer, NOW)
    names = set(connection.scalars(sa.select(_team.c.name)))
    assert "Tổ công nghệ số khu phố 3, phường Phú Lợi" in names
    assert {"Bàn hỗ trợ phường Sa Đéc", "Bàn hỗ trợ tỉnh Đồng Tháp", "Bàn hỗ trợ thành phố Hồ Chí Minh"} <= names
    for code, hamlets in demo.COMMUNES.items():
        found = connection.execute(sa.select(_team.c.rung, _team.c.hamlet).where(_team.c.commune == code)).all()
        assert sorted(found) == sorted([("desk", ""), *(("hamlet", hamlet) for hamlet in hamlets)])


def test_a_hamlet_as_residents_name_it_is_one_of_ours(gazetteer: Gazetteer) -> None:
    for code, hamlets in demo.COMMUNES.items():
        for hamlet in hamlets:
            assert gazetteer.find(f"{hamlet} {gazetteer.full_name(code)}").hamlet == hamlet


def test_a_directory_with_teams_is_left_alone(connection: sa.Connection, gazetteer: Gazetteer) -> None:
    assert demo.fill(connection, gazetteer, NOW) > 0
    before = connection.execute(sa.select(_member)).all()
    assert demo.fill(connection, gazetteer, NOW) == 0
    assert connection.execute(sa.select(_member)).all() == before
