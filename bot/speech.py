"""Texts as they are read aloud: abbreviations, numbers, dates and addresses in the words that a person would say.

Words in, words out, never a sound: an engine of the operator makes that. speech.yaml says how abbreviations are
spoken; what it does not know is left to the engine.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

_NAMES = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_DIGITS = {str(digit): name for digit, name in enumerate(_NAMES)}
_ADDRESS = re.compile(r"(?:https?://)?((?:[a-z0-9-]+(?:\.|\[\.\]))+[a-z]{2,})(/[^\s,;)]*[^\s,;).])?", re.IGNORECASE)
_DAY = re.compile(r"(ngày )?\b(\d{1,2})/(\d{1,2})/(\d{4})\b", re.IGNORECASE)
_MONTH = re.compile(r"(tháng )?\b(\d{1,2})/(\d{4})\b", re.IGNORECASE)
#: a subscriber's number, or a free or paid line
_PHONE = re.compile(r"(?<![\d.])(?:0\d|1[89]00)(?:[ .]?\d){4,9}(?![\d.]?\d)")
#: short numbers stand after what is done with them
_SHORT = re.compile(
    r"\b((?:gọi|số|gửi|hoặc|tổng đài) )(\d{3,4})(?![\d.]?\d)"
    r"(?! (?:đồng|nghìn|ngàn|triệu|ngày|giờ|phút|giây|tuổi|số|người))",
    re.IGNORECASE,
)
_THOUSANDS = re.compile(r"\b\d{1,3}(?:\.\d{3})+\b")
_DONG = re.compile(r"(\d) ?đ\b")
#: what has no sound: quotes, bullets, pictures
_SILENT = re.compile(r"[“”\"'‘’•*_#<>\[\]{}|~^\u2190-\u2bff\ufe0f\U0001f000-\U0001faff]")
_ITEM = re.compile(r"^(?:-|–|\+)\s+")


@dataclass(frozen=True, slots=True)
class Speech:
    """`words` are written forms and how each is spoken."""

    words: Mapping[str, str] = field(default_factory=dict)

    def spoken(self, text: str, choices: Sequence[str] = ()) -> str:
        """One line of words to be read aloud, the choices after the text with their numbers; "" for nothing to say."""
        lines = [_ITEM.sub("", line.strip()) for line in unicodedata.normalize("NFC", text).splitlines()]
        said = [self._line(line) for line in lines if line]
        if choices:
            said.append("Bác chọn:")
            said += [f"số {place}, {self._line(label)}" for place, label in enumerate(choices, 1)]
        return " ".join(line if line[-1] in ".,!?:;" else f"{line}." for line in said if line)

    def _line(self, line: str) -> str:
        line = _ADDRESS.sub(self._address, line)
        line = _DAY.sub(lambda m: f"ngày {int(m[2])} tháng {int(m[3])} năm {m[4]}", line)
        line = _MONTH.sub(lambda m: f"tháng {int(m[2])} năm {m[3]}", line)
        line = _PHONE.sub(lambda m: _digits(m[0]), line)
        line = _SHORT.sub(lambda m: m[1] + _digits(m[2]), line)
        line = _DONG.sub(r"\1 đồng", line)
        line = _THOUSANDS.sub(lambda m: m[0].replace(".", ""), line)
        line = re.sub(r"[\w&]+", lambda m: self.words.get(m[0], m[0]), line)
        return re.sub(r" ([.,!?:;])", r"\1", " ".join(_SILENT.sub(" ", line).split()))

    def _address(self, found: re.Match[str]) -> str:
        """ "vneid.gov.vn/x" as "vneid chấm gov chấm vn xẹt x"."""
        host = found[1].replace("[.]", ".").lower()
        parts = " chấm ".join(self.words.get(part, part.replace("-", " gạch ")) for part in host.split("."))
        return parts + (found[2] or "").replace("/", " xẹt ").replace("-", " gạch ")


def _digits(number: str) -> str:
    return " ".join(_DIGITS[digit] for digit in number if digit in _DIGITS)


def load(path: Path) -> Speech:
    """Raises ValueError unless every line is `written: spoken`."""
    if not path.exists():
        return Speech()
    read: object = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 text only
    if not isinstance(read, dict) or not all(isinstance(spoken, str) and spoken for spoken in read.values()):
        raise ValueError(f"{path}: write each line as `OTP: ô tê pê`")
    return Speech(words=read)
