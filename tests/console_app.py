"""The console with its own small town: four members, and residents whose cases stand where a test puts them."""

from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from fastapi import FastAPI

from api import auth, inbox, outbox
from api.house import House
from api.main import create_app
from api.media import MediaStore
from api.news import News
from api.outbox import Pen
from api.settings import Settings
from api.shelf import Shelf
from api.store import Store
from api.tables import Case, ConversationRow, Inbox, Member, Offer, Team, metadata
from bot.model import Attachment, Inbound, Reply, WaitExpired

PHU_LOI, THU_DAU_MOT, LAI_VUNG = "25750", "25747", "30226"
#: in Phú Lợi: a member and their lead; next door in the same province; in another province
LAN, TAM, SAU, HAN = 1, 2, 3, 4
_PEOPLE = (
    (LAN, "Trần Thị Lan", "chị Lan", "member", PHU_LOI, "79"),
    (TAM, "Lê Minh Tâm", "anh Tâm", "lead", PHU_LOI, "79"),
    (SAU, "Phạm Thị Sáu", "cô Sáu", "member", THU_DAU_MOT, "79"),
    (HAN, "Võ Ngọc Hân", "chị Hân", "member", LAI_VUNG, "82"),
)

_case = Case.__table__
_inbox = Inbox.__table__


def build(
    shelf: Shelf, folder: Path, now: datetime, *, public_url: str = "", database_url: str = ""
) -> tuple[FastAPI, House]:
    """The app and its house, the members entered, no loop running; the caller starts the store."""
    settings = Settings(_env_file=None, database_url=database_url or f"sqlite:///{folder}/gocua.db",
                        media_folder=str(folder / "media"), public_url=public_url)  # fmt: skip
    store = Store(settings)
    metadata.create_all(store.engine)
    with store.engine.begin() as connection:
        enter_members(connection, now)
    house = House(
        settings=settings, store=store, shelf=shelf, news=News(), media=MediaStore(settings.media), channels={},
        now=lambda: now, key="a key for tests",
    )  # fmt: skip

    return create_app(house), house


def enter_members(connection: sa.Connection, now: datetime) -> None:
    """Into an empty directory."""
    team = {"name": "Tổ công nghệ số khu phố 3", "rung": "hamlet", "province": "79", "commune": PHU_LOI,
            "hamlet": "khu phố 3"}  # fmt: skip
    connection.execute(Team.__table__.insert(), team)
    for number, name, called, role, commune, province in _PEOPLE:
        connection.execute(
            Member.__table__.insert(),
            {"id": number, "name": name, "called": called, "role": role, "team_id": 1, "rung": "hamlet", "hamlet": "",
             "commune": commune, "province": province, "lat": 0.0, "lon": 0.0, "telegram_chat": "", "on_duty": True,
             "open_cases": 0, "capacity": 3, "idle_since": now},
        )  # fmt: skip


def sign_in(connection: sa.Connection, member_id: int, now: datetime) -> str:
    """The path of a fresh link."""
    return auth.make_link(connection, member_id, now, "")


def put_case(
    connection: sa.Connection,
    chat: str,
    now: datetime,
    *,
    commune: str = PHU_LOI,
    province: str = "79",
    holder: int | None = None,
    offered_to: int | None = None,
    minutes_ago: int = 20,
    name: str = "Bác Tư",
) -> int:
    """A case of the resident "web:<chat>", opened `minutes_ago`, about a step of the VNeID flow."""
    opened_at = now - timedelta(minutes=minutes_ago)
    connection.execute(
        ConversationRow.__table__.insert(),
        {"key": f"web:{chat}", "channel": "web", "chat": chat, "state": {}, "state_version": 1, "epoch": 1,
         "reachable": True, "name": name, "updated_at": now},
    )  # fmt: skip
    case = {
        "conversation": f"web:{chat}", "opened_at": opened_at, "topic": "vneid", "flow": "vneid-tao-tai-khoan",
        "step": "canh-bao", "problem": "máy báo không hỗ trợ NFC", "answers": {"nam_sinh": "1955"},
        "tried": {"signs": ["khởi động lại máy"]}, "commune": commune, "hamlet": "khu phố 3", "province": province,
        "ladder": {}, "holder_id": holder, "taken_at": opened_at if holder else None, "outcome": "", "visit_on": "",
    }  # fmt: skip
    case_id: int = connection.execute(_case.insert().returning(_case.c.id), case).scalar_one()
    if holder:
        member = Member.__table__
        connection.execute(member.update().where(member.c.id == holder).values(open_cases=member.c.open_cases + 1))
    if offered_to:
        connection.execute(
            Offer.__table__.insert(),
            {"case_id": case_id, "member_id": offered_to, "rung": "hamlet", "reason": "nearest", "offered_at": now,
             "expires_at": now + timedelta(minutes=5), "answer": ""},
        )  # fmt: skip
    return case_id


def resident_says(
    connection: sa.Connection, chat: str, text: str, at: datetime, attachments: tuple[Attachment, ...] = ()
) -> None:
    """A line that a turn has dealt with already."""
    mark = f"{chat}-{at.timestamp()}-{text}"
    said = Inbound(channel="web", chat=chat, message_id=mark, sent_at=at, text=text, attachments=attachments)
    inbox.put(connection, [inbox.from_channel(said, mark)], at)
    connection.execute(_inbox.update().where(_inbox.c.provider_id == mark).values(done_at=at))


def they_hear(connection: sa.Connection, chat: str, reply: Reply, at: datetime, status: int = 2) -> None:
    """A line to the resident, as it lies in the outbox; status 2 is sent, 4 failed."""
    mark = f"to-{chat}-{at.timestamp()}-{reply.text}"
    inbox.put(connection, [inbox.from_inside(f"web:{chat}", WaitExpired(due_at=at), mark)], at)
    row = connection.execute(sa.select(_inbox.c.id).where(_inbox.c.provider_id == mark)).scalar_one()
    connection.execute(_inbox.update().where(_inbox.c.id == row).values(done_at=at))
    pen = Pen(row, f"web:{chat}", at)
    pen.reply(reply, 1)
    outbox.insert(connection, [{**one, "status": status} for one in pen.rows])
