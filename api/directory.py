"""The directory: who is in which team, for what, when; the hamlets and the names they had. Never chooses anybody.

Everything here runs inside a transaction that the caller holds.
"""

import re
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from api.prepared import Prepared, Row
from api.tables import Hamlet, HamletAlias, Leave, Member, Moment, Team
from knowledge.hamlets import hamlet_key, hamlet_name, without_kind
from knowledge.search import PERSON_TOPIC, TOPICS

_team = Team.__table__
_member = Member.__table__
_hamlet = Hamlet.__table__
_alias = HamletAlias.__table__
_leave = Leave.__table__

#: what a team is, and how pages say it
KINDS = {
    "hamlet": "tổ của ấp, khu phố", "commune": "tổ của xã, phường", "youth": "đội thanh niên", "school": "trường học",
    "desk": "bàn hỗ trợ", "group": "nhóm",
}  # fmt: skip
#: whom a member stands for, and how pages say it
POSTS = {
    "hamlet_head": "trưởng ấp, khu phố", "youth_union": "đoàn thanh niên", "women_union": "hội phụ nữ",
    "farmers_union": "hội nông dân", "veterans": "hội cựu chiến binh", "elderly": "hội người cao tuổi",
    "official": "cán bộ xã, phường", "police": "công an", "carrier": "nhà mạng", "bank": "ngân hàng",
    "teacher": "giáo viên", "student": "học sinh, sinh viên", "volunteer": "tình nguyện viên",
}  # fmt: skip
#: a member looks after no more households than this; who has as many still gets those they served before
HOUSEHOLDS_MOST = 220
#: duty ends by itself so long after the last sign of life: a closed phone must not stay on duty
LEASE = timedelta(hours=12)


def rung_of(kind: str, commune: str, hamlet: str) -> str:
    """The rung on which a team of this kind and place stands ("" unknown). A group stands on none."""
    if kind == "group":
        return "group"
    if kind == "desk":
        return "desk" if commune else "province"
    return "hamlet" if hamlet else "commune"


def skill_bit(topic: str) -> int:
    """The bit of a topic in Member.skills; 0, anybody will do, for none, an unknown one or "a person, please"."""
    return 1 << TOPICS.index(topic) if topic in TOPICS and topic != PERSON_TOPIC else 0


# --- duty ------------------------------------------------------------------------------------------------------------


def begin_duty(connection: sa.Connection, member_id: int, now: datetime) -> None:
    duty = {"on_duty": True, "on_duty_until": now + LEASE, "idle_since": now}
    connection.execute(_member.update().where(_member.c.id == member_id).values(duty))


_RENEW = Prepared(
    _member.update()
    .where(_member.c.id == sa.bindparam("member"), _member.c.on_duty, _member.c.on_duty_until.is_not(None))
    .values(on_duty_until=sa.bindparam("until", type_=Moment))
)


def renew_duty(connection: sa.Connection, member_id: int, now: datetime) -> None:
    """A sign of life of somebody on duty; nothing for who is not, or whose duty does not end by itself."""
    _RENEW.run(connection, {"member": member_id, "until": now + LEASE})


def is_ageing(member: Row, now: datetime) -> bool:
    """Whether a sign of life of theirs is worth writing down: the last one is not of this minute."""
    until: datetime | None = member["on_duty_until"]
    return until is not None and until < now + LEASE - timedelta(minutes=1)


_EXPIRE = (
    _member.update()
    .where(_member.c.on_duty_until <= sa.bindparam("now"))
    .values(on_duty=False, on_duty_until=None)
    .returning(_member.c.id)
)


def expire_duty(connection: sa.Connection, now: datetime) -> tuple[int, ...]:
    """End every duty whose lease has run out, in one UPDATE. Returns whose."""
    return tuple(connection.execute(_EXPIRE, {"now": now}).scalars())


def give_leave(
    connection: sa.Connection,
    members: Iterable[int],
    first_day: date,
    last_day: date,
    reason: str = "",
    *,
    hand_on_at: datetime | None = None,
) -> None:
    """Days off, both ends included: one member's leave, or everybody's holiday. Again from the same day replaces it.

    `hand_on_at`: from then on what they hold goes to others; None: never.
    """
    days = {"first_day": first_day, "last_day": last_day, "reason": reason, "hand_on_at": hand_on_at}
    for member_id in members:
        connection.execute(_leave.delete().where(_leave.c.member_id == member_id, _leave.c.first_day == first_day))
        connection.execute(_leave.insert(), {"member_id": member_id, **days})


def away(today: date) -> sa.Select[Any]:
    """The members on leave today, as a query to be asked inside another."""
    return sa.select(_leave.c.member_id).where(_leave.c.first_day <= today, _leave.c.last_day >= today)


def away_until(connection: sa.Connection, member_id: int, today: date) -> date | None:
    """The last day of a leave that runs today; None for who is not on leave."""
    runs = (_leave.c.member_id == member_id, _leave.c.first_day <= today, _leave.c.last_day >= today)
    last: date | None = connection.execute(sa.select(sa.func.max(_leave.c.last_day)).where(*runs)).scalar()
    return last


# --- hamlets ---------------------------------------------------------------------------------------------------------

_COMMUNE, _KEY = sa.bindparam("commune", type_=sa.String), sa.bindparam("key", type_=sa.String)
_same = _hamlet.alias("same")
#: keys of the hamlets that once had the name `key`; none while a hamlet of today has it
NOW_CALLED = (
    sa.select(_hamlet.c.key)
    .join(_alias, _alias.c.hamlet_id == _hamlet.c.id)
    .where(_alias.c.commune == _COMMUNE, _alias.c.key == _KEY)
    .where(~sa.exists().where(_same.c.commune == _COMMUNE, _same.c.key == _KEY))
    .order_by(_hamlet.c.key)
)
#: names, of today or before, that are `key`, and names of today that end in `ending`
_ALIKE = sa.union_all(
    sa.select(_hamlet.c.key).where(
        _hamlet.c.commune == _COMMUNE,
        sa.or_(_hamlet.c.key == _KEY, _hamlet.c.key.endswith(sa.bindparam("ending", type_=sa.String))),
    ),
    sa.select(_alias.c.key).where(_alias.c.commune == _COMMUNE, _alias.c.key == _KEY),
)


def meant_key(connection: sa.Connection, commune: str, text: str) -> str:
    """The key of the name that a resident of this commune means, of today or before; "" for a text without one.

    "3" alone is khu phố 3 when no other hamlet is a 3.
    """
    key = hamlet_key(text)
    if not key or without_kind(key) != key:
        return key
    alike = connection.scalars(_ALIKE, {"commune": commune, "key": key, "ending": f" {key}"}).all()
    whole = [one for one in alike if without_kind(one) == key]
    return whole[0] if len(whole) == 1 and key not in alike else key


def today_keys(connection: sa.Connection, commune: str, text: str) -> tuple[str, ...]:
    """Member.hamlet_key of the hamlets that a resident of this commune can mean; empty for a text without a name.

    Today's name before an old one; an old one may have been several hamlets'. A name that nobody has written in stands
    for itself.
    """
    key = meant_key(connection, commune, text)
    if not key:
        return ()
    return tuple(connection.scalars(NOW_CALLED, {"commune": commune, "key": key})) or (key,)


def put_hamlet(
    connection: sa.Connection, commune: str, name: str, old_names: Iterable[str] = (), *, kept: Collection[str] = ()
) -> tuple[int, tuple[str, ...]]:
    """The id of the hamlet of this name, written in if it is new, and the names of those that became part of it.

    Old names are added, none is ever taken away. An old name under which the directory still has a hamlet means a
    merger or a new name: its teams, members and old names go over, unless its key is in `kept`, the names of today.
    """
    key = hamlet_key(name)
    hamlet_id = _id_of(connection, commune, key)
    if hamlet_id is None:
        row = {"commune": commune, "name": hamlet_name(name), "key": key}
        hamlet_id = int(connection.execute(_hamlet.insert().returning(_hamlet.c.id), row).scalar_one())
    merged: list[str] = []
    for old in old_names:
        old_key = hamlet_key(old)
        if not old_key or old_key == key:
            continue
        _put_alias(connection, commune, hamlet_id, old_key, hamlet_name(old))
        from_id = None if old_key in kept else _id_of(connection, commune, old_key)
        if from_id is not None:
            merged.append(_merge(connection, commune, from_id, hamlet_id))
    return hamlet_id, tuple(merged)


def _id_of(connection: sa.Connection, commune: str, key: str) -> int | None:
    query = sa.select(_hamlet.c.id).where(_hamlet.c.commune == commune, _hamlet.c.key == key)
    found: int | None = connection.execute(query).scalar()
    return found


def _put_alias(connection: sa.Connection, commune: str, hamlet_id: int, key: str, name: str) -> None:
    there = sa.select(_alias.c.key).where(
        _alias.c.commune == commune, _alias.c.key == key, _alias.c.hamlet_id == hamlet_id
    )
    if connection.execute(there).first() is None:
        connection.execute(_alias.insert(), {"commune": commune, "key": key, "hamlet_id": hamlet_id, "name": name})


def _merge(connection: sa.Connection, commune: str, from_id: int, to_id: int) -> str:
    """Everything of a hamlet that is no more goes to the one it became. Returns the name it had."""
    named = sa.select(_hamlet.c.name, _hamlet.c.key)
    old = connection.execute(named.where(_hamlet.c.id == from_id)).one()
    new = connection.execute(named.where(_hamlet.c.id == to_id)).one()
    place = {"hamlet": new.name, "hamlet_key": new.key}
    for team in connection.execute(
        sa.select(_team).where(_team.c.commune == commune, _team.c.hamlet_key == old.key)
    ).all():
        # a team called after its hamlet is called after the new one
        name = re.sub(rf"{re.escape(old.name)}(?!\w)", new.name, team.name)
        same = (_team.c.province == team.province, _team.c.commune == commune, _team.c.hamlet == new.name)
        other = connection.execute(sa.select(_team.c.id).where(*same, _team.c.name == name)).scalar()
        connection.execute(
            _member.update().where(_member.c.team_id == team.id).values(**place, team_id=other or team.id)
        )
        if other is None:
            connection.execute(_team.update().where(_team.c.id == team.id).values(**place, name=name))
        else:
            connection.execute(_team.delete().where(_team.c.id == team.id))
    aliases = connection.execute(sa.select(_alias.c.key, _alias.c.name).where(_alias.c.hamlet_id == from_id)).all()
    connection.execute(_alias.delete().where(_alias.c.hamlet_id == from_id))
    for alias in aliases:
        if alias.key != new.key:
            _put_alias(connection, commune, to_id, alias.key, alias.name)
    connection.execute(_hamlet.delete().where(_hamlet.c.id == from_id))
    return str(old.name)
