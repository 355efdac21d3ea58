"""How long the slowest texts of 4,000 characters take: `python -m bench.worst`, the best of five, in ms of CPU.

Each is one piece repeated: what makes a regular expression start over, what holds most numbers, names, links.
"""

import time
from collections.abc import Callable
from pathlib import Path

from bot.library import entries, load_flows
from knowledge import articles
from knowledge.places import Gazetteer
from knowledge.scams import ScamCheck
from knowledge.search import Index
from knowledge.secrets import redact

ROOT = Path(__file__).parents[1]
_LENGTH, _TRIES = 4000, 5
_PASTED = "[10:22, 21/11/2026] Cô Ba: con ơi coi giùm cô\n[10:23, 21/11/2026] Tư: dạ mã 482910, stk 0123456789\n"
_MESSAGE = "VCB: Tai khoan cua quy khach bi khoa. Truy cap https://vcb-mo.top, goi 0912345678. OTP 482910 "
PIECES = (
    "0", "482910 ", "4 8 2 9 1 0 ", "0918222333 ", "0918 222 333, ", "1234 ", "1-", "1/", "1.2.", "a0", "0a ",
    " ", "\n", "a", "ệ", "😀", ".,;:", "a@", "a.b.c.", "a-b-c-", "V A Y T I E N ", "con ơi ", "làm ", "bốn tám ",
    "mã là ", "mật khẩu ", "mk là a1 ", "pass a1b2c3 ", "otp 4829 ", "stk 1234 ", "cccd ", "thẻ 4111 1111 ",
    "12/05/2021 ", "5.000.000đ ", "+84 ", "xã Mỹ Hiệp ", "ấp 3 phường 5 ", "tp hcm q1 p2 ", "maatj khaaur ",
    "ab{}.top ", "https://vcb{}.com/x ", "ngân hàng chuyển tiền gấp ", "[đã che mã OTP] ", _PASTED, _MESSAGE,
)  # fmt: skip


def main() -> None:
    index = Index.load(
        ROOT / "knowledge" / "topics",
        entries(load_flows(ROOT / "bot" / "flows").values(), articles.load(ROOT / "knowledge" / "articles")),
    )
    readers: dict[str, Callable[[str], object]] = {
        "ask": index.ask,
        "place": Gazetteer.load(ROOT / "knowledge" / "places").find,
        "scam": ScamCheck.load(ROOT / "knowledge" / "scams").assess,
        "redact": redact,
    }
    slowest = dict.fromkeys(readers, (0.0, ""))
    for piece in PIECES:
        text = "".join(piece.replace("{}", str(at)) for at in range(_LENGTH))[:_LENGTH]
        for name, read in readers.items():
            slowest[name] = max(slowest[name], (_spent_ms(read, text), piece))
    for name, (spent_ms, piece) in slowest.items():
        print(f"{name}: {spent_ms:.0f} ms, {piece!r}")


def _spent_ms(read: Callable[[str], object], text: str) -> float:
    spent = []
    for _ in range(_TRIES):
        started = time.process_time()
        read(text)
        spent.append(time.process_time() - started)
    return min(spent) * 1000


if __name__ == "__main__":
    main()
