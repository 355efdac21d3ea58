"""A sheet of members brought into the directory: all of it or nothing, and twice is the same as once.

Adds and changes; takes nobody out. What the sheet does not say stays as it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from api import directory
from api.member_cells import Entry, Problem, Reader
from api.members_file import TITLES, Sheet
from api.prepared import Row
from api.tables import Hamlet, Member, Team
from knowledge.hamlets import hamlet_key
from knowledge.places import Gazetteer

_team = Team.__table__
_member = Member.__table__
_hamlet = Hamlet.__table__

#: what a team is called whose name nobody wrote
_CALLED = {
    "hamlet": "Tổ công nghệ số", "commune": "Tổ công nghệ số", "youth": "Đội thanh niên", "desk": "Bàn hỗ trợ",
}  # fmt: skip
#: the columns of a member that the sheet may change, and what they are called there
_SAID = {
    "called": TITLES["called"], "role": TITLES["role"], "post": TITLES["role"], "phone": TITLES["phone"],
    "telegram_chat": TITLES["telegram"], "skills": TITLES["skills"], "capacity": TITLES["capacity"],
    "households": TITLES["households"], "duty_from_minute": TITLES["hours"], "duty_to_minute": TITLES["hours"],
    "duty_days": TITLES["days"], "rung": TITLES["kind"],
}  # fmt: skip

_TOLD_MOST = 20

TeamKey = tuple[str, str, str, str]


@dataclass(slots=True)
class Outcome:
    """What was (or, when it is rolled back, would be) done; with problems, roll it back."""

    new: list[str] = field(default_factory=list)
    #: "Trần Thị Lan: Sức nhận, Giờ trực"
    changed: list[str] = field(default_factory=list)
    unchanged: int = 0
    new_teams: list[str] = field(default_factory=list)
    new_hamlets: list[str] = field(default_factory=list)
    #: "khu phố 1 → khu phố 3": gone over into another, or written by its old name
    hamlets_now: list[str] = field(default_factory=list)
    #: new members whom no offer can reach yet: they begin off duty
    off_duty: int = 0
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Understood:
    """`renamed`: communes that were written by a name of before, and what they are now."""

    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]
    renamed: tuple[str, ...]


def understand(sheet: Sheet, gazetteer: Gazetteer, home: Iterable[str] = ()) -> Understood:
    """Every person and every mistake of a sheet. `home` chooses among communes of one name, as for residents."""
    reader = Reader(gazetteer, home)
    entries: list[Entry] = []
    problems: list[Problem] = []
    for line in sheet.lines:
        entry, wrong = reader.entry(line)
        problems += wrong
        if entry:
            entries.append(entry)
    problems += _clashes(entries)
    problems.sort(key=lambda one: one.row)
    return Understood(tuple(entries), tuple(problems), tuple(reader.renamed.values()))


def _clashes(entries: Sequence[Entry]) -> list[Problem]:
    """Rows that contradict each other."""
    problems: list[Problem] = []
    chats: dict[str, int] = {}
    kinds: dict[TeamKey, Entry] = {}
    people: dict[tuple[TeamKey, str], list[Entry]] = defaultdict(list)
    for one in entries:
        team = _team_key(one, one.hamlet)
        if one.telegram and (row := chats.setdefault(one.telegram, one.row)) != one.row:
            problems.append(Problem(one.row, TITLES["telegram"], one.telegram, f"trùng với dòng {row}."))
        if (first := kinds.setdefault(team, one)).kind != one.kind:
            todo = f"dòng {first.row} ghi tổ này là {directory.KINDS[first.kind]}; ghi cho giống nhau."
            problems.append(Problem(one.row, TITLES["kind"], directory.KINDS[one.kind], todo))
        namesakes = people[team, one.name.casefold()]
        twin = next((other for other in namesakes if not _differ(one, other.phone, other.telegram)), None)
        if twin:
            todo = f"trùng với dòng {twin.row}; nếu là hai người thì ghi số điện thoại của cả hai."
            problems.append(Problem(one.row, TITLES["name"], one.name, todo))
        namesakes.append(one)
    return problems


def _differ(one: Entry, phone: str, chat: str) -> bool:
    """Whether namesakes in one team are two people: neither number is the same, and one that both have is not."""
    pairs = [(a, b) for a, b in ((one.phone, phone), (one.telegram, chat)) if a and b]
    return bool(pairs) and all(a != b for a, b in pairs)


def bring_in(connection: sa.Connection, entries: Sequence[Entry], now: datetime) -> Outcome:
    """Write it all. The caller commits, or rolls back: for a dry run, and when there are problems."""
    outcome = Outcome()
    hamlets = _put_hamlets(connection, entries, outcome)
    teams = _put_teams(connection, entries, hamlets, outcome)
    there = _members_of(connection, {team["id"] for team in teams.values()})
    holders = _holders_of(connection, {one.telegram for one in entries if one.telegram})
    new: list[dict[str, Any]] = []
    for one in entries:
        team = teams[_team_key(one, hamlets[one.commune, hamlet_key(one.hamlet)])]
        row = _match(one, there.get((team["id"], one.name.casefold()), []))
        if one.telegram and (holder := holders.get(one.telegram)) and (row is None or holder.id != row["id"]):
            todo = f"đang là của {holder.name}; bỏ trống, hoặc sửa cho đúng người."
            outcome.problems.append(Problem(one.row, TITLES["telegram"], one.telegram, todo))
        elif row is None:
            new.append(_new_row(one, team, now))
            outcome.new.append(f"{one.name}, {team['name']}")
            outcome.off_duty += not one.telegram
        else:
            _change(connection, row, _said(one) | {"rung": team["rung"]}, outcome)
    if new:
        connection.execute(_member.insert(), new)
    return outcome


def told(sheet: Sheet, known: Understood, outcome: Outcome) -> list[str]:
    """What was done, in lines; long lists are cut."""
    lists = (
        ("Bỏ qua cột", sheet.ignored), ("Xã, phường viết theo tên cũ", known.renamed),
        ("Ấp, khu phố mới", outcome.new_hamlets), ("Ấp, khu phố viết theo tên cũ hoặc đã gộp", outcome.hamlets_now),
        ("Tổ mới", outcome.new_teams), ("Người mới", outcome.new), ("Có thay đổi", outcome.changed),
    )  # fmt: skip
    lines: list[str] = []
    for title, listed in lists:
        if listed:
            lines += [f"{title} ({len(listed)}):", *(f"  {one}" for one in listed[:_TOLD_MOST])]
            lines += [f"  ... và {len(listed) - _TOLD_MOST} nữa"] if len(listed) > _TOLD_MOST else []
    if outcome.off_duty:
        lines.append(f"{outcome.off_duty} người mới chưa nối Telegram nên chưa vào trực: gocua member link TÊN")
    lines.append(f"Mới {len(outcome.new)}, thay đổi {len(outcome.changed)}, giữ nguyên {outcome.unchanged}.")
    return lines


# --- hamlets ---------------------------------------------------------------------------------------------------------


def _put_hamlets(connection: sa.Connection, entries: Sequence[Entry], outcome: Outcome) -> dict[tuple[str, str], str]:
    """The name of today of each hamlet in the sheet, by commune and key as written there; ("", "") is nowhere."""
    names: dict[tuple[str, str], str] = {(one.commune, ""): "" for one in entries}
    olds: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in entries:
        if one.hamlet and one.commune:
            names.setdefault((one.commune, hamlet_key(one.hamlet)), one.hamlet)
            olds[one.commune, hamlet_key(one.hamlet)].update(one.old_hamlets)
    kept = {commune: {key for other, key in names if other == commune} for commune, _ in names}
    # first whom each name means, by what the directory knew before this sheet; only then is anything written
    meant: dict[tuple[str, str], tuple[str, ...]] = {}
    for commune, key in olds:
        found = directory.today_keys(connection, commune, key)
        is_old_name = not olds[commune, key] and found != (key,) and len(found) == 1
        meant[commune, key] = found if is_old_name else (key,)
    for (commune, key), old_names in olds.items():
        if meant[commune, key] != (key,):
            name = str(_name_of(connection, commune, meant[commune, key][0]))
            outcome.hamlets_now.append(f"{names[commune, key]} → {name}")
            names[commune, key] = name
            continue
        name = _name_of(connection, commune, key) or names[commune, key]
        if _name_of(connection, commune, key) is None:
            outcome.new_hamlets.append(name)
        merged = directory.put_hamlet(connection, commune, name, sorted(old_names), kept=kept[commune])[1]
        outcome.hamlets_now += [f"{old} → {name}" for old in merged]
        names[commune, key] = name
    return names


def _name_of(connection: sa.Connection, commune: str, key: str) -> str | None:
    query = sa.select(_hamlet.c.name).where(_hamlet.c.commune == commune, _hamlet.c.key == key)
    found: str | None = connection.execute(query).scalar()
    return found


# --- teams -----------------------------------------------------------------------------------------------------------


def _team_key(one: Entry, hamlet: str) -> TeamKey:
    """Province, commune, hamlet and name: what makes a team the same."""
    return one.place.province_code, one.commune, hamlet_key(hamlet), (one.team or _default_name(one, hamlet)).casefold()


def _default_name(one: Entry, hamlet: str) -> str:
    place = one.place.name if one.commune else one.place.province
    inside = place[:1].lower() + place[1:]
    return f"{_CALLED[one.kind]} {f'{hamlet}, {inside}' if hamlet else inside}"


def _put_teams(
    connection: sa.Connection, entries: Sequence[Entry], hamlets: dict[tuple[str, str], str], outcome: Outcome
) -> dict[TeamKey, dict[str, Any]]:
    """The teams of the sheet, those that are new written in, by their keys."""
    provinces = {one.place.province_code for one in entries}
    communes = {one.commune for one in entries}
    query = sa.select(_team).where(_team.c.province.in_(provinces), _team.c.commune.in_(communes))
    teams = {
        (row["province"], row["commune"], row["hamlet_key"], row["name"].casefold()): dict(row)
        for row in connection.execute(query).mappings()
    }
    for one in entries:
        hamlet = hamlets[one.commune, hamlet_key(one.hamlet)]
        key = _team_key(one, hamlet)
        place = {"kind": one.kind, "rung": directory.rung_of(one.kind, one.commune, hamlet)}
        if key not in teams:
            row = {"name": one.team or _default_name(one, hamlet), "province": one.place.province_code,
                   "commune": one.commune, "hamlet": hamlet, **place}  # fmt: skip
            team_id = connection.execute(_team.insert().returning(_team.c.id), row).scalar_one()
            teams[key] = row | {"id": team_id}
            outcome.new_teams.append(str(row["name"]))
        elif any(teams[key][name] != value for name, value in place.items()):
            connection.execute(_team.update().where(_team.c.id == teams[key]["id"]).values(place))
            teams[key] |= place
    return teams


# --- members ---------------------------------------------------------------------------------------------------------


def _members_of(connection: sa.Connection, teams: set[int]) -> dict[tuple[int, str], list[Row]]:
    found: dict[tuple[int, str], list[Row]] = defaultdict(list)
    wanted = sorted(teams)
    for at in range(0, len(wanted), 500):
        rows = connection.execute(sa.select(_member).where(_member.c.team_id.in_(wanted[at : at + 500]))).mappings()
        for row in rows:
            found[row["team_id"], row["name"].casefold()].append(row)
    return found


def _holders_of(connection: sa.Connection, chats: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    wanted = sorted(chats)
    for at in range(0, len(wanted), 500):
        query = sa.select(_member.c.id, _member.c.name, _member.c.telegram_chat)
        rows = connection.execute(query.where(_member.c.telegram_chat.in_(wanted[at : at + 500])))
        found |= {row.telegram_chat: row for row in rows}
    return found


def _match(one: Entry, namesakes: Sequence[Row]) -> Row | None:
    """Who of the same team and name this is: of the same phone or chat, else one without any that contradicts."""

    def same(row: Row) -> bool:
        return bool(
            (one.phone and one.phone == row["phone"]) or (one.telegram and one.telegram == row["telegram_chat"])
        )

    if sure := next((row for row in namesakes if same(row)), None):
        return sure
    return next((row for row in namesakes if not _differ(one, row["phone"], row["telegram_chat"])), None)


def _said(one: Entry) -> dict[str, Any]:
    """The columns of which the sheet says something."""
    start, end = one.minutes or (None, None)
    said = {
        "called": one.called, "role": one.role, "post": one.post, "phone": one.phone, "telegram_chat": one.telegram,
        "skills": one.skills, "capacity": one.capacity, "households": one.households, "duty_from_minute": start,
        "duty_to_minute": end, "duty_days": one.days,
    }  # fmt: skip
    return {column: value for column, value in said.items() if value not in (None, "")}


def _new_row(one: Entry, team: dict[str, Any], now: datetime) -> dict[str, Any]:
    """All columns: rows of one INSERT must have the same."""
    start, end = one.minutes or (0, 1440)
    return {
        "name": one.name, "called": one.called or one.name, "role": one.role or "member", "post": one.post,
        "phone": one.phone, "telegram_chat": one.telegram, "team_id": team["id"], "rung": team["rung"],
        "hamlet": team["hamlet"], "commune": one.commune, "province": one.place.province_code,
        "lat": one.place.lat if one.commune else 0.0, "lon": one.place.lon if one.commune else 0.0,
        "skills": one.skills or 0, "capacity": one.capacity or 3, "households": one.households or 0,
        "duty_from_minute": start, "duty_to_minute": end, "duty_days": 127 if one.days is None else one.days,
        "on_duty": bool(one.telegram), "open_cases": 0, "idle_since": now,
    }  # fmt: skip


def _change(connection: sa.Connection, row: Row, said: dict[str, Any], outcome: Outcome) -> None:
    changed = {column: value for column, value in said.items() if row[column] != value}
    if not changed:
        outcome.unchanged += 1
        return
    connection.execute(_member.update().where(_member.c.id == row["id"]).values(changed))
    what = ", ".join(dict.fromkeys(_SAID[column] for column in changed))
    outcome.changed.append(f"{row['name']}: {what}")
