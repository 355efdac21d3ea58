"""How people of the team are told things: topics, steps, outcomes, and times of day in Vietnam. Knows no tables."""

from datetime import datetime

from bot.flow import Ask, Go, Step, Waiting
from bot.library import Library
from bot.said import VIETNAM

OUTCOMES = {
    "solved": "Xong rồi",
    "visit": "Hẹn đến nhà",
    "passed_on": "Chuyển nơi khác",
    "no_answer": "Không liên lạc được",
    "resident_left": "Bác đã quay lại với bot",
    "handed_back": "Giao lại cho bot dẫn tiếp",
}
#: why a case changes hands; the log keeps the code, never anybody's own words
REASONS = {
    "busy": "đang bận",
    "skill": "không rành việc này",
    "near": "cần người ở gần bác",
    "shift": "hết ca trực",
    "leave": "nghỉ phép",
    "late": "bác chờ lâu quá",
    "other": "lý do khác",
}
FATES = {
    "stored": "",
    "waiting": "đang gửi",
    "sent": "đã gửi",
    "failed": "không gửi được",
    "unknown": "chưa rõ đã tới chưa",
}
#: answers that no flow of today asks for, by their key
_ANSWERS = {"so_dien_thoai": "Số điện thoại"}
_LONGEST_QUOTE = 90


def topic(library: Library, slug: str, flow: str) -> str:
    """The flow's title when they stood in one, else the topic's name."""
    if flow in library.flows:
        return library.flows[flow].title
    return topics(library).get(slug, "Việc khác")


def step(library: Library, slug: str, flow_id: str, step_id: str) -> str:
    """ "Tạo tài khoản VNeID, bước 3 trong 12: “Mở CH Play…”"; the flow may have been edited meanwhile."""
    flow = library.flows.get(flow_id)
    if flow is None:
        return topic(library, slug, flow_id)
    if step_id not in flow.steps:
        return flow.title
    number = list(flow.steps).index(step_id) + 1
    said = _first_line(flow.steps[step_id])
    return f"{flow.title}, bước {number} trong {len(flow.steps)}" + (f": “{said}”" if said else "")


def steps(library: Library, flow_id: str) -> tuple[tuple[str, str, bool], ...]:
    """(step id, its first words, whether the resident is asked something there) of every step that says something."""
    flow = library.flows.get(flow_id)
    found = ((one, _first_line(one)) for one in flow.steps.values()) if flow else ()
    return tuple((one.id, line, isinstance(one, Waiting)) for one, line in found if line)


def topics(library: Library) -> dict[str, str]:
    """What each topic is called, as residents read it in the menu and in its order."""
    return {one.id: one.name for one in library.topics}


def question(library: Library, flow_id: str, key: str) -> str:
    """What the resident was asked for the answer kept under `key`: in this flow, else in any; else the key itself."""
    here = [flow for flow in (library.flows.get(flow_id),) if flow]
    for flow in (*here, *library.flows.values()):
        for one in flow.steps.values():
            if isinstance(one, Ask) and one.key == key:
                return _first_line(one)
    return _ANSWERS.get(key) or key.replace("_", " ")


def moment(at: datetime, now: datetime) -> str:
    """ "14:05", "hôm qua 14:05" or "19/11 14:05", in Vietnam."""
    there, today = at.astimezone(VIETNAM), now.astimezone(VIETNAM).date()
    days = (today - there.date()).days
    if days == 0:
        return f"{there:%H:%M}"
    return f"hôm qua {there:%H:%M}" if days == 1 else f"{there:%d/%m %H:%M}"


def today(now: datetime) -> str:
    """Vietnam's day as "2026-11-24"."""
    return now.astimezone(VIETNAM).date().isoformat()


def waited(since: datetime, now: datetime) -> str:
    """ "mới đây", "12 phút", "3 giờ", "2 ngày"."""
    minutes = int((now - since).total_seconds() // 60)
    if minutes < 1:
        return "mới đây"
    if minutes < 60:
        return f"{minutes} phút"
    return f"{minutes // 60} giờ" if minutes < 48 * 60 else f"{minutes // (24 * 60)} ngày"


def day(iso: str) -> str:
    """ "2026-11-24" as "24/11/2026"."""
    return "/".join(reversed(iso.split("-")))


def _first_line(one: Step) -> str:
    text = "" if isinstance(one, Go) else one.text
    line = text.strip().partition("\n")[0]
    return line if len(line) <= _LONGEST_QUOTE else line[:_LONGEST_QUOTE].rsplit(" ", 1)[0] + "…"
