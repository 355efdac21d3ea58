import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.syllables import decode_telex, decode_vni, mend, place_tone, split_tone
from knowledge.text import fold, read, strip_marks

ENGLISH = (
    "momo passport data wifi voso pass how down see free google iphone pro zalo shopee lazada tiktok facebook email"
    " file scan photo visa test tax bus gas has this now view"
)
SLANG = "ko k dc đc mk quên vneid tt lỗi s v h 500k ck e a bằng hạng ng nhiu ca xưng dk gplx tui hông"
TONED = "đường nguyễn thuở khỏe hòa thúy quý giá già gì người được chuyển khoản tiếng ngoài"

LETTERS = "aăâbcdđeêghiklmnoôơpqrstuưvxyfjwz0123456789 .,/àáảãạấầẩẫậắếệốộớợứựýỳ"
words = st.text(LETTERS, max_size=40)
slang = st.lists(st.sampled_from(SLANG.split()), max_size=10).map(" ".join)


@given(st.one_of(st.text(max_size=60), words, slang))
def test_reading_never_raises_and_folds_to_plain_words(text: str) -> None:
    seen = read(text)
    assert seen.raw == text
    assert fold(seen.folded) == seen.folded


@given(st.one_of(st.text(max_size=60), words, slang))
def test_reading_what_was_read_changes_nothing(text: str) -> None:
    tokens = read(text).tokens
    assert read(" ".join(tokens)).tokens == tokens


@given(words)
def test_marks_go_last(text: str) -> None:
    """Folding the tokens is all that separates them from the folded view, but for names of things."""
    seen = read(text)
    plain = fold(" ".join(seen.tokens))
    assert read(plain.upper()).folded == read(plain).folded
    assert all(strip_marks(token) == token for token in seen.folded.split())


@given(
    st.sampled_from(
        [
            "đường",
            "nguyễn",
            "thuở",
            "khỏe",
            "hòa",
            "thúy",
            "quý",
            "giá",
            "già",
            "gì",
            "người",
            "được",
            "chuyển",
            "khoản",
            "tiếng",
            "ngoài",
        ]
    )
)
def test_a_tone_taken_off_goes_back_to_its_vowel(word: str) -> None:
    assert place_tone(*split_tone(word)) == word


@pytest.mark.parametrize("word", ENGLISH.split())
def test_english_and_brands_stay(word: str) -> None:
    assert read(word).tokens == (word,)
    assert word in read(f"ddawng kys {word} khoong dduwowcj").tokens


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ddawng kys vneid", "đăng ký vneid"),
        ("toi can nguofwi giup", "toi can người giup"),
        ("caapj nhaatj thfoong tin", "cập nhật thồng tin"),
        ("noopj hoof sow truwcj tuyeens", "nộp hồ sơ trực tuyến"),
        ("queen maatj khaaur", "quên mật khẩu"),
        ("dduwowngf ddi", "đường đi"),
        ("thuowr hoaf khoer quys giaf", "thuở hòa khỏe quý già"),
        ("iphone 15 pro max", "iphone 15 pro max"),
        ("nhaapj max otp", "nhập mã otp"),
    ],
)
def test_telex_keys_become_marked_syllables(typed: str, meant: str) -> None:
    assert " ".join(read(typed).tokens) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("d9a8ng ky1 d9u7o7c5 kho6ng", "đăng ký được không"),
        ("o73 quan1 nao2", "ở quán nào"),
        ("bang b2 quan1 q7", "bang b2 quan 1 q7"),
    ],
)
def test_vni_keys_need_a_sure_one(typed: str, meant: str) -> None:
    assert " ".join(read(typed).tokens) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("quên mk vneid", "quên mật khẩu vneid"),
        ("mk k bt", "mình không biết"),
        ("nạp 500 k dc ko", "nạp 500 nghìn được không"),
        ("bị lỗi tt", "bị lỗi thanh toán"),
        ("sai tt", "sai thông tin"),
        ("đăng ký kết hôn", "đăng ký kết hôn"),
        ("tui hổng bít xài", "tôi không biết dùng"),
        ("p/a đèn hư", "phản ánh đèn hư"),
        ("hạng c, bằng a", "hạng c bằng a"),
        ("ca xã gọi", "công an xã gọi"),
        ("nuôi ca tra", "nuôi ca tra"),
        ("nguời đuợc hoà", "người được hòa"),
        ("quáaaa koooo", "quá không"),
        ("tra cứu lưu trữ hưu", "tra cứu lưu trữ hưu"),
        ("man hs", "làm hồ sơ"),
        ("VÀO HTTPS://A.VIP/x ngay", "vào linkla ngay"),
        ("gửi a@b.com.vn", "gửi thudientu"),
        ("𝗡𝗵𝗮̣̂𝗻 𝘁𝗶𝗲̂̀𝗻", "nhận tiền"),
        ("mua\u200bhàng", "muahàng"),
        ("  ", ""),
    ],
)
def test_words_are_said_in_full(typed: str, meant: str) -> None:
    assert " ".join(read(typed).tokens) == meant


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("đổi GPLX", "doi bang lai xe gplx"),
        ("bằng B2 hết hạn", "bang lai xe gplx b2 het han"),
        ("làm passport", "lam ho chieu"),
        ("đăng ký sổ sức khỏe", "dang ky so suc khoe dien tu"),
        ("ký số trên mạng", "chu ky so truc tuyen"),
        ("mạng xã hội", "mang xa hoi"),
        ("cục gạch", "dien thoai cuc gach 2g"),
    ],
)
def test_one_name_for_each_thing(typed: str, folded: str) -> None:
    assert read(typed).folded == folded


def test_decoding_leaves_what_is_a_word_already() -> None:
    assert decode_telex("duong") is None
    assert decode_vni("duong") is None
    assert mend("tiềm") == "tiềm"
