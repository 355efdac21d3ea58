"""The file of several accounts and pages: what is wrong in it is told by file, entry and key, all at once."""

from pathlib import Path

import pytest

from api.channels_file import Account, Page, read
from api.settings import SettingsError, load

GOOD = """
zalo_oa:
  - {oa_id: "9002", oa_secret: s2, refresh_token: r2, buttons: form1}
messenger:
  - {page_id: "505", page_token: t2}
"""
BAD = """
zalo_oa:
  - {oa_id: "9002"}
  - {oa_id: "9003", oa_secret: s, colour: red}
  - {oa_id: "9003", oa_secret: s, buttons: "on"}
messenger:
  - hello
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "channels.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file(tmp_path: Path) -> None:
    several = read(written(tmp_path, GOOD))
    assert several.accounts == (Account(oa="9002", webhook_secret="s2", refresh_token="r2", buttons="form1"),)
    assert several.pages == (Page(page="505", token="t2"),)
    assert "r2" not in repr(several)
    assert "t2" not in repr(several)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, BAD)
    with pytest.raises(ValueError, match="thiếu oa_secret") as caught:
        read(path)
    assert str(caught.value).splitlines() == [
        f"{path}: zalo_oa, mục 1: thiếu oa_secret",
        f"{path}: zalo_oa, mục 2: không có mục nào tên colour",
        f"{path}: zalo_oa 9003: buttons phải là off, form1 hoặc form3, không phải on",
        f"{path}: messenger, mục 1: phải gồm các cặp tên và chữ",
        f"{path}: oa_id 9003 có hai lần",
    ]


@pytest.mark.parametrize("text", ["- a", "zalo: []", "{", "zalo_oa: 3"])
def test_what_is_no_such_file(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"channels\.yaml"):
        read(written(tmp_path, text))


def test_a_file_that_is_not_there_refuses_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="GOCUA_CHANNELS_FILE: không đọc được"):
        load(_env_file=None, channels_file=str(tmp_path / "none.yaml"))


def test_further_accounts_need_the_app(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(_env_file=None, channels_file=str(written(tmp_path, GOOD)))
    assert "GOCUA_ZALO_OA_APP_ID" in str(caught.value)
    assert "GOCUA_MESSENGER_PAGE_TOKEN" in str(caught.value)
