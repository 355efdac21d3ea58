from knowledge.variants import misspelt, stories

TEXT = "Tôi muốn đổi giấy phép lái xe thì nộp hồ sơ trực tuyến ở đâu"


def test_about_one_word_in_three_is_misspelt_and_always_the_same_way() -> None:
    words, written = TEXT.split(), misspelt(TEXT).split()
    assert misspelt(TEXT) == " ".join(written)
    assert len(written) == len(words)
    changed = [(word, slip) for word, slip in zip(words, written, strict=True) if word != slip]
    assert 2 <= len(changed) <= len(words) / 3 + 1


def test_words_without_a_likely_slip_and_no_words_at_all_stay() -> None:
    assert misspelt("") == ""
    assert misspelt("a a a") == "a a a"


def test_a_story_holds_two_short_texts_in_full() -> None:
    told = list(stories(["đổi bằng lái?", "mất bằng lái xe", "thi lại", " ".join(["dài"] * 20)]))
    assert len(told) == 3
    assert "đổi bằng lái " in told[0]
    assert all(sum(text in story for text in ("đổi bằng lái", "mất bằng lái xe", "thi lại")) == 2 for story in told)


def test_nothing_to_tell() -> None:
    assert list(stories([])) == []
