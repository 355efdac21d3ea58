"""Passwords of plain words: "mật khẩu của bác là bông lúa vàng", "pass wifi: xahoabinh", "mk thuhang".

After a word for password that asserts something, the clause is the password unless it talks about passwords. Works on
one text in two views of equal length: `shown` in lower case, `bare` without marks too. Never judges digits alone.
"""

import re
from collections.abc import Iterator

from knowledge.digits import Span
from knowledge.text import strip_marks

MAT_KHAU = (  # and as its keys are typed: maatj khaaur, ma65t kha63u; and mistyped
    r"m[a56]{1,4}t[a5j]{0,2} ?(?:kh[a36]{1,4}u[ar3]{0,2}|khu[ar]{1,2}|kahu|kau|khao)"
)
_CUE = re.compile(
    rf"(?<![a-z0-9])(?:(?P<sure>{MAT_KHAU}|m\.?khau|pass?w(?:or?d?|d|ork|ort)?|passcode|pwd?|mat ma)|"
    r"(?P<loose>pass?(?: ?wi ?fi)?)|(?P<mine>mk))(?![a-z0-9])"
)
_LINK = re.compile(
    r"(?P<between>(?:[ ,()\-_/]{1,2}[a-z0-9]+){0,7}?)"
    r"(?P<link> (?:la|laf|la2|thanh(?! (?:cong|ra|pho|thu|thao|vien|toan))|thanhf|sang|gom(?= (?:ten|chu(?! (?:hoa|"
    r"thuong|cai|so|in|va))|cum) )|day(?: ne| nha)?|ne)(?![a-z0-9]) ?[:=]?| ?(?:[:=]{1,2}|->|=>)| (?=[\"“'][a-z]))\s*"
)
_HINT = re.compile(
    r"(?:(?:chu|cum(?: tu)?|cau|ten|nguyen cau|cai ten|dong chu|ghep)(?= )(?: (?:cua|chau|con|vo|chong|me|ba|noi|ngoai|"
    r"gai|trai|ut|toi|tui|em|bac|co|minh|no|cho|dua|lon|nho|viet|lien|khong|dau|thuong|hoa)(?![a-z]))*[ ]?[:,]? ?)"
)
_CAPITAL = f"[A-Z{''.join(chr(code) for code in range(0xC0, 0x1EFA) if chr(code).isupper() and chr(code).isalpha())}]"
_WORD = re.compile(r"[^\W\d_]+")
_CAPITALS = re.compile(
    rf"(?:{_CAPITAL}[^\W\d_A-Z]{{1,7}} ){{1,5}}{_CAPITAL}[^\W\d_A-Z]{{1,7}}(?![\w@])(?: \d{{1,8}}(?![\w.,/]))?"
)
_NAME_AND_YEAR = re.compile(
    rf" (?:(?:cua|toi|tui|em|con|bac|la|cu|moi) )?(?P<value>{_CAPITAL}[^\W\d_]{{1,8}} \d{{2,8}})(?![\w.,/])"
)
_NEXT = re.compile(r" {1,2}(?=[^\W_])")
_GOES_ON = re.compile(r"[\d@#_*$&/]")
_ROSE = re.compile(r"(?<![a-z])(?:hoa|bong|mau|nu|bien|song) (?:hong|do)\Z")
_NUMBER = re.compile(r"\d{1,8}(?![\w.,/])")
_LONGEST = 6  # words; whoever goes on longer is telling a story
_TALK = (  # said about a password, never one: the clause that begins with it or goes on with it is left
    "gì gi j chi mk pass pw mật tiếng nào sao đâu ai bao bn mấy quên bắt buộc do đặt đổi của thuộc cho để là số ký kí "
    "riêng chung khác giống trùng bị cần nên nếu khi lúc lộ ra làm lấy lại gửi gởi nhận đăng điện căn cccd sđt otp "
    "pin mã vneid zalo app momo thông tin web trang mạng ngân hàng tự mình một hai ba bốn sáu tám cấp cài tạo giữ "
    "biết bảo an cực vân khuôn hình giọng chuyện phần dãy passcode password rất quá hơi dễ khó dài ngắn mạnh yếu đúng "
    "sai cũ mới thứ cái việc người nó họ tụi bọn xã công cán cơ phường hệ máy email gmail facebook fb tên ngày năm "
    "tháng sinh mặc tạm hồi hôm bữa từ ít nhiều toàn chuỗi loại kiểu cách vậy vầy thế này nầy kia xin hỏi tìm xem coi "
    "mất hết chưa đang sẽ đã cũng vẫn chỉ đều như trong trên dưới ngoài bên ở tại theo bằng bước nhập bấm gõ quan "
    "chìa giấy tuyệt điều vui nhờ hư được đc dc phải lỗi hoặc hay thì nhưng ủa có không ko k hông hong hok hem chớ "
    "chứ vì nhớ thay chính quản sử xác in thường giáo nhân khách nhà thầy thằng"
)
_STOP = (  # ends a password in plain words
    "nha nhé nhe nhen nghen nghe hen hén hả ha á ạ a à ah ad đó nè đây rồi r mà nhưng và với giúp giùm dùm gium bạn "
    "ơi oi luôn thôi nữa xong hết không ko k kg hông hong hok hổng hem hỏng có được đc dc nhớ nhờ báo nhập vô vào sai "
    "đúng phải tất hay hoặc vẫn cứ hoài thì nên chưa bị sao bấm gõ coi xem vậy dạ để đặt vì tại hồi lúc khi quên gồm "
    "dấu bữa hôm giờ nó này đang đừng tui toàn chớ chứ thử cũng lưu đổi"
)
_ENDS_AS_TALK = (
    "cấp giữ tạo làm cho gửi gởi cài biết kêu bắt nói quản lập đưa hướng của khác là riêng chung mới tự chọn giao"
)
_PERSON = (
    "con em bác cô chú anh chị ông bà ba má mẹ cha vợ chồng cháu tui tôi mình nội ngoại dì cậu mợ thím út gái trai cả "
    "lớn nhỏ đứa thằng bé tư năm bảy chín mười ai bạn ruột dâu rể nhà"
)
_ROLE = re.compile(
    r"(?:nguoi|ng|thuong binh|benh binh|me (?:don|cua|be)|be|giao|hoc sinh|sinh vien|can|cong|nong|cua|o|ten|dan|ho|"
    r"chu|to|truong|nhan|bo doi|y ta|bac si|con (?:cua|gai|"
    r"trai|ut|ca|ba|ong|bac|co|chu|nha|dau|ruot|mot|duy|thu|trong|so|lon))(?![a-z])"
)
_NO_VALUE = re.compile(  # "mật khẩu là bình thường"
    r"(?:binh thuong|vang (?:ra|app|luon)|toi thieu|toi da|lung tung|quan trong|may man|sao cung|the nao)(?![a-z])"
)
_CALLS = re.compile(
    r"viet (?:lien|hoa|thuong|khong|tat|chu|in|dau|ca|sao|vay|nhu|het|dung)(?![a-z])|(?:con|bac|co|chu|em|anh|chi|ad|"
    r"ban|chau) (?:oi|nha|nhe|a|coi|giup|gium|lam|nhap|vo|ghi|luu|xem)(?![a-z])"
)
_NO_ASSERTION = re.compile(
    r"(?<![a-z])(?:quen|khong|ko|hong|sao|gi|nao|sai|phai|neu|thi|ai|bi|mat|duoc|lo|lai|cap lai|lay|nghia|bao nhieu|"
    r"may|het|hoi|xin|cho xin|chua|dung de|tang|re|gia|xe|phong|nha tro)(?![a-z])"
)
_SURNAME = re.compile(
    r"(?:nguyen|tran|le|pham|huynh|hoang|phan|vu|vo|dang|bui|do|ho|ngo|duong|ly|truong|dinh|cao|lam|mai|luu) "
    r"(?:van|thi|ngoc|minh|thanh|huu|hoang|kim|quoc|duc|van)(?![a-z])"
)
_SERVICE = re.compile(
    r"(?<![a-z])(?:cua|vneid|zalo|app|wi ?fi|fb|face(?:book)?|dvc|g?mail|email|momo|vssid|dang nhap|ngan hang|cu|moi|"
    r"dien thoai|may|tai khoan|tk|nick|mang|bank|vcb|mb|bidv|tiktok|shopee|icloud)(?![a-z])"
)
_ONSET = "(?:ngh|ng|nh|gh|gi|kh|ch|th|tr|ph|qu|[bcdghklmnprstvx])"
_RIME = "[aeiouy]{1,3}(?:ng|nh|ch|[cmnpt])?"
_JOINED = re.compile(  # syllables without spaces: thuhang, bacsau, anhyeuem
    rf"(?!{_ONSET}?{_RIME}(?![a-z0-9]))(?:(?:{_ONSET}{_RIME}){{2,5}}|(?:{_ONSET}?{_RIME}){{3,5}})(?![a-z0-9])"
)
_BESIDE = re.compile(
    r"(?: (?:cua|toi|tui|em|e|con|bac|minh|co|zalo|vneid|fb|facebook|g?mail|wi ?fi|tiktok|shopee|momo|wi ?fi|app|dvc|"
    r"la|cu|moi|ba|me|no|may|mb|vcb))*[ :]{1,2}[\"'(]?"
)
_EVERYBODYS = re.compile(r"(?:qwerty\w*|i ?love ?you\w*|admin(?:istrator)?|abc ?123\w*|asdf\w*|letmein)(?![a-z0-9])")
_NO_JOINED = re.compile(
    r"(?:khong|matk|dang(?:nhap|ky)|quen|sai|momo|nokia|sam|iphone|mobi|vina|online|phone|canh|nhieu|truoc|chuyen|"
    r"email|dien|ngan|tai|cong|may|thoai|xiao|oppo|vietn|dinh)"
)
_BEFORE = re.compile(
    rf"(?<![^\s\"'“(,])(?P<value>[^\W\d_]{{5,30}})[\"'”)]? (?:la|chinh la|do la|lam) (?:cai )?(?:{MAT_KHAU}|mk|"
    rf"pass)(?![a-z])"
)
_QUOTED_BEFORE = re.compile(
    rf"[\"“'](?P<value>[^\"”'\0\n]{{3,40}})[\"”'] (?:la|chinh la|do la|lam) (?:cai )?(?:{MAT_KHAU}|mk|pass)(?![a-z])"
)
_PARTS = re.compile(
    r"\0[\"')]? ?(?:,|viet [a-z ]{2,24}?|(?:roi|va|voi|cong|them|xong|toi|cach|ra))* ?(?:so|nam(?: sinh)?|ngay sinh|"
    r"duoi|them|cong|roi|voi) ?(?P<number>\d{1,8})(?![\w/]|[.,]\d)"
)


def _list(words: str) -> tuple[frozenset[str], frozenset[str]]:
    """The words with their marks, and without."""
    return frozenset(words.split()), frozenset(strip_marks(words).split())


_TALKS, _STOPS, _ENDS, _PERSONS = map(_list, (_TALK, _STOP, _ENDS_AS_TALK, _PERSON))
_MARKS = re.compile("[\u00c0-\u1ef9]")


def plain_words(text: str, shown: str, bare: str) -> Iterator[Span]:
    cues = list(_CUE.finditer(bare))
    for cue in cues:
        if span := _clause(text, shown, bare, cue) or _joined(bare, cue):
            yield span
        if named := _NAME_AND_YEAR.match(text, cue.end()):
            yield *named.span("value"), "password"
    if cues:
        for match in _BEFORE.finditer(bare):
            if is_joined(match["value"]):
                yield *match.span("value"), "password"
        for match in _QUOTED_BEFORE.finditer(bare):
            yield *match.span("value"), "password"
        for match in _PARTS.finditer(bare):
            if any(0 <= match.start() - cue.end() < 75 for cue in cues):
                yield *match.span("number"), "password"


def _clause(text: str, shown: str, bare: str, cue: re.Match[str]) -> Span | None:
    link = _LINK.match(bare, cue.end())
    if not link or _NO_ASSERTION.search(link["between"]):
        return None
    if not link["link"].strip() and link["between"] and not _SERVICE.fullmatch(link["between"].strip()):
        return None
    typed = any(sign in link["link"] for sign in ":=>")
    if link["link"].strip() in ("day", "ne") or (link["link"].strip() == "sang" and not cue["sure"]):
        return None
    if not cue["sure"] and link["between"] and not _SERVICE.search(link["between"]):
        return None
    start = hint.end() if (hint := _HINT.match(bare, link.end())) else link.end()
    if bare[start : start + 1] in ('"', "'", "“", "("):
        start += 1
    if (
        cue["mine"]
        and not typed
        and not link["between"]
        and (_ROLE.match(bare, start) or text[start : start + 1].isupper())
    ):
        return None
    if not cue["sure"] and _SURNAME.match(bare, start):
        return None
    end, count = _end(text, shown, bare, start)
    if not count or (count == 1 and not _may_stand_alone(start, end, cue, typed=typed)):
        return None
    return start, end, "password"


def _may_stand_alone(start: int, end: int, cue: re.Match[str], *, typed: bool) -> bool:
    return end - start > 2 and (typed or bool(cue["sure"]) or end - start > 4)


def _end(text: str, shown: str, bare: str, start: int) -> tuple[int, int]:
    """Where the words from `start` that may be a password end, and how many they are; none if they are talk."""
    if name := _CAPITALS.match(text, start):
        return name.end(), 2
    marked = 0 if _MARKS.search(shown, start, start + 16) else 1
    talks, stops, ends, persons = (words[marked] for words in (_TALKS, _STOPS, _ENDS, _PERSONS))
    at, end, count, own = start, start, 0, 0
    while word := _WORD.match(shown, at):
        said = word[0]
        if count == 0 and (said in talks or said in stops or _NO_VALUE.match(bare, at)):
            return start, 0
        if count and (said in ends or _CUE.match(bare, at)):
            return start, 0
        if count and ((said in stops and not _ROSE.search(bare, start, word.end())) or _CALLS.match(bare, at)):
            break
        count, own, end = count + 1, own + (said not in persons), word.end()
        if count > _LONGEST:
            return start, 0
        gap = _NEXT.match(shown, end)
        if not gap:
            if _GOES_ON.match(shown, end):
                return start, 0
            break
        at = gap.end()
        if number := _NUMBER.match(bare, at):
            return (number.end(), count + 1) if own else (start, 0)
    return (end, count) if own else (start, 0)


def is_joined(word: str) -> bool:
    """Whether `word` is several syllables written together that nothing common is called."""
    return len(word) > 5 and bool(_JOINED.fullmatch(word)) and not _NO_JOINED.match(word)


def _joined(bare: str, cue: re.Match[str]) -> Span | None:
    beside = _BESIDE.match(bare, cue.end())
    word = _JOINED.match(bare, beside.end()) if beside else None
    if not word and beside:
        word = _EVERYBODYS.match(bare, beside.end())
        return (*word.span(), "password") if word else None
    return (*word.span(), "password") if word and is_joined(word[0]) else None
