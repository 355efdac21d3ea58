"""Finds the links in a message, also broken-up ones, and says who owns each or whom it imitates.

Never opens a link, never asks the network, never calls a link safe: the best it knows is "official".
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from typing import Literal

import yaml
from publicsuffixlist import PublicSuffixList
from rapidfuzz.distance import OSA

from knowledge.disguise import plain as undisguised
from knowledge.text import fold

Standing = Literal["official", "known", "chat", "unknown", "odd", "fake"]


@dataclass(frozen=True, slots=True)
class Official:
    domain: str
    kind: str  # state, power, bank, wallet, shop, delivery, telco, known
    names: tuple[str, ...]  # what imitations write
    sure: bool  # two sources agree; else only "known", never "official"


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a message. `weight` is how much it speaks for a scam: 0 to 4."""

    host: str
    domain: str  # what its owner registered
    standing: Standing
    weight: int = 0
    reason: str = ""
    owner: Official | None = None  # who it is, or whom it imitates


_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # libyaml where it was built in
_DEFANGED = (
    (re.compile(r"h(?:xx|\*\*)p(s?)", re.I), r"http\1"),
    (re.compile(r"\s?[\[({]\s?(?:\.|dot|cham)\s?[\])}]\s?", re.I), "."),
    (re.compile(r"(https?)\s?(?::\s|\[:\])\s?//?", re.I), r"\1://"),
    (re.compile("[。｡]"), "."),
)
_HOST = r"[^\W_](?:[\w\-]*[^\W_])?(?:\.[^\W_](?:[\w\-]*[^\W_])?)+"
_URL = re.compile(
    rf"(?P<scheme>https?:/{{1,2}}|www\.)(?P<user>[^\s/@]{{1,80}}@)?(?P<at>{_HOST})(?P<after>[/?#:][^\s<>\"]*)?"
    rf"|(?<![\w@./\-])(?P<plain>{_HOST})(?!@)(?P<path>(?::\d{{2,5}})?/[^\s<>\"]*)?",
    re.I,
)
_HYPHENED = re.compile(r"(?=.{8})[a-z0-9]+(?:-[a-z0-9]+)+")
_USER = re.compile(r"https?://([^\s/@.]{0,63}\.[^\s/@]{0,190})@", re.I)
_LONGEST_HOST, _MOST_HOSTS = 253, 60  # no name is longer (RFC 1035); a message of more links is judged by these
_IP = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}")
_PARTS = re.compile(r"[^a-z]+")
_LOOKS = str.maketrans({"0": "o", "1": "l", "3": "e", "4": "a", "5": "s", "i": "l", "j": "l"})


_GAMBLING = re.compile(
    r"(?:^|-)(?:bet|vin|win|ku|go|hit|man|nohu|sun|rik|iwin|zo|fun|new|jun|shbet|hi|kubet|w|m|f|i|k|b|g|"
    r"v)?-?(?:88|789|79|68|365)"
    r"(?:$|-|club|bet|win|vin|vip)|casino|taixiu|nohu|kubet|xocdia|baccarat|(?:^|-|\d)bet(?:$|-|\d)|gamebai|"
    r"danhbai|soicau|lode"
)
_DISTINCT = frozenset(("bidv", "gplx", "bhxh", "hsbc", "vnpt", "dvcqg", "vssid"))  # part of no ordinary word
_INNER_NAMES = frozenset(("buudien", "facebook", "google", "congan", "chotot"))  # also parts of ordinary names


@dataclass(frozen=True, slots=True)
class _Lists:
    worst_endings: frozenset[str]
    odd_endings: frozenset[str]
    plain_endings: frozenset[str]
    shorteners: frozenset[str]
    free_hosts: frozenset[str]
    chat_hosts: frozenset[str]
    companions: frozenset[str]
    asking_paths: frozenset[str]
    asking_names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Links:
    officials: dict[str, Official]  # by domain
    names: dict[str, Official]  # by name, the first row of the file wins
    lists: _Lists

    @classmethod
    def load(cls, folder: Path) -> "Links":
        officials: dict[str, Official] = {}
        names: dict[str, Official] = {}
        table = folder / "official_domains.tsv"
        for number, line in enumerate(table.read_text("utf-8").splitlines(), start=1):
            if line.startswith(("#", "domain\t")) or not line:
                continue
            cells = line.split("\t")
            if len(cells) != 5 or cells[3] not in ("yes", "no") or not cells[4]:
                raise ValueError(f"{table}:{number}: need domain, kind, names, sure (yes or no) and source, by tabs")
            row = Official(cells[0], cells[1], tuple(filter(None, cells[2].split(","))), cells[3] == "yes")
            officials[row.domain] = row
            for name in row.names:
                names.setdefault(name, row)
        _suffixes()  # or the first message would wait for it
        lists = yaml.load((folder / "links.yaml").read_text("utf-8"), Loader=_LOADER)  # noqa: S506  makes text only
        return cls(officials, names, _Lists(**{key: frozenset(words) for key, words in lists.items()}))

    def find(self, text: str) -> tuple[Link, ...]:
        """Every link in order of first mention, each host once."""
        plain = undisguised(text)
        for pattern, into in _DEFANGED:
            plain = pattern.sub(into, plain)
        plain = _broken(self.lists.plain_endings).sub(".", plain)
        found: dict[str, Link] = {}
        for user in _USER.findall(plain):
            found[user] = Link(
                user, user, "fake", 4, f"Liên kết để {user.replace('.', '[.]')} trước dấu @ để đánh lừa."
            )
        for scheme, host, path in islice(self._hosts(plain), _MOST_HOSTS):
            if host not in found and (link := self._judge(scheme, host, path)):
                found[host] = link
        return tuple(found.values())

    def is_official(self, host: str) -> bool:
        """Whether `host` is a bare host name, nothing around it, that two sources know as its owner's."""
        found = self.find(f"https://{host}/")
        return [(link.host, link.standing) for link in found] == [(host, "official")]

    def _hosts(self, text: str) -> Iterator[tuple[bool, str, str]]:
        for match in _URL.finditer(text):
            if len(match["at"] or match["plain"]) > _LONGEST_HOST:
                continue
            if match["at"]:
                yield True, match["at"].lower().rstrip("."), match["after"] or ""
            elif self._is_plain_link(match["plain"], match["path"] or ""):
                yield False, match["plain"].lower(), match["path"] or ""

    def _is_plain_link(self, host: str, path: str) -> bool:
        ending = host.rsplit(".", 1)[1]
        if _IP.fullmatch(host):
            return bool(path)
        if not ending.isascii() or ending.isdigit() or (ending[0].isupper() and not host.isupper()):
            return False  # "quý khách.Vui lòng"
        lower = ending.lower()
        if lower in self.lists.plain_endings:
            return True
        made = path or _HYPHENED.fullmatch(host.lower().split(".")[-2])  # what a missing space joins has neither
        return bool(made) and bool(_suffixes().privatesuffix(host.lower()))

    def _judge(self, scheme: bool, host: str, path: str) -> Link | None:
        shown = host.replace(".", "[.]")
        if _IP.fullmatch(host):
            return Link(host, host, "odd", 3, f"Liên kết chỉ là dãy số ({shown}), nơi đàng hoàng không gửi như vậy.")
        if not host.isascii():
            host_plain = unicodedata.normalize("NFKC", host)
            if any("LATIN" not in unicodedata.name(c, "") for c in host_plain if c.isalpha()):
                return Link(host, host, "fake", 4, f"Tên trang {shown} có chữ nước ngoài giả dạng chữ thường.")
            if not scheme:
                return None
        domain = _suffixes().privatesuffix(host)
        if not domain:
            return None
        if any(label.startswith("xn--") for label in host.split(".")):
            return Link(host, domain, "fake", 4, f"Tên trang {shown} dùng chữ lạ để giả trang khác.")
        if owner := self._owner(host):
            return self._owned(host, domain, owner)
        return self._stranger(host, domain, path, shown)

    def _owner(self, host: str) -> Official | None:
        labels = host.split(".")
        for start in range(len(labels) - 1):
            if owner := self.officials.get(".".join(labels[start:])):
                return owner
        if host.endswith(".gov.vn"):
            return Official(_suffixes().privatesuffix(host) or host, "state", (), sure=True)
        return None

    def _owned(self, host: str, domain: str, owner: Official) -> Link:
        if domain in self.lists.chat_hosts:
            return Link(host, domain, "chat", owner=owner)
        free = host in self.lists.free_hosts
        return Link(host, domain, "official" if owner.sure and not free else "known", owner=owner)

    def _stranger(self, host: str, domain: str, path: str, shown: str) -> Link:
        owner, how = self._imitated(host, domain)
        if owner:
            return Link(host, domain, "fake", 4, f"Liên kết {shown} {how}, trang thật là {owner.domain}.", owner)
        if re.search(r"\.(?:com|vn|net|org)\.", host.removesuffix(domain)):
            return Link(host, domain, "fake", 4, f"Trang {shown} chèn đuôi quen ở giữa, chủ thật là {domain}.")
        if path.lower().partition("?")[0].endswith(".apk"):
            return Link(
                host, domain, "fake", 4, f"Liên kết {shown} tải tệp .apk (ứng dụng ngoài cửa hàng), rất dễ mất tiền."
            )
        ending = domain.rsplit(".", 1)[-1]
        if any(word in path.lower() for word in self.lists.asking_paths) and (owner := self._named_in(path)):
            return Link(
                host, domain, "fake", 4, f"Liên kết {shown} mượn tên {owner.names[0]} sau dấu gạch chéo.", owner
            )
        if domain in self.lists.shorteners or host in self.lists.shorteners:
            return Link(host, domain, "odd", 1, f"Liên kết rút gọn {shown} giấu trang thật phía sau.")
        if domain in self.lists.free_hosts or host in self.lists.free_hosts:
            return Link(host, domain, "odd", 1, f"Trang {shown} dựng trên chỗ miễn phí, ai cũng làm được.")
        if ending != "vn" and _GAMBLING.search(domain.split(".")[0]):
            return Link(host, domain, "odd", 4, f"Tên trang {shown} là kiểu trang cờ bạc, cá cược.")
        if asked := self._asks(host, domain):
            weight = 3 if ending in self.lists.worst_endings | self.lists.odd_endings else 1 if ending == "vn" else 2
            return Link(
                host, domain, "odd", weight, f"Trang {shown} đặt tên “{asked}” để dụ, không phải trang chính thức."
            )
        if ending in self.lists.worst_endings:
            return Link(host, domain, "odd", 2, f"Trang {shown} có đuôi .{ending}, kẻ gian hay dùng đuôi này.")
        if ending in self.lists.odd_endings:
            return Link(host, domain, "odd", 1, f"Trang {shown} có đuôi .{ending}, ít nơi chính thức dùng.")
        return Link(host, domain, "unknown")

    def _asks(self, host: str, domain: str) -> str | None:
        """The word by which a host pretends to be the place to get money, a prize or an account back."""
        squeezed = "".join(self._parts(host, domain))
        return next((word for word in sorted(self.lists.asking_names) if word in squeezed), None)

    def _named_in(self, path: str) -> Official | None:
        words = _PARTS.split(path.lower())
        return next((owner for name, owner in self.names.items() if len(name) > 4 and name in words), None)

    def _imitated(self, host: str, domain: str) -> tuple[Official | None, str]:
        label = domain.split(".")[0]
        squeezed = host.removesuffix(domain.removeprefix(label)).replace("-", "").replace(".", "")
        for name, owner in self.names.items():
            if label == name and owner.kind != "known":
                return owner, f"lấy tên {name} nhưng sai đuôi"
            if len(name) >= 6 and name in squeezed and (name == squeezed or name not in _INNER_NAMES):
                return owner, f"mượn tên {name}"
        odd = domain.rsplit(".", 1)[-1] in self.lists.worst_endings | self.lists.odd_endings
        for part in self._parts(host, domain):
            for name, owner in self.names.items():
                if odd and part == name and len(name) > 3:
                    return owner, f"mượn tên {name}"
                if owner.kind != "known" and self._built_on(part, name):
                    return owner, f"mượn tên {name}"
            if (re.search(r"^gov(?:vn)?$|gov(?:vn)?$", part) and part not in ("gov", "govt")) or part == "gov":
                return self.officials["dichvucong.gov.vn"], "giả cơ quan nhà nước (cơ quan nhà nước dùng đuôi .gov.vn)"
        return self._misspelt(label, squeezed)

    def _parts(self, host: str, domain: str) -> list[str]:
        free = domain in self.lists.free_hosts
        rest = host.removesuffix("." + domain) if free else host.removesuffix("." + domain.partition(".")[2])
        return [part for part in _PARTS.split(rest) if part]

    def _built_on(self, part: str, name: str) -> bool:
        """part is the name, alone or with words that imitators put beside it; 4 distinct letters suffice within."""
        if part == name:
            return True
        if len(name) < 3 or name not in part:
            return False
        before, _, after = part.partition(name)
        if name in _DISTINCT or (len(name) == 5 and not before) or (name == "vcb" and not before):
            return True
        return all(not rest or self._companion(rest) for rest in (before, after))

    def _companion(self, rest: str) -> bool:
        words = self.lists.companions
        return rest in words or (
            len(rest) > 4 and any(OSA.distance(rest, word, score_cutoff=2) <= 2 for word in words if len(word) > 4)
        )

    def _misspelt(self, label: str, squeezed: str) -> tuple[Official | None, str]:
        seen, whole = _looks(label), _looks(squeezed)
        words = label.split("-")
        looks = [_looks(word) for word in words]
        for name, owner in self.names.items():
            if len(name) < 4 or owner.domain.split(".")[0] == label:
                continue
            written = _looks(name)
            if (len(name) > 6 and written in whole) or (written in looks and words[looks.index(written)] != name):
                return owner, f"viết na ná {name}"
            if len(name) < 5:
                continue
            allowed = 2 if len(name) >= 8 else 1
            if OSA.distance(seen, written, score_cutoff=allowed) <= allowed and abs(len(seen) - len(written)) <= 2:
                return owner, f"viết na ná {name}"
        return None, ""


@lru_cache(maxsize=2048)  # every link is held against every name
def _looks(name: str) -> str:
    return name.translate(_LOOKS).replace("vv", "w").replace("rn", "m").replace("-", "")


@cache
def _broken(endings: frozenset[str]) -> re.Pattern[str]:
    """The spaced dot of "vietinbank . top"."""
    return re.compile(rf"(?<=[a-z0-9])(?: \. ?| ?\. )(?=(?:{'|'.join(sorted(endings))})(?![\w.]))")


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False, only_icann=True)


def claimed(text: str, names: dict[str, Official]) -> Official | None:
    """Whom a message speaks for: an owner's name among its first words, also in several words ("bộ y tế")."""
    words = fold(text).split()[:16]
    said = {"".join(words[at : at + count]) for at in range(len(words)) for count in (1, 2, 3)}
    return next((owner for name, owner in names.items() if name in said and owner.kind != "known"), None)
