from hypothesis import given
from hypothesis import strategies as st

from knowledge.vocabulary import Vocabulary, WordWeights

_WORDS = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=4)


def holding(words: list[str]) -> Vocabulary:
    return Vocabulary("".join(f"{word}\n" for word in words))


def test_words_keep_their_order_and_are_found_by_number() -> None:
    words = ["vneid", "", "mật khẩu", "mat khau", "v", "ne"]
    vocabulary = holding(words)
    assert list(vocabulary) == words
    assert len(vocabulary) == 6
    assert [vocabulary.number(word) for word in words] == [0, 1, 2, 3, 4, 5]


def test_a_word_that_is_only_part_of_another_is_not_known() -> None:
    vocabulary = holding(["vneid", "khau"])
    assert [vocabulary.number(word) for word in ("vnei", "dkhau", "", "vneidkhau", "Vneid")] == [None] * 5


def test_an_empty_one_knows_no_word() -> None:
    assert Vocabulary("").number("vneid") is None
    assert list(Vocabulary("")) == []


@given(st.lists(_WORDS, unique=True), st.lists(_WORDS))
def test_it_answers_as_a_dict_would(words: list[str], asked: list[str]) -> None:
    vocabulary, known = holding(words), {word: number for number, word in enumerate(words)}
    assert [vocabulary.number(word) for word in (*words, *asked)] == [known.get(word) for word in (*words, *asked)]


def test_weights_are_told_of_the_words_that_have_one() -> None:
    weights = WordWeights({"vay": 0.5, "": -1.0, "vay nhanh": 0.1})
    assert weights.of(["vay nhanh", "nhanh", "vay", "vay"]) == [0.1, 0.5, 0.5]
    assert WordWeights({}).of(["vay"]) == []
