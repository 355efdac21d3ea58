"""What members write in their own messenger: a tap on an offer, a reply to a relayed message, words to a case.

A member with several open cases is asked which one is meant; nothing is ever sent to a resident on a guess. From their
own chat words wait a moment in which they can be taken back; in the team's group they go at once.
"""

import re
from datetime import timedelta

import sqlalchemy as sa

from api import away, carried, cases, commands, courses, crew, desk, held, linked, media, messenger, windows
from api.cases import Office
from api.outbox import Pen
from api.prepared import Prepared, Row
from api.tables import Case, Inbox, Member
from bot import record
from bot.model import (
    CaseClosed,
    CaseTaken,
    HandedBack,
    HeldWords,
    Inbound,
    Outcome,
    Undelivered,
)

_member = Member.__table__
_case = Case.__table__
_inbox = Inbox.__table__

_OF_TOPIC = Prepared(sa.select(_case).where(_case.c.topic_thread == sa.bindparam("thread")))

_OUTCOMES: dict[str, Outcome] = {"solved": "solved", "passed_on": "passed_on", "no_answer": "no_answer"}
_VERBS = ("take", "decline", "close", "meant", "show", "undo")


# --- what is heard ---------------------------------------------------------------------------------------------------


def hear(connection: sa.Connection, office: Office, pen: Pen, said: Inbound, member_id: int) -> bool:
    """A member's message in their private chat. False: nothing of the desk's, they talk to the bot like anyone."""
    now_open = _member.update().where(_member.c.id == member_id, _member.c.telegram_open.is_(False))
    connection.execute(now_open.values(telegram_open=True))
    if said.choice is not None:
        return _tapped(connection, office, pen, said, member_id)
    case_id = _meant(connection, said)
    mine = cases.held_by(connection, member_id)
    if case_id is None and away.hear(connection, pen, said, member_id):
        return True
    if said.text.startswith("/"):
        return _commanded(connection, office, pen, said, member_id, case_id)
    if case_id is None and not mine:
        return False
    case = cases.locked(connection, case_id or mine[0]["id"])
    if case is None:
        return False
    if case_id is None and said.edited:
        pen.member(said.chat, "Tin bạn vừa sửa chưa gửi cho ai. Muốn gửi, bạn nhắn lại nhé.")
    elif trouble := _unsendable(said, case):
        pen.member(said.chat, trouble)
    elif case_id is None and len(mine) > 1:
        buttons = tuple((f"meant.{one['id']}.{pen.inbox_id}", _about(connection, one)) for one in mine)
        pen.member(said.chat, "Tin này gửi cho ai ạ?", buttons)
    else:
        _address(connection, office, pen, said, case, member_id)
    return True


def hear_in_group(connection: sa.Connection, office: Office, pen: Pen, said: Inbound) -> bool:
    """The team's own group. Words in a case's topic, or a reply to its message, answer that resident, and take the case
    if it is free.

    Other talk is the team's own. False: the message answered, or the topic, is not known yet.
    """
    if said.choice is not None:
        _tapped(connection, office, pen, said, desk.enrol(connection, said, office, pen.now))
        return True
    case = _of_topic(connection, said.thread)
    if case is None and said.reply_to:
        found = _named_in(said.reply_text) or cases.case_of_message(connection, said.channel, said.chat, said.reply_to)
        case = cases.find(connection, found) if found else None
    if case is None:
        return not said.reply_to and not said.thread
    if said.text.startswith("/"):
        if commands.name_of(said.text) == "xong":
            _close(connection, office, pen, said, case, desk.enrol(connection, said, office, pen.now), "solved")
        return True
    if trouble := _unsendable(said, case):
        _tell(pen, office, said, case, trouble)
        return True
    member_id = desk.enrol(connection, said, office, pen.now)
    case = cases.locked(connection, case["id"]) or case
    free = case["holder_id"] is None and case["closed_at"] is None
    if free and not desk.take(connection, case["id"], member_id, pen.now, said.chat):
        case, free = cases.find(connection, case["id"]) or case, False  # somebody else's by now
    if refused := "" if free else _refusal(connection, case, member_id):
        _tell(pen, office, said, case, f"{_about(connection, case)}: {refused}")
    else:
        _say(connection, pen, _words(said, case, member_id, pen))
    return True


def let_go(connection: sa.Connection, pen: Pen, words: HeldWords) -> None:
    """The time to take words back is over: they go, unless the case changed hands meanwhile."""
    case = cases.locked(connection, words.case)
    if case is None:
        return
    about, chat = _about(connection, case), pen.conversation.removeprefix("telegram:")
    if refused := _refusal(connection, case, words.member):
        pen.member(chat, f"{about}: {refused}", case_id=words.case)
    else:
        _say(connection, pen, words)
        pen.member(chat, f"Đã gửi: {about}", case_id=words.case, edits=words.asked_by)


def undelivered(connection: sa.Connection, office: Office, pen: Pen, event: Undelivered) -> None:
    """A resident's channel will never take what a member wrote; `pen` is that resident's."""
    case = cases.open_of(connection, pen.conversation)
    if case is not None and case["holder_id"] is not None:
        holder = cases.member_of(connection, case["holder_id"])
        messenger.undelivered(pen, office, case, holder, cases.resident_name(connection, case), event.why)


def case_moved(connection: sa.Connection, office: Office, pen: Pen, event: CaseTaken | CaseClosed | HandedBack) -> None:
    """The topic of a case hears who took it, and is put away when it has ended."""
    case = cases.find(connection, event.case) if office.topics else None
    if case is None:
        return
    if isinstance(event, CaseTaken):
        messenger.taken(pen, office, case, event.member)
    elif case["closed_at"] is not None:
        messenger.ended(pen, office, case, cases.resident_name(connection, case))


# --- words to a resident ---------------------------------------------------------------------------------------------


def _named_in(text: str) -> int | None:
    """The case whose number a message of ours begins with: "#12 Bác Tư…", "Hồ sơ #12 ·…"."""
    number = re.match(r"(?:Hồ sơ )?#(\d{1,12})\b", text)
    return int(number[1]) if number else None


def _meant(connection: sa.Connection, said: Inbound) -> int | None:
    """The case that a message names by itself: by what it changes, or by what it answers."""
    if said.edited and (found := held.case_of(connection, said.chat, said.message_id)):
        return found
    if not said.reply_to:
        return None
    answered = _named_in(said.reply_text) or cases.case_of_message(connection, said.channel, said.chat, said.reply_to)
    return answered or held.case_of(connection, said.chat, said.reply_to)


def _unsendable(said: Inbound, case: Row) -> str:
    """Why a message cannot go to the resident of this case, for its writer; "" when it can."""
    if said.point is not None:
        return "Vị trí chưa gửi qua được cho bà con. Bạn gõ tên chỗ hẹn giúp nhé."
    if not said.text and not said.attachments and said.contact is None:
        return "Loại tin này chưa gửi qua được cho bà con. Bạn gõ chữ hoặc gửi hình nhé."
    elsewhere = not case["conversation"].startswith(f"{said.channel}:")
    if elsewhere and any(one.size_bytes > media.MOST_BYTES for one in said.attachments):
        most = media.MOST_BYTES // 1024 // 1024
        return f"Tệp này nặng quá {most} MB, chưa gửi qua được cho bà con. Bạn gửi bản nhỏ hơn nhé."
    return carried.refused(case["conversation"].partition(":")[0], said.attachments) if elsewhere else ""


def _refusal(connection: sa.Connection, case: Row, member_id: int) -> str:
    """Why this member cannot speak in this case now, for them; "" when they hold it."""
    if case["closed_at"] is not None:
        return "hồ sơ đã khép, tin chưa gửi cho bà con."
    if case["holder_id"] is None:
        return "hồ sơ chưa ai nhận, hoặc bạn đang giữ đủ hồ sơ; tin chưa gửi cho bà con."
    if case["holder_id"] == member_id:
        return ""
    holder = cases.member_of(connection, case["holder_id"])["called"]
    return f"hồ sơ đang do {holder} giữ, tin chưa gửi cho bà con."


def _address(connection: sa.Connection, office: Office, pen: Pen, said: Inbound, case: Row, member_id: int) -> None:
    """Words from a member's own chat to one case, which is locked: kept for a moment, then sent. They see to whom."""
    about = _about(connection, case)
    if refused := _refusal(connection, case, member_id):
        pen.member(said.chat, f"{about}: {refused}", case_id=case["id"])
        return
    if said.edited and held.change(connection, said.chat, said.message_id, _text(said), said.attachments):
        return
    changed = held.newest_case(connection, said.chat) != case["id"]
    held.remember(connection, said.chat, said.message_id, case["id"], pen.inbox_id)
    words = _words(said, case, member_id, pen)
    lines = [f"Đang trả lời: {about}"] if changed else []
    if said.secrets:
        lines.append("Mã, mật khẩu hay số giấy tờ trong tin đã được che trước khi gửi.")
    if not office.undo_seconds:
        _say(connection, pen, words)
        if lines:
            pen.member(said.chat, "\n".join(lines), case_id=case["id"])
        return
    held.hold(connection, said.chat, words, pen.now + timedelta(seconds=office.undo_seconds))
    whom = "" if changed else f" cho {about}"
    lines.append(f"Đang gửi{whom}… ({office.undo_seconds} giây, bấm Gỡ lại để bỏ)")
    undo = ((f"undo.{case['id']}.{said.message_id}", "Gỡ lại"),)
    pen.member(said.chat, "\n".join(lines), undo, case_id=case["id"])


def _words(said: Inbound, case: Row, member_id: int, pen: Pen) -> HeldWords:
    text = f"{held.AGAIN}{_text(said)}" if said.edited else _text(said)
    return HeldWords(
        case=case["id"], member=member_id, message_id=said.message_id, asked_by=pen.inbox_id, text=text,
        attachments=said.attachments,
    )  # fmt: skip


def _text(said: Inbound) -> str:
    return said.text or (said.contact.phone if said.contact else "")


def _say(connection: sa.Connection, pen: Pen, words: HeldWords) -> None:
    """One event of a member's is said once, however often it is handled."""
    said = f"telegram:{words.asked_by}"
    desk.say(connection, words.case, words.member, words.text, words.attachments, said, pen.now)


# --- taps and commands -----------------------------------------------------------------------------------------------


def _tapped(connection: sa.Connection, office: Office, pen: Pen, said: Inbound, member_id: int) -> bool:
    """A button of ours: "take.7", "decline.7", "close.7.solved", "meant.7.123", "show.7", "undo.7.88", "away.keep"."""
    verb, *rest = (said.choice or "").split(".")
    if verb == away.VERB:
        away.tapped(connection, pen, said, member_id, rest[0] if rest else "")
        return True
    if verb not in _VERBS or not rest or not all(rest):
        return False
    case = cases.find(connection, int(rest[0]) if rest[0].isdecimal() else 0)
    more = rest[1] if len(rest) == 2 else ""
    if case is None:
        pen.member(said.chat, "Hồ sơ này không còn nữa.")
        return True
    match verb:
        case "take":
            _take(connection, office, pen, said, case, member_id)
        case "decline":
            desk.decline(connection, case["id"], member_id, pen.now)
            _tell(pen, office, said, case, f"#{case['id']}: đã ghi, để mời người khác.")
        case "close" if more in _OUTCOMES:
            _close(connection, office, pen, said, case, member_id, _OUTCOMES[more])
        case "meant" if more.isdecimal():
            _told_which(connection, office, pen, said, case, member_id, int(more))
        case "show" if case["holder_id"] == member_id:
            pen.member(
                said.chat,
                "\n".join(cases.summary(office.library, case, cases.resident_name(connection, case))),
                _ends(case),
                case_id=case["id"],
            )
        case "undo":
            _undo(connection, pen, said, case, more)
        case _:
            pass  # a button of an older version
    return True


def _take(connection: sa.Connection, office: Office, pen: Pen, said: Inbound, case: Row, member_id: int) -> None:
    if desk.take(connection, case["id"], member_id, pen.now, said.chat):
        answer = "Trả lời (reply) vào tin này"
        own_topic = said.group and office.topics
        how = "Nhắn ở đây" if own_topic else answer if said.group else f"{answer} hoặc nhắn tiếp"
        text = f"{_about(connection, case)}: bạn đã nhận. {how}, bà con sẽ nhận được."
        if window := windows.left(connection, case["conversation"], pen.now):
            text += f" Kênh của bà con {window}."
        _tell(pen, office, said, case, text, _ends(case))
    else:
        _tell(pen, office, said, case, f"#{case['id']}: đã có người khác nhận, hoặc bạn đang giữ đủ hồ sơ.")


def _ends(case: Row) -> tuple[tuple[str, str], ...]:
    ends = (("solved", "Xong rồi"), ("no_answer", "Không liên lạc được"))
    return tuple((f"close.{case['id']}.{end}", label) for end, label in ends)


def _close(
    connection: sa.Connection,
    office: Office,
    pen: Pen,
    said: Inbound,
    case: Row,
    member_id: int,
    outcome: Outcome,
) -> None:
    """Words that still wait go first."""
    case = cases.locked(connection, case["id"]) or case
    if case["holder_id"] == member_id:
        for words in held.take_all(connection, said.chat, case["id"]):
            let_go(connection, pen, words)
    closed = desk.close(connection, case["id"], member_id, outcome, "", pen.now)
    text = "đã khép hồ sơ, cảm ơn bạn." if closed else "hồ sơ này đã khép hoặc không phải bạn giữ."
    _tell(pen, office, said, case, f"{_about(connection, case)}: {text}")


def _told_which(
    connection: sa.Connection,
    office: Office,
    pen: Pen,
    said: Inbound,
    case: Row,
    member_id: int,
    inbox_id: int,
) -> None:
    """For whom an earlier message was. Once: a second tap on the same question changes nothing."""
    row = connection.execute(sa.select(_inbox.c.body, _inbox.c.chat).where(_inbox.c.id == inbox_id)).first()
    if row is None or row.chat != said.chat or row.body.get("kind") != Inbound.__name__:
        return
    meant = record.read(Inbound, row.body)
    if (known := held.case_of(connection, said.chat, meant.message_id)) and not meant.edited:
        before = cases.find(connection, known)
        pen.member(said.chat, f"Tin này đã gửi cho {_about(connection, before) if before else f'#{known}'}.")
        return
    _address(connection, office, pen, meant, cases.locked(connection, case["id"]) or case, member_id)
    # what was asked loses its buttons
    pen.member(said.chat, f"Gửi cho {_about(connection, case)}.", case_id=case["id"], edits=inbox_id)


def _undo(connection: sa.Connection, pen: Pen, said: Inbound, case: Row, message_id: str) -> None:
    words = held.take_back(connection, said.chat, message_id)
    if words is None:
        pen.member(said.chat, f"{_about(connection, case)}: tin đã gửi rồi, không gỡ lại được.", case_id=case["id"])
        return
    text = f"Đã gỡ, {_about(connection, case)} không nhận được tin này."
    pen.member(said.chat, text, case_id=case["id"], edits=words.asked_by)


def _commanded(
    connection: sa.Connection, office: Office, pen: Pen, said: Inbound, member_id: int, case_id: int | None
) -> bool:
    """ "/..." in a member's own chat. False for the bot's own commands."""
    name = commands.name_of(said.text)
    if name not in commands.OURS and office.library.answers.command(said.text) is not None:
        return False
    mine = cases.held_by(connection, member_id)
    match name:
        case "truc":
            crew.come_back(connection, member_id, pen.now)
            pen.member(said.chat, commands.DUTY[name])
        case "nghi":
            desk.set_duty(connection, member_id, False, pen.now)
            pen.member(said.chat, commands.DUTY[name])
        case "hoso":
            buttons = tuple((f"show.{one['id']}", _about(connection, one)) for one in mine)
            pen.member(said.chat, "Hồ sơ bạn đang giữ:" if mine else "Bạn không giữ hồ sơ nào.", buttons)
        case "xong":
            meant = [case for case in mine if case_id in (None, case["id"])]
            if len(meant) == 1:
                _close(connection, office, pen, said, meant[0], member_id, "solved")
            else:
                buttons = tuple((f"close.{one['id']}.solved", _about(connection, one)) for one in meant)
                pen.member(said.chat, "Hồ sơ nào xong ạ?" if meant else "Bạn không giữ hồ sơ nào.", buttons)
        case "hoc":
            courses.open_in_chat(connection, office.library, pen, said.chat, said.text.partition(" ")[2].strip())
        case "ngatket":
            linked.unlink(connection, pen, said.chat, member_id)
        case _:
            pen.member(said.chat, commands.HELP)
    return True


# --- inside ----------------------------------------------------------------------------------------------------------


def _tell(
    pen: Pen,
    office: Office,
    said: Inbound,
    case: Row,
    text: str,
    choices: tuple[tuple[str, str], ...] = (),
) -> None:
    """Back to where it was written, in the case's own order."""
    if said.group:
        messenger.to_group(pen, office, case, text, choices=choices)
    else:
        pen.member(said.chat, text, choices, case_id=case["id"])


def _of_topic(connection: sa.Connection, thread: str) -> Row | None:
    return _OF_TOPIC.mapping(connection, {"thread": thread}) if thread else None


def _about(connection: sa.Connection, case: Row) -> str:
    return messenger.briefly(case, cases.resident_name(connection, case))
