"""What members see of a case in their messenger: the offer, the resident's words, the topic in the team's group.

Every line names its case and its resident, so that two cases in one chat are never mistaken for each other. Composes
and hands to the pen; reads and decides nothing.
"""

from typing import TYPE_CHECKING, Any

from api.outbox import Pen
from api.prepared import Row
from api.words import topic as topic_name
from bot import place_talk
from bot.library import Library
from bot.model import Attachment, MediaKind, Place, Relay

if TYPE_CHECKING:
    from api.cases import Office

#: letters of our own words that are shown when a resident answers them
MOST_QUOTED = 60
#: a file without words is told by its kind
_WORDLESS: dict[MediaKind, str] = {
    "photo": "(hình)", "voice": "(ghi âm)", "audio": "(âm thanh)", "video": "(phim)", "note": "(phim tròn)",
    "animation": "(hình động)", "file": "(tệp)", "sticker": "(nhãn dán)",
}  # fmt: skip
_UNDELIVERED = {
    "blocked": "tin của bạn không tới được: bà con đã chặn hoặc rời khỏi kênh này. Gọi điện hay ghé nhà nếu cần.",
    "window": "tin vừa rồi không gửi được: bà con im lâu quá nên kênh này đã khoá chiều nhắn tới. Gọi điện hay "
    "ghé nhà; khi bà con nhắn lại thì gửi tiếp được.",
    "unknown": "không rõ tin vừa rồi của bạn đã tới bà con chưa (mạng đứt giữa chừng). Hỏi lại bà con, hoặc gửi lại.",
    "refused": "tin vừa rồi của bạn không gửi tới bà con được. Thử gửi chữ, hoặc hình nhỏ hơn.",
}
_IN_TOPIC = "Nhắn trong chủ đề này là bà con nhận được. Bắt đầu bằng // là nói riêng trong tổ."


def who(library: Library, case: Row, name: str) -> str:
    """ "#12 Bác Tư, ấp 3, xã Mỹ An Hưng"; `name` as cases.resident_name gives it."""
    try:
        place = Place(commune=case["commune"], hamlet=case["hamlet"])
        where = place_talk.name(library, place) if case["commune"] else ""
    except KeyError:  # a code of an older place pack
        where = case["hamlet"]
    return ", ".join(part for part in (_titled(case, name), where) if part)


def briefly(case: Row, name: str) -> str:
    """ "#12 Bác Tư, ấp 3"."""
    return ", ".join(part for part in (_titled(case, name), case["hamlet"]) if part)


def chat_of(member: Row | None) -> str:
    """Their own chat, when they can be written to there; else ""."""
    return str(member["telegram_chat"]) if member is not None and member["telegram_open"] else ""


def opened(pen: Pen, office: "Office", case: Row, lines: tuple[str, ...], name: str) -> None:
    """A case that is new, or open once more, before the team's group: in its own topic where the team wants that."""
    if not office.team_chat:
        return
    text = "\n".join(lines)
    if office.topics:
        kind = topic_name(office.library, case["topic"], case["flow"])
        called = " · ".join(part for part in (_titled(case, name), case["hamlet"], kind) if part)
        pen.member(office.team_chat, called, case_id=case["id"], lane=_lane(office, case), topic="again")
        text = f"{text}\n{_IN_TOPIC}"
    to_group(pen, office, case, text, choices=((f"take.{case['id']}", "Nhận"),))


def offered(pen: Pen, office: "Office", case: Row, member: Row, lines: tuple[str, ...]) -> None:
    if chat := chat_of(member):
        buttons = ((f"take.{case['id']}", "Nhận"), (f"decline.{case['id']}", "Không nhận được"))
        pen.member(chat, "\n".join(lines), buttons, case_id=case["id"])
    else:
        alert(pen, office, case, member, "có bà con cần giúp. Mở để nhận")


def alert(pen: Pen, office: "Office", case: Row, member: Row, what: str) -> None:
    """To the Zalo bot of a member who has no Telegram: that there is something, and where; nobody's words."""
    if member["alert_chat"] and not chat_of(member):
        where = f": {office.public_url}/team/case/{case['id']}" if office.public_url else " bàn của tổ."
        pen.member(member["alert_chat"], f"Hồ sơ #{case['id']}: {what}{where}", case_id=case["id"], channel="zalo_bot")


def relayed(pen: Pen, office: "Office", case: Row, holder: Row | None, name: str, said: Relay, answered: str) -> None:
    """A resident's words to whoever holds their case; while it waits, to the team's group and the console.

    `answered` are the words of ours that they answer, where their channel says so.
    """
    wordless = _WORDLESS[said.attachments[0].kind] if said.attachments else ""
    quoted = f"(trả lời “{_shortened(answered)}”) " if answered else ""
    text = f"{who(office.library, case, name)}: {quoted}{said.text or wordless}"
    to_holder(pen, office, case, holder, text, said.attachments)


def taken(pen: Pen, office: "Office", case: Row, called: str) -> None:
    """The topic is told who answers from another place."""
    if office.topics and case["served_in"] != office.team_chat:
        to_group(pen, office, case, f"#{case['id']}: {called} đã nhận.")


def left(pen: Pen, office: "Office", case: Row, holder: Row | None, name: str) -> None:
    """The resident went back to the bot, and so ended the case."""
    if holder is not None:
        gone = "đã quay lại với trợ lý tự động. Hồ sơ khép lại."
        to_holder(pen, office, case, holder, f"{briefly(case, name)} {gone}")
    ended(pen, office, case, name)


def ended(pen: Pen, office: "Office", case: Row, name: str) -> None:
    """However it ended: the topic is put away."""
    if office.topics:
        called = f"✅ {briefly(case, name)}"
        pen.member(office.team_chat, called, case_id=case["id"], lane=_lane(office, case), topic="done")


def undelivered(pen: Pen, office: "Office", case: Row, holder: Row | None, name: str, why: str) -> None:
    """The holder learns that their words did not reach the resident."""
    to_holder(pen, office, case, holder, f"{briefly(case, name)}: {_UNDELIVERED[why]}")


def to_holder(
    pen: Pen,
    office: "Office",
    case: Row,
    holder: Row | None,
    text: str,
    attachments: tuple[Attachment, ...] = (),
) -> None:
    """To where the holder serves the case: their own chat, or the team's group. A topic always hears it too."""
    own = chat_of(holder)
    in_group = bool(office.team_chat) and (not own or case["served_in"] == office.team_chat)
    if in_group or office.topics:
        to_group(pen, office, case, text, attachments)
    if own and not in_group:
        pen.member(own, text, attachments=attachments, case_id=case["id"])
    if holder is not None and not own:
        alert(pen, office, case, holder, "có tin mới. Mở xem")


def to_group(
    pen: Pen,
    office: "Office",
    case: Row,
    text: str,
    attachments: tuple[Attachment, ...] = (),
    choices: tuple[tuple[str, str], ...] = (),
) -> None:
    """To the team's group, where each case keeps its own order, so that none waits for another."""
    pen.member(office.team_chat, text, choices, attachments, **place_in_group(office, case))


def place_in_group(office: "Office", case: Row) -> dict[str, Any]:
    """What Pen.member must know of a case's place in the group."""
    return {"case_id": case["id"], "lane": _lane(office, case), "topic": "in" if office.topics else ""}


def _shortened(text: str) -> str:
    first = text.strip().partition("\n")[0]
    return first if len(first) <= MOST_QUOTED else first[: MOST_QUOTED - 1].rstrip() + "…"


def _lane(office: "Office", case: Row) -> str:
    return f"telegram:{office.team_chat}#{case['id']}"


def _titled(case: Row, name: str) -> str:
    return f"#{case['id']} {name if name.startswith('Bác ') else f'Bác {name}'}"
