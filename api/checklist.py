"""`gocua channel probe`: what only a live account can settle, by channel. Asked once, with the operator's phone beside.

The report holds no token, no name and nobody's words.
"""

import asyncio
import json
import os
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from api.findings import ZaloKeys
from api.live_probe import Item, Probe, ProbeError, zalo_told
from api.probing import GRAPH, Prober
from api.settings import Settings
from bot.channel import Outgoing
from bot.channels._wire import fields, items, word
from bot.channels.messenger import INBOX_APP, Messenger
from bot.channels.zalo_oa import Buttons
from bot.model import Choice

NOTHING = "không thấy gì tới: xem webhook và các sự kiện trong màn hình của nhà cung cấp"
FORMS: tuple[Buttons, ...] = ("form1", "form3")
_FRUITS = ("cam", "xoài", "mận", "ổi", "dừa", "bưởi", "chuối", "me", "táo", "nho")


# --- items: each tells what was found -------------------------------------------------------------------------------


async def _hello(probe: Probe) -> str:
    words = f"thử kênh {secrets.choice(_FRUITS)} {secrets.choice(_FRUITS)}"
    row = await probe.said(f"Dùng điện thoại nhắn vào kênh đúng câu: {words}", lambda body: body.get("text") == words)
    if row is None:
        return NOTHING
    probe.chat = row["chat"]
    return "tin từ điện thoại tới được máy"


async def _signed(probe: Probe) -> str:
    row = probe.seen("user_send_text")
    return f"khớp cách {row['verified']}" if row and row["verified"] else "chưa biết: nhật ký kênh chưa có dòng nào"


async def _buttons(probe: Probe) -> str:
    if not probe.chat:
        return "bỏ qua: chưa biết điện thoại nào là của người thử"
    choices = (Choice(id="thu:1", label="Nút một"), Choice(id="thu:2", label="Nút hai"))
    told = []
    for form in FORMS:
        out = Outgoing(chat=probe.chat, text=f"Thử nút {form}", choices=choices, choice_ids=("thu.1", "thu.2"))
        answer = await probe.zalo_sends(out, form)
        if answer.startswith("nhận"):
            shown = probe.ask(f"  Điện thoại có hiện hai nút “Nút một”, “Nút hai” không ({form})? c/k: ")
            answer += ", hiện nút" if shown.strip().lower().startswith("c") else ", không hiện nút"
        told.append(f"{form}: {answer}")
    return "; ".join(told)


async def _long(probe: Probe) -> str:
    if not probe.chat:
        return "bỏ qua: chưa biết điện thoại nào là của người thử"
    user = probe.chat.partition("@")[0]
    sent = {"recipient": {"user_id": user}, "message": {"text": "x" * 2001}}
    headers = {"access_token": probe.zalo.access}
    base = probe.settings.zalo_oa_api.rstrip("/")
    return f"tin 2.001 chữ: {zalo_told(await probe.prober.ask(f'{base}/v3.0/oa/message/cs', sent, headers))}"


async def _receipts(probe: Probe) -> str:
    row = await probe.came("Mở cuộc trò chuyện với OA trên điện thoại, xem tin vừa tới.", "user_seen", "user_received")
    return f"tới dạng “{row['kind']}”" if row else NOTHING


async def _echo(probe: Probe) -> str:
    row = probe.seen("oa_send_")
    told = f"tin của máy vọng lại dạng “{row['kind']}”" if row else "tin của máy không vọng lại"
    by_hand = await probe.came("Vào oa.zalo.me, trả lời cuộc trò chuyện đó một câu.", "oa_send_")
    return f"{told}; người trả lời: {'“' + by_hand['kind'] + '”' if by_hand else 'không thấy'}"


async def _console(probe: Probe) -> str:
    row = await probe.came("Vào trang Webhook của ứng dụng, bấm nút Test ở một sự kiện.", "probe")
    return f"tới dạng “{row['kind']}”" if row else NOTHING


async def _gif(probe: Probe) -> str:
    row = await probe.came("Gửi một hình động (GIF) vào kênh.", "user_send_gif")
    return "có tới" if row else "không tới: sự kiện đang tắt, hoặc Zalo không gửi"


async def _package(probe: Probe) -> str:
    headers = {"access_token": probe.zalo.access}
    got = await probe.prober.ask(f"{probe.settings.zalo_oa_api.rstrip('/')}/v2.0/oa/getoa", headers=headers)
    about = fields(got.fields.get("data"))
    kept = ("oa_type", "is_verified", "package_name", "package_valid_through_date", "linked_ZCA")
    told = ", ".join(f"{name}: {about[name]}" for name in kept if name in about)
    return told or f"không hỏi được, {zalo_told(got)}"


async def _quota(probe: Probe) -> str:
    if not probe.chat:
        return "bỏ qua: chưa biết điện thoại nào là của người thử"
    out = Outgoing(chat=probe.chat, text="Thử hạn mức. Bác không cần trả lời.")
    return f"tin thử trong 48 giờ: {await probe.zalo_sends(out)}"


async def _photo(probe: Probe) -> str:
    """How long a provider keeps a file: each run looks at the addresses of the runs before it."""
    kept = probe.settings.data_folder / f"gocua-probe-{probe.name}.urls"
    old = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else []
    told = []
    for one in old:
        alive = (await probe.prober.ask(one["url"])).status
        told.append(f"hình từ {one['at']}: {'còn' if alive == 200 else f'mất (mã {alive})'}")

    def sent_photo(body: dict[str, Any]) -> bool:
        files = [fields(one) for one in items(body.get("attachments"))]
        return body.get("chat") == probe.chat and any(word(one.get("ref")).startswith("https://") for one in files)

    row = await probe.said("Gửi một tấm hình bất kỳ (không có mặt ai, không có giấy tờ).", sent_photo)
    if row is None:
        return "; ".join([*told, NOTHING])
    url = next(word(fields(one).get("ref")) for one in items(row["body"]["attachments"]))
    fresh = {"at": f"{probe.now():%d/%m/%Y %H:%M}", "url": url}
    descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump([*old, fresh], file)
    return "; ".join([*told, "hình mới đã ghi lại: chạy lại lệnh này sau 1 giờ, 1 ngày, 7 ngày để xem còn không"])


async def _wrapping(probe: Probe) -> str:
    row = probe.seen("message.")
    return f"tới dạng “{row['kind']}”" if row else "chưa biết: nhật ký kênh chưa có dòng nào"


async def _routing(probe: Probe) -> str:
    """Gives the operator's own talk to the page's inbox, and takes it back at once."""
    if not probe.chat:
        return "bỏ qua: chưa biết điện thoại nào là của người thử"
    settings = probe.settings
    page = Messenger("", "", settings.messenger_page_token.get_secret_value(), settings.messenger_app_id, GRAPH)
    told = []
    calls = (("giao cho hộp thư", page.pass_thread(probe.chat, INBOX_APP)), ("lấy lại", page.take_thread(probe.chat)))
    for what, call in calls:
        got = await probe.prober.ask(settings.messenger_api.rstrip("/") + call.path, json.loads(call.body))
        error = fields(got.fields.get("error"))
        refused = f"từ chối, mã {word(error.get('code'))}: {word(error.get('message'))[:100]}"
        told.append(f"{what}: {'được' if got.status == 200 else refused}")
    return "; ".join(told)


async def _human_agent(probe: Probe) -> str:
    said = probe.ask("  Vào App Review, Permissions and features, tìm Human Agent. Nó ghi gì (chép vài chữ)? ")
    return " ".join(said.replace("|", "/").split())[:80] or "không xem"


async def _privacy(probe: Probe) -> str:
    token = probe.settings.telegram_token.get_secret_value()
    got = await probe.prober.ask(f"{probe.settings.telegram_api.rstrip('/')}/bot{token}/getMe")
    reads = fields(got.fields.get("result")).get("can_read_all_group_messages")
    if not isinstance(reads, bool):
        return "không hỏi được"
    return "đọc hết tin trong nhóm" if reads else "chỉ thấy tin trả lời nó, và lệnh"


ITEMS: dict[str, tuple[Item, ...]] = {
    "zalo_oa": (
        ("tin đầu tiên", _hello),
        ("webhook ký theo cách nào", _signed),
        ("gói và xác thực của OA", _package),
        ("nút bấm", _buttons),
        ("tin quá dài", _long),
        ("hạn mức trả lời", _quota),
        ("báo đã xem: phía nào là người gửi", _receipts),
        ("tin của OA vọng lại", _echo),
        ("tin thử của màn hình Webhook", _console),
        ("hình động", _gif),
        ("địa chỉ hình sống bao lâu", _photo),
    ),
    "zalo_bot": (
        ("tin đầu tiên", _hello),
        ("webhook phẳng hay bọc", _wrapping),
        ("địa chỉ hình sống bao lâu", _photo),
    ),
    "messenger": (
        ("tin đầu tiên", _hello),
        ("định tuyến hội thoại", _routing),
        ("quyền Human Agent", _human_agent),
        ("địa chỉ hình sống bao lâu", _photo),
    ),
    "telegram": (
        ("bot thấy gì trong nhóm", _privacy),
        ("tin đầu tiên", _hello),
    ),
}


def take(
    name: str,
    settings: Settings,
    keys: Mapping[str, ZaloKeys],
    now: Callable[[], datetime],
    tell: Callable[[str], None],
    ask: Callable[[str], str],
) -> Path:
    """The whole run, and where its report lies: beside the database. Raises ProbeError."""
    if name not in ITEMS:
        raise ProbeError(f"không có kênh {name!r}: chọn {', '.join(ITEMS)}")
    if not _is_on(name, settings):
        raise ProbeError(f"kênh {name} đang tắt: xem docs/channels/{name.replace('_', '-')}.md")
    accounts = settings.zalo_accounts()
    zalo = keys.get(accounts[0].oa, ZaloKeys()) if accounts else ZaloKeys()
    if name == "zalo_oa" and not zalo.access:
        raise ProbeError("chưa có khoá của OA: chạy `gocua zalo connect` và để dịch vụ chạy")

    async def run() -> str:
        async with Prober(settings) as prober:
            probe = Probe(name=name, settings=settings, engine=engine, prober=prober, now=now, tell=tell, ask=ask,
                          zalo=zalo)  # fmt: skip
            return await probe.run(ITEMS[name])

    engine = sa.create_engine(settings.database_url, hide_parameters=True)
    try:
        report = asyncio.run(run())
    finally:
        engine.dispose()
    file = settings.data_folder / f"gocua-probe-{name}.md"
    file.write_text(report, encoding="utf-8")
    return file


def _is_on(name: str, settings: Settings) -> bool:
    if name == "zalo_oa":
        return bool(settings.zalo_accounts())
    token = {
        "zalo_bot": settings.zalo_bot_token,
        "messenger": settings.messenger_page_token,
        "telegram": settings.telegram_token,
    }[name]
    return bool(token.get_secret_value())
