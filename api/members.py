"""What members write in their own messenger: a tap on an offer, a reply to a relayed message, words to a case.

A member with several open cases is asked which one is meant; nothing is ever sent to a resident on a guess.
"""

import sqlalchemy as sa

from api import desk
from api.auth import spend_link
from api.desk import Desk
from api.outbox import Pen
from api.tables import Inbox, Member
from bot import record
from bot.model import Inbound, Outcome

_member = Member.__table__  # type: ignore[attr-defined]
_inbox = Inbox.__table__  # type: ignore[attr-defined]

_OUTCOMES: dict[str, Outcome] = {"solved": "solved", "passed_on": "passed_on", "no_answer": "no_answer"}


def of_chats(connection: sa.Connection, chats: set[str]) -> dict[str, int]:
    """The members behind these Telegram chats, by chat."""
    if not chats:
        return {}
    query = sa.select(_member.c.telegram_chat, _member.c.id).where(_member.c.telegram_chat.in_(chats))
    return {row.telegram_chat: row.id for row in connection.execute(query)}


def link(connection: sa.Connection, pen: Pen, said: Inbound) -> bool:
    """ "/start link-<token>": this chat belongs to a member from now on. False when the text is no such thing."""
    token = said.text.removeprefix("/start link-")
    if token == said.text:
        return False
    name = _link_chat(connection, token.strip(), said.chat, pen)
    text = (
        f"Chào {name}! Từ giờ lời mời nhận hồ sơ sẽ đến ở đây. Trả lời vào tin của bà con là bà con nhận được."
        if name
        else "Đường dẫn này đã dùng hoặc hết hạn. Nhờ trưởng nhóm tạo lại giúp nhé."
    )
    pen.member(said.chat, text)
    return True


def _link_chat(connection: sa.Connection, token: str, chat: str, pen: Pen) -> str:
    """The member whose chat this is from now on; "" when the one-time link is used, expired or wrong."""
    member_id = spend_link(connection, token, pen.now)
    if member_id is None:
        return ""
    connection.execute(_member.update().where(_member.c.telegram_chat == chat).values(telegram_chat=""))
    connection.execute(_member.update().where(_member.c.id == member_id).values(telegram_chat=chat))
    desk.write_log(connection, pen.now, "chat_linked", member_id=member_id)
    name: str = connection.execute(sa.select(_member.c.name).where(_member.c.id == member_id)).scalar_one()
    return name


def hear(connection: sa.Connection, pen: Pen, said: Inbound, member_id: int) -> bool:
    """A member's message in their private chat. False: nothing of the desk's, they talk to the bot like anyone."""
    if said.choice is not None:
        return _tapped(connection, pen, said, member_id)
    case_id = desk.case_of_message(connection, said.channel, said.chat, said.reply_to) if said.reply_to else None
    held = [case["id"] for case in desk.held_by(connection, member_id)]
    if case_id is None and not held:
        return False
    if said.text.startswith("/"):
        return False
    if case_id is None and len(held) > 1:
        buttons = tuple((f"meant.{one}.{pen.inbox_id}", _about(connection, one)) for one in held)
        pen.member(said.chat, "Tin này gửi cho ai ạ?", buttons)
        return True
    _say(connection, pen, said, case_id or held[0], member_id)
    return True


def hear_in_group(connection: sa.Connection, desk_: Desk, pen: Pen, said: Inbound) -> bool:
    """The team's own group. A reply to a case's message answers that resident, and takes the case if it is free.

    Talk that answers none of our messages is the team's own. False: the message answered is not known yet.
    """
    if said.choice is not None:
        _tapped(connection, pen, said, desk.enrol(connection, said, desk_, pen.now), group=True)
        return True
    if not said.reply_to:
        return True
    case_id = desk.case_of_message(connection, said.channel, said.chat, said.reply_to)
    if case_id is None:
        return False
    member_id = desk.enrol(connection, said, desk_, pen.now)
    case = desk.find(connection, case_id)
    if case is not None and case["holder_id"] is None:
        desk.take(connection, case_id, member_id, pen.now)
    _say(connection, pen, said, case_id, member_id, group=True)
    return True


def _tapped(connection: sa.Connection, pen: Pen, said: Inbound, member_id: int, *, group: bool = False) -> bool:
    """A button of ours: "take.7", "decline.7", "close.7.solved", "meant.7.123"."""
    verb, *rest = (said.choice or "").split(".")
    if verb not in ("take", "decline", "close", "meant") or not rest or not all(part for part in rest):
        return False
    case_id = int(rest[0]) if rest[0].isdigit() else 0
    case = desk.find(connection, case_id)
    lane = f"telegram:{said.chat}#{case_id}" if group else ""
    if case is None:
        pen.member(said.chat, "Hồ sơ này không còn nữa.", lane=lane)
    elif verb == "take":
        if desk.take(connection, case_id, member_id, pen.now):
            held = "Bạn đã nhận. Trả lời (reply) vào tin này hoặc nhắn tiếp, bà con sẽ nhận được."
            ends = tuple((f"close.{case_id}.{end}", label) for end, label in
                         (("solved", "Xong rồi"), ("no_answer", "Không liên lạc được")))  # fmt: skip
            pen.member(said.chat, f"#{case_id}: {held}", ends, case_id=case_id, lane=lane)
        else:
            pen.member(said.chat, f"#{case_id}: đã có người khác nhận, hoặc bạn đang giữ đủ hồ sơ.", lane=lane)
    elif verb == "decline":
        desk.decline(connection, case_id, member_id, pen.now)
        pen.member(said.chat, f"#{case_id}: đã ghi, để mời người khác.", lane=lane)
    elif verb == "close" and len(rest) == 2 and rest[1] in _OUTCOMES:
        closed = desk.close(connection, case_id, member_id, _OUTCOMES[rest[1]], "", pen.now)
        text = "đã khép hồ sơ, cảm ơn bạn." if closed else "hồ sơ này đã khép hoặc không phải bạn giữ."
        pen.member(said.chat, f"#{case_id}: {text}", lane=lane)
    elif verb == "meant" and len(rest) == 2 and rest[1].isdigit():
        row = connection.execute(sa.select(_inbox.c.body, _inbox.c.chat).where(_inbox.c.id == int(rest[1]))).first()
        if row is not None and row.chat == said.chat:
            _say(connection, pen, record.read(Inbound, row.body), case_id, member_id)
    return True


def _say(
    connection: sa.Connection, pen: Pen, said: Inbound, case_id: int, member_id: int, *, group: bool = False
) -> None:
    provider_id = f"{said.channel}:{said.chat}:{said.message_id}"
    text = f"(sửa lại) {said.text}" if said.edited else said.text
    if said.edited:
        provider_id += f":{pen.inbox_id}"
    if not text and not said.attachments:
        pen.member(said.chat, "Tin này chưa gửi qua được cho bà con. Bạn gõ chữ hoặc gửi hình nhé.", case_id=case_id)
        return
    if not desk.say(connection, case_id, member_id, text, said.attachments, provider_id, pen.now):
        case = desk.find(connection, case_id)
        why = "đã khép" if case is None or case["closed_at"] is not None else "đang do người khác giữ"
        lane = f"telegram:{said.chat}#{case_id}" if group else ""
        pen.member(said.chat, f"Hồ sơ #{case_id} {why}, tin chưa gửi cho bà con.", lane=lane)


def _about(connection: sa.Connection, case_id: int) -> str:
    case = desk.find(connection, case_id)
    return f"#{case_id} {desk.resident_name(connection, case)}"[:40] if case is not None else f"#{case_id}"
