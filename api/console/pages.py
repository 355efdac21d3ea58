"""The console's pages as HTML answers: templates, headers, the two files they load. Decides nothing."""

import hashlib
from datetime import date
from pathlib import Path

from fastapi import HTTPException
from fastapi.responses import FileResponse, HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api import words

_HERE = Path(__file__).parent
_STATIC = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "wake.js": "text/javascript; charset=utf-8",
    "worker.js": "text/javascript; charset=utf-8",
    "icon-192.png": "image/png",
    "icon-512.png": "image/png",
}
#: "same-origin", not "no-referrer": under that one a browser hides the Origin of our own forms
SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}
_PAGE = {
    **SAFE,
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
}
#: what a page says after an act, by the code in its address: no words come in from outside
NOTICES = {
    "taken": "Mình đã nhận việc này. Bác đã được báo.",
    "lost": "Chưa nhận được: đã có người khác nhận, hoặc mình đang giữ đủ số việc.",
    "declined": "Đã báo không nhận được. Việc được mời người khác.",
    "closed": "Đã khép lại. Cảm ơn mình đã giúp bác.",
    "gone": "Việc này không còn ở chỗ mình, hoặc đã khép lại.",
    "empty": "Ô còn trống. Viết vài chữ rồi bấm lại.",
    "noted": "Đã ghi chú. Chỉ tổ thấy, bác không thấy.",
    "asked": "Đã nhờ. Người đó đọc được việc này và ghi chú cho mình.",
    "let_go": "Người đó không còn xem việc này nữa.",
    "choose": "Chọn một người hoặc một tổ rồi bấm lại.",
    "too_many": "Nhiều quá rồi. Bớt một rồi thêm.",
    "no_step": "Bước này không gửi được. Chọn bước khác.",
    "shown": "Đã gửi bước đó cho bác. Mình vẫn giữ việc này.",
    "handed_back": "Đã giao lại cho bot dẫn tiếp. Việc khép lại.",
    "passed": "Đã chuyển. Bác đã được báo ai sẽ giúp tiếp.",
    "full": "Chưa chuyển được: người đó đang giữ đủ việc, đang nghỉ phép, hoặc việc vừa khép.",
    "visit_asked": "Đã ghi vào sổ đến nhà. Nhắn bác ngày giờ giúp nhé.",
    "visit_ended": "Đã ghi.",
    "no_day": "Chọn ngày đến nhà, từ hôm nay trở đi.",
    "kept": "Đã cất câu này.",
    "dropped": "Đã bỏ câu này.",
    "saved": "Đã lưu.",
    "left": "Đã ghi nghỉ. Việc đang giữ được mời người khác.",
    "away": "Đã ghi nghỉ. Trưởng nhóm đã được báo.",
    "bad_days": "Chưa ghi: ngày đã qua, ngày cuối trước ngày đầu, hoặc nghỉ quá 90 ngày.",
    "kept_cases": "Việc đang giữ vẫn của mình. Xong thì khép lại giúp.",
    "handed_on": "Đã chuyển. Bà con được báo có người khác giúp.",
    "back": "Mình đang trực lại.",
    "notice_written": "Đã lưu bản nháp. Coi lại bên dưới rồi gửi lên duyệt.",
    "notice_ask": "Đã gửi lên duyệt. Người phụ trách cấp trên coi rồi mới gửi đi.",
    "notice_approve": "Đã duyệt. Tin được gửi từ từ, trong giờ ban ngày.",
    "notice_return": "Đã trả lại cho người viết, kèm lý do.",
    "notice_stop": "Đã dừng. Tin nào chưa đi thì không đi nữa.",
    "notice_not": "Chưa làm được: tin đã đổi, đã hết hạn, hoặc không phải phần mình.",
    "notice_long": "Dài quá. Rút ngắn lại rồi lưu.",
    "no_channel": "Chọn ít nhất một kênh.",
    "no_commune": "Chọn xã, phường trong phần mình phụ trách.",
    "no_reason": "Viết vài chữ vì sao trả lại.",
    "bad_times": "Chưa lưu: hạn gửi phải sau lúc bắt đầu, chưa qua, và trong 60 ngày tới.",
    "right": "Đúng rồi.",
    "masked": "Trong lời vừa gửi có mã hay mật khẩu, máy đã che đi trước khi gửi.",
}


class Pages:
    def __init__(self) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._templates.globals.update(
            moment=words.moment, waited=words.waited, day=words.day, fates=words.FATES, fingerprint=_fingerprint()
        )

    def answer(self, template: str, status: int = 200, **values: object) -> HTMLResponse:
        return HTMLResponse(self._templates.get_template(template).render(values), status, headers=_PAGE)


def day_of(iso: str) -> date | None:
    """What a field for a day sent; None for anything else."""
    try:
        return date.fromisoformat(iso)
    except ValueError:
        return None


def is_day_to_come(iso: str, today: date) -> bool:
    day = day_of(iso)
    return day is not None and day >= today


def plain(message: str, status: int) -> Response:
    """A few words for the page's own script."""
    return Response(message, status, headers=_PAGE, media_type="text/plain; charset=utf-8")


def static(name: str) -> Response:
    """A file of ours; its address carries its fingerprint, so a browser need never ask again."""
    if name not in _STATIC:
        raise HTTPException(404)
    headers = {**SAFE, "Cache-Control": "public, max-age=31536000, immutable"}
    return FileResponse(_HERE / "static" / name, media_type=_STATIC[name], headers=headers)


def _fingerprint() -> str:
    return hashlib.sha256(b"".join((_HERE / "static" / name).read_bytes() for name in _STATIC)).hexdigest()[:12]
