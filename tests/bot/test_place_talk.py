"""Asking where somebody lives: at most a few questions, then a place, or none and on."""

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.library import Library
from bot.model import Choice, Place, Point
from bot.place_talk import MOST_BUTTONS, Asked, Move, Settled, begin, hear, name
from tests.cast import HOME, shipped

PHU_LOI, THU_DAU_MOT, TAN_THANH_BINH = "25750", "25747", "28921"


class Dialogue:
    """The step as the engine leads it: stage and draft are carried from answer to answer."""

    def __init__(self, library: Library, known: Place | None = None) -> None:
        self.library, self.known = library, known
        self.move: Move = begin(library, "Bác ở đâu?", known)

    def tell(self, said: str = "", *, picked: str = "", point: Point | None = None) -> Move:
        assert isinstance(self.move, Asked)
        self.move = hear(self.library, self.move.stage, self.move.draft, self.known, said, picked, point)
        return self.move

    def pick(self, label: str) -> Move:
        assert isinstance(self.move, Asked)
        return self.tell(picked=next(choice.id for choice in self.move.choices if choice.label == label))

    @property
    def labels(self) -> list[str]:
        assert isinstance(self.move, Asked)
        return [choice.label for choice in self.move.choices]


def settled(move: Move) -> Place | None:
    assert isinstance(move, Settled)
    return move.place


def test_a_sure_name_is_confirmed_once(library: Library) -> None:
    talk = Dialogue(library)
    asked = talk.tell("ấp 3 xã Tân Thành Bình")
    assert isinstance(asked, Asked)
    assert "xã Tân Thành Bình, tỉnh Vĩnh Long" in asked.text
    assert settled(talk.pick("Đúng rồi")) == Place(commune=TAN_THANH_BINH, hamlet="ấp 3")


def test_without_a_hamlet_it_is_asked_for(library: Library) -> None:
    talk = Dialogue(library)
    talk.tell("phường Phú Lợi")
    talk.pick("Đúng rồi")
    assert settled(talk.tell("khu pho 5")) == Place(commune=PHU_LOI, hamlet="khu phố 5")


def test_the_hamlet_may_stay_unknown(library: Library) -> None:
    talk = Dialogue(library)
    talk.tell("phường Phú Lợi")
    talk.pick("Đúng rồi")
    assert settled(talk.pick("Không biết")) == Place(commune=PHU_LOI)


def test_known_hamlets_are_offered(library: Library) -> None:
    talk = Dialogue(replace(library, hamlets={PHU_LOI: ("khu phố 1", "khu phố 2")}))
    talk.tell("phường Phú Lợi")
    talk.pick("Đúng rồi")
    assert talk.labels == ["khu phố 1", "khu phố 2", "Không biết"]
    assert settled(talk.pick("khu phố 2")) == Place(commune=PHU_LOI, hamlet="khu phố 2")


def test_an_old_name_is_told_with_the_new_one(library: Library) -> None:
    asked = Dialogue(library).tell("phường Phú Hòa Thủ Dầu Một")
    assert isinstance(asked, Asked)
    assert asked.text.startswith("Dạ phường Phú Hòa (TP Thủ Dầu Một cũ) nay là phường Phú Lợi")


def test_a_ward_that_was_split_is_chosen(library: Library) -> None:
    talk = Dialogue(library)
    talk.tell("phường Hiệp Thành, Thủ Dầu Một")
    assert talk.labels == ["Phường Thủ Dầu Một", "Phường Phú Lợi", "Không có chỗ tôi"]
    talk.tell("thủ dầu một")
    place = settled(talk.pick("Không biết"))
    assert place == Place(commune=THU_DAU_MOT, how="button")


def test_a_pin_offers_the_nearest(library: Library) -> None:
    talk = Dialogue(library)
    talk.tell(point=Point(lat=10.98, lon=106.67))
    assert len(talk.labels) == 4
    talk.pick("Phường Phú Lợi")
    assert settled(talk.pick("Không biết")) == Place(commune=PHU_LOI, how="button")


def test_a_known_place_is_only_confirmed(library: Library) -> None:
    known = Place(commune=PHU_LOI, hamlet="khu phố 3")
    talk = Dialogue(library, known)
    assert isinstance(talk.move, Asked)
    assert "khu phố 3, phường Phú Lợi" in talk.move.text
    assert settled(talk.pick("Đúng rồi")) is known


def test_a_known_place_can_be_changed(library: Library) -> None:
    talk = Dialogue(library, Place(commune=PHU_LOI))
    talk.pick("Đổi chỗ khác")
    talk.tell("xã Tân Thành Bình")
    talk.pick("Đúng rồi")
    assert settled(talk.pick("Không biết")) == Place(commune=TAN_THANH_BINH)


def test_two_failures_lead_down_the_old_tree_by_name(library: Library) -> None:
    talk = Dialogue(library)
    talk.tell("xóm trên")
    talk.tell("gần cây xăng")
    assert talk.labels[-1] == "Xem thêm"
    talk.tell("bến tre")
    talk.tell("huyện mỏ cày bắc")
    talk.tell("tân thành bình")
    assert settled(talk.tell("ấp 3")) == Place(commune=TAN_THANH_BINH, hamlet="ấp 3", how="button")


def test_served_provinces_come_first(library: Library) -> None:
    talk = Dialogue(library)
    talk.tell("xóm trên")
    talk.tell("gần cây xăng")
    assert {"Tỉnh Bình Dương", "Tỉnh Tiền Giang", "Thành phố Hồ Chí Minh"} <= set(talk.labels[:6])


def test_pages_hold_every_province_and_go_round(library: Library) -> None:
    talk = Dialogue(library)
    talk.tell("xóm trên")
    talk.tell("gần cây xăng")
    first, seen = talk.labels, list[str]()
    while True:
        seen += talk.labels[:-1]
        talk.pick("Xem thêm")
        if talk.labels == first:
            break
    assert len(seen) == len(set(seen)) == 63 + 1
    assert seen[-1] == "Không có chỗ tôi"


@pytest.mark.parametrize("stage", ["typed", "offered", "drilled"])
def test_no_place_ends_it_all_the_same(library: Library, stage: str) -> None:
    talk = Dialogue(library)
    if stage == "offered":
        talk.tell("phường Hiệp Thành, Thủ Dầu Một")
        talk.pick("Không có chỗ tôi")
    else:
        talk.tell("xóm trên")
        talk.tell("gần cây xăng")
    if stage == "drilled":
        talk.tell("bến tre")
        talk.tell("mỏ cày bắc")
    assert settled(talk.tell(picked="none") if stage == "drilled" else talk.tell("ngã ba")) is None


def test_a_place_is_named_as_people_say_it(library: Library) -> None:
    assert name(library, Place(commune=TAN_THANH_BINH, hamlet="ấp 3")) == "ấp 3, xã Tân Thành Bình"
    assert name(library, Place(commune=PHU_LOI)) == "phường Phú Lợi"


WORDS = ("phường Phú Lợi", "phường Hiệp Thành", "bình dương", "bến tre", "ấp 3", "xóm trên", "Tân Phú", "quận 1", "?")
ANSWERS = st.one_of(st.integers(0, 7), st.sampled_from(WORDS), st.text(min_size=1, max_size=20))
MANY = settings(max_examples=150, deadline=None)


@MANY
@given(answers=st.lists(ANSWERS, min_size=1, max_size=12))
def test_every_choice_and_every_word_leads_on(answers: list[int | str]) -> None:
    talk = Dialogue(shipped())
    for answer in answers:
        if not isinstance(talk.move, Asked):
            break
        choices: tuple[Choice, ...] = talk.move.choices
        assert talk.move.text
        assert len(choices) <= 8
        assert talk.move.stage != "which" or len(choices) <= MOST_BUTTONS + 1
        picked = choices[answer % len(choices)].id if isinstance(answer, int) and choices else ""
        assert talk.tell("" if picked else str(answer), picked=picked) is not None


@MANY
@given(answers=st.lists(st.text("qwxz ", min_size=1, max_size=12), min_size=3, max_size=3))
def test_three_answers_that_name_no_place_end_it(answers: list[str]) -> None:
    assume(not any(shipped().gazetteer.find(answer, HOME).communes for answer in answers))
    talk = Dialogue(shipped())
    for answer in answers:
        talk.tell(answer)
    assert settled(talk.move) is None
