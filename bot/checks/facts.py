"""Whether what is claimed can be traced: links that belong to known owners, laws and figures that name their source."""

import re
from collections.abc import Iterator

from bot.checks.passages import SHOWN, Passage
from bot.flow import Problem
from knowledge.links import Links

#: what an author does about an address that is not on the list
OFFICIAL = "thay bằng một trang có sure là yes trong knowledge/scams/official_domains.tsv"
_KNOWN = ("official", "known", "chat")
_LAW = re.compile(r"\d+/(?:\d{4}/)?(?:NĐ-CP|UBTVQH\d+|QH\d+|(?:QĐ|TT|TTLT|NQ|CT)-[A-ZĐ][\w\-]*)")
_FIGURE = re.compile(
    r"(?<![\w/.,])\d[\d.,]*\s?(?:triệu đồng|tỷ đồng|nghìn đồng|ngàn đồng|đồng|đ|triệu|nghìn|ngàn|%|ngày|giờ|tháng|năm)"
    r"(?!\w|[ ]\d)"
)
_QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"")
_A_DAY = re.compile(r"ngày\s$")  # "ngày 1 tháng 7"
_WHEN = re.compile(r"\b20\d\d\b")
_BY_LAW = re.compile(r"\b(?:Luật|Bộ luật|Nghị định|Thông tư|Quyết định|Công điện|Chỉ thị)\b")
_ON_SCREEN = re.compile(r"màn hình|máy hiện|máy ghi")


def links(passages: tuple[Passage, ...], known: Links) -> Iterator[Problem]:
    """A false link may stand there as an example, but broken, so that nobody can press it: gplx-gov[.]vn."""
    for passage in passages:
        if passage.role not in SHOWN:
            continue
        for link in known.find(passage.text):
            free = link.host in known.lists.free_hosts or link.domain in known.lists.free_hosts
            at = passage.text.lower().find(link.host)
            if at >= 0 and (free or link.standing not in _KNOWN):
                message = (
                    f"đường dẫn {link.host} không có trong danh sách trang chính thức "
                    "(knowledge/scams/official_domains.tsv): thay bằng trang chính thức; ví dụ trang giả thì viết [.]"
                )
                yield passage.problem(message, at)


def figures(passages: tuple[Passage, ...]) -> Iterator[Problem]:
    """Laws and figures without a source.

    A law's number must stand among the file's sources. Money, shares, days, hours, months and years need a year, a law
    or the screen that shows them in the same text, or a source that names that very figure. What others are quoted as
    saying is not ours to prove.
    """
    sources = " ".join(passage.text for passage in passages if passage.role == "source")
    for passage in passages:
        if passage.role not in ("said", "simpler"):
            continue
        for law in _LAW.finditer(passage.text):
            if law.group() not in sources:
                yield passage.problem(f"văn bản {law.group()} không có trong sources: thêm vào đầu tệp", law.start())
        if _WHEN.search(passage.text) or _BY_LAW.search(passage.text) or _ON_SCREEN.search(passage.text):
            continue
        said = _QUOTED.sub(lambda found: " " * len(found.group()), passage.text)
        for figure in _FIGURE.finditer(said):
            if not _A_DAY.search(said[: figure.start()]) and not _names(sources, figure.group()):
                message = (
                    f"con số “{figure.group()}” chưa có nguồn: ghi tháng, năm của nguồn ngay trong câu, "
                    "hoặc ghi đúng con số này vào một dòng của sources"
                )
                yield passage.problem(message, figure.start())


def _names(sources: str, figure: str) -> bool:
    return bool(re.search(rf"(?<![\d.,]){re.escape(figure)}(?!\w)", sources))
