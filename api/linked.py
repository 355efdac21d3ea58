"""Whose a Telegram chat is: linked to a member by a one-time link, let go, lost when it can no longer be written to."""

import sqlalchemy as sa

from api import cases, commands, desk, inbox, messenger
from api.among import Among
from api.auth import spend_link
from api.outbox import Pen
from api.prepared import Prepared
from api.tables import Case, Member, Offer
from bot.model import Inbound, OfferExpired, Reached

_member = Member.__table__
_case = Case.__table__
_offer = Offer.__table__


_OF_CHATS = Prepared(sa.select(_member.c.telegram_chat, _member.c.id).where(Among(_member.c.telegram_chat, "chats")))


def of_chats(connection: sa.Connection, chats: set[str]) -> dict[str, int]:
    """The members behind these Telegram chats, by chat."""
    if not chats:
        return {}
    return {row.telegram_chat: row.id for row in _OF_CHATS.rows(connection, {"chats": sorted(chats)})}


def link(connection: sa.Connection, pen: Pen, said: Inbound) -> bool:
    """ "/start link-<token>": this chat belongs to a member from now on. False when the text is no such thing."""
    token = said.text.removeprefix("/start link-")
    if token == said.text:
        return False
    name = _link_chat(connection, token.strip(), said.chat, pen)
    text = (
        f"Chào {name}! Từ giờ lời mời nhận hồ sơ sẽ đến ở đây. Trả lời vào tin của bà con là bà con nhận được.\n"
        f"{commands.HELP}"
        if name
        else "Đường dẫn này đã dùng hoặc hết hạn. Nhờ trưởng nhóm tạo lại giúp nhé."
    )
    pen.member(said.chat, text)
    return True


def link_alerts(connection: sa.Connection, pen: Pen, said: Inbound) -> bool:
    """ "link-<token>" to the Zalo bot: a member is told of work there from now on. False when it is none."""
    token = said.text.strip().removeprefix("link-")
    if said.channel != "zalo_bot" or token == said.text.strip():
        return False
    member_id = spend_link(connection, token, pen.now)
    text = "Đường dẫn này đã dùng hoặc hết hạn. Nhờ trưởng nhóm tạo lại giúp nhé."
    if member_id is not None:
        connection.execute(_member.update().where(_member.c.alert_chat == said.chat).values(alert_chat=""))
        connection.execute(_member.update().where(_member.c.id == member_id).values(alert_chat=said.chat))
        cases.write_log(connection, pen.now, "alerts_linked", member_id=member_id)
        text = "Từ giờ có việc mới sẽ báo ở đây. Muốn nhận việc và trả lời bà con thì mở bàn của tổ."
    pen.member(said.chat, text, channel=said.channel)
    return True


def _link_chat(connection: sa.Connection, token: str, chat: str, pen: Pen) -> str:
    """The member whose chat this is from now on; "" when the one-time link is used, expired or wrong."""
    member_id = spend_link(connection, token, pen.now)
    if member_id is None:
        return ""
    connection.execute(_member.update().where(_member.c.telegram_chat == chat).values(telegram_chat=""))
    linked = {"telegram_chat": chat, "telegram_open": True}
    connection.execute(_member.update().where(_member.c.id == member_id).values(linked))
    cases.write_log(connection, pen.now, "chat_linked", member_id=member_id)
    name: str = connection.execute(sa.select(_member.c.name).where(_member.c.id == member_id)).scalar_one()
    return name


def unlink(connection: sa.Connection, pen: Pen, chat: str, member_id: int) -> None:
    """What they hold stays theirs: they answer from the console, or pass it on."""
    connection.execute(_member.update().where(_member.c.id == member_id).values(telegram_chat=""))
    cases.write_log(connection, pen.now, "chat_unlinked", member_id=member_id)
    pen.member(chat, commands.unlinked(len(cases.held_by(connection, member_id))))


def reached(connection: sa.Connection, pen: Pen, said: Reached, member_id: int) -> str:
    """A member's chat can no longer be written to, or can be again. What the operator should know of it, "" nothing.

    Who cannot be reached is taken off duty, their offers go on at once, and the leads of their place hear of it.
    """
    of_member = _member.c.id == member_id
    changed = connection.execute(
        _member.update()
        .where(of_member, _member.c.telegram_open != said.reachable)
        .values(telegram_open=said.reachable)
    ).rowcount
    if said.reachable or not changed:
        return ""
    member = cases.member_of(connection, member_id)
    cases.write_log(connection, pen.now, "chat_lost", member_id=member_id)
    desk.set_duty(connection, member_id, False, pen.now)
    offers = sa.select(_offer.c.id, _case.c.conversation).join(_case, _case.c.id == _offer.c.case_id)
    asked = connection.execute(offers.where(_offer.c.member_id == member_id, _offer.c.answered_at.is_(None)))
    lost = [inbox.from_inside(row.conversation, OfferExpired(offer=row.id), f"lost:{row.id}") for row in asked.all()]
    inbox.put(connection, lost, pen.now)
    holding = ", ".join(
        messenger.briefly(case, cases.resident_name(connection, case)) for case in cases.held_by(connection, member_id)
    )
    text = f"{member['name']} không còn nhận được tin Telegram (chặn bot, hoặc đã bỏ tài khoản) nên tạm nghỉ trực."
    if holding:
        text += f" Đang giữ: {holding}. Nhờ người khác nhận thay ở bàn của tổ."
    for lead in cases.leads(connection, member):
        if lead["id"] != member_id and (chat := messenger.chat_of(lead)):
            pen.member(chat, text)
    return text
