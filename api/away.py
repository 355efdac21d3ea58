"""A member's own leave, told in their own chat: "nghỉ đến 25/11", "đi làm lại", and what becomes of what they hold.

Only a message that says nothing else is taken for this: all other words are for a resident.
"""

import sqlalchemy as sa

from api import cases, commands, crew, directory, messenger
from api.outbox import Pen
from bot.model import Inbound
from bot.said import VIETNAM

#: "away.pass", "away.keep"
VERB = "away"
_CHOICES = ((f"{VERB}.pass", "Chuyển người khác ngay"), (f"{VERB}.keep", "Để tôi làm nốt"))
_BACK = "Chào bạn trở lại! Bạn đang trực: có bà con cần giúp, lời mời sẽ đến ở đây."


def hear(connection: sa.Connection, pen: Pen, said: Inbound, member_id: int) -> bool:
    """False: it is about something else."""
    today = pen.now.astimezone(VIETNAM).date()
    if commands.is_back(said.text) or (said.text.startswith("/") and commands.name_of(said.text) == "dilam"):
        crew.come_back(connection, member_id, pen.now, for_good=True)
        pen.member(said.chat, _BACK)
        return True
    days = commands.days_off(said.text, today)
    if days is None:
        return False
    if not today <= days.first <= days.last <= days.first + crew.MOST_OWN_LEAVE:
        most = crew.MOST_OWN_LEAVE.days
        text = f"Chưa ghi được: ngày đã qua, hoặc nghỉ hơn {most} ngày thì nhờ trưởng nhóm ghi. Ví dụ: nghỉ đến 25/11."
        pen.member(said.chat, text)
        return True
    held = crew.take_leave(connection, member_id, days.first, days.last, pen.now)
    lines = [f"Đã ghi bạn nghỉ {commands.which_days(days.first, days.last, today)}, không có lời mời mới trong lúc đó. "
             "Muốn trực lại sớm, nhắn “đi làm lại”."]  # fmt: skip
    if held and days.first == today:
        about = ", ".join(messenger.briefly(one, cases.resident_name(connection, one)) for one in held)
        minutes = int(crew.CHOOSE.total_seconds() // 60)
        lines.append(f"Bạn còn giữ {about}. Sau {minutes} phút sẽ mời người khác giúp bà con, trừ khi bạn làm nốt.")
        pen.member(said.chat, "\n".join(lines), _CHOICES)
        return True
    if held:
        lines.append("Hồ sơ nào còn giữ lúc đó sẽ mời người khác giúp bà con.")
    pen.member(said.chat, "\n".join(lines))
    return True


def tapped(connection: sa.Connection, pen: Pen, said: Inbound, member_id: int, verb: str) -> None:
    if directory.away_until(connection, member_id, pen.now.astimezone(VIETNAM).date()) is None:
        pen.member(said.chat, "Bạn không còn nghỉ, hồ sơ vẫn của bạn.")  # a button of long ago
    elif verb == "keep":
        crew.keep(connection, member_id, pen.now)
        pen.member(said.chat, "Dạ, hồ sơ bạn đang giữ vẫn của bạn. Xong thì khép lại giúp nhé.")
    elif verb == "pass":
        passed = crew.hand_on(connection, member_id, pen.now)
        text = (
            f"Đã chuyển {passed} hồ sơ, bà con được báo có người khác giúp." if passed else "Bạn không giữ hồ sơ nào."
        )
        pen.member(said.chat, text)
