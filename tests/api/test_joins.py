"""One resident in two chats, on the real tables: codes, joining, a case that follows, erasing, and races for a code."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from api import auth, desk, inbox, joins, turns
from api.console import views
from api.tables import JoinCode, Joined
from bot.model import Inbound, Place, Withdrawn
from tests.desk_room import Room, opened
from tests.service import CASE, CHAT, CONVERSATION, INBOX, LAN, LOG, OUTBOX, TAM

JOINED, CODES = Joined.__table__, JoinCode.__table__
ZALO, WEB, OTHER = "zalo_oa:z1", "web:w1", "messenger:m1"


@dataclass(slots=True)
class Chats:
    room: Room

    def say(self, key: str, text: str = "", *, choice: str | None = None) -> None:
        channel, _, chat = key.partition(":")
        mark = str(uuid4())
        said = Inbound(channel=channel, chat=chat, message_id=mark, sent_at=self.room.now, text=text, choice=choice,
                       sender_name=f"Bác {chat}")  # fmt: skip
        with self.room.house.store.engine.begin() as connection:
            inbox.put(connection, [inbox.from_channel(said, mark)], self.room.now)
        self.room.run()

    def told(self, key: str) -> list[str]:
        """The words in this chat, oldest first."""
        query = sa.select(OUTBOX.c.body).where(OUTBOX.c.conversation == key, OUTBOX.c.chat == key.partition(":")[2])
        return [row["body"].get("text", "") for row in self.room.rows(query.order_by(OUTBOX.c.id))]

    def press(self, key: str, label: str) -> None:
        query = sa.select(OUTBOX.c.body).where(OUTBOX.c.conversation == key).order_by(OUTBOX.c.id.desc())
        for row in self.room.rows(query):
            for place, one in enumerate(row["body"].get("choices", ()), 1):
                if one["label"] == label:
                    self.say(key, choice=f"{row['body']['menu']}.{place}")
                    return
        raise LookupError(label)

    def code(self, key: str) -> str:
        self.say(key, "nối kênh")
        [row] = self.room.rows(sa.select(CODES.c.code).where(CODES.c.conversation == key))
        assert f"{row['code'][:3]} {row['code'][3:]}" in self.told(key)[-1]
        return str(row["code"])

    def join(self, key: str, other: str) -> None:
        self.say(other, self.code(key))
        self.say(other, "có")

    def state(self, key: str) -> dict[str, object]:
        return dict(self.room.rows(sa.select(CONVERSATION.c.state).where(CONVERSATION.c.key == key))[0]["state"])

    def hands_off(self, key: str, problem: str = "máy báo lỗi") -> int:
        self.say(key, "gặp người")
        self.press(key, "Đồng ý")
        self.say(key, "khu phố 3 phường Phú Lợi")
        self.press(key, "Đúng rồi")
        self.say(key, problem)
        return int(self.room.rows(sa.select(sa.func.max(CASE.c.id).label("id")))[0]["id"])

    def together(self) -> list[set[str]]:
        groups: dict[str, set[str]] = {}
        for row in self.room.rows(sa.select(JOINED)):
            groups.setdefault(row["resident"], set()).add(row["conversation"])
        return list(groups.values())


@pytest.fixture
def chats(tmp_path: Path, database_url: str) -> Iterator[Chats]:
    with opened(tmp_path, database_url) as room:
        yield Chats(room)


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Chats]:
    with opened(tmp_path, f"sqlite:///{tmp_path}/gocua.db") as room:
        yield Chats(room)


# --- the code --------------------------------------------------------------------------------------------------------


def test_a_code_joins_two_chats_once(chats: Chats) -> None:
    code = chats.code(WEB)
    chats.say(ZALO, f" {code[:3].lower()} {code[3:].lower()} ")
    assert "nối cuộc trò chuyện này với trang web" in chats.told(ZALO)[-1]
    assert chats.together() == []  # not before they agree
    chats.say(ZALO, "có")
    assert chats.together() == [{ZALO, WEB}]
    assert "đã nối nơi này với trang web" in chats.told(ZALO)[-1]
    assert "đã nối nơi này với Zalo" in chats.told(WEB)[-1]
    assert (chats.state(ZALO)["joined"], chats.state(WEB)["joined"]) == (["web"], ["zalo_oa"])
    chats.say(OTHER, code)  # replayed by somebody else
    assert "chưa đúng hoặc đã hết hạn" in chats.told(OTHER)[-1]
    chats.say(ZALO, code)
    assert "chưa đúng hoặc đã hết hạn" in chats.told(ZALO)[-1]
    assert chats.together() == [{ZALO, WEB}]


def test_a_code_ends_after_ten_minutes(on_sqlite: Chats) -> None:
    code = on_sqlite.code(WEB)
    on_sqlite.room.later(minutes=joins.CODE_MINUTES)
    on_sqlite.say(ZALO, code)
    assert "hết hạn" in on_sqlite.told(ZALO)[-1]


def test_a_code_ends_while_they_think_about_it(on_sqlite: Chats) -> None:
    on_sqlite.say(ZALO, on_sqlite.code(WEB))
    on_sqlite.room.later(minutes=joins.CODE_MINUTES)
    on_sqlite.say(ZALO, "có")
    assert "hết hạn" in on_sqlite.told(ZALO)[-1]
    assert on_sqlite.together() == []


def test_a_new_code_makes_the_old_one_worthless(on_sqlite: Chats) -> None:
    first, second = on_sqlite.code(WEB), on_sqlite.code(WEB)
    assert first != second
    on_sqlite.say(ZALO, first)
    assert "chưa đúng" in on_sqlite.told(ZALO)[-1]


def test_a_code_that_was_typed_is_nobody_elses(chats: Chats) -> None:
    code = chats.code(WEB)
    chats.say(ZALO, code)
    chats.say(OTHER, code)
    assert "chưa đúng" in chats.told(OTHER)[-1]
    chats.say(OTHER, "có")
    chats.say(ZALO, code)  # typed again by the same: still theirs
    chats.say(ZALO, "có")
    assert chats.together() == [{ZALO, WEB}]


def test_no_means_that_the_code_is_gone(on_sqlite: Chats) -> None:
    code = on_sqlite.code(WEB)
    on_sqlite.say(ZALO, code)
    on_sqlite.press(ZALO, "Không nối")
    on_sqlite.say(ZALO, code)
    assert "chưa đúng" in on_sqlite.told(ZALO)[-1]
    assert on_sqlite.together() == []


def test_ones_own_code_and_a_chat_that_is_joined_already(on_sqlite: Chats) -> None:
    code = on_sqlite.code(WEB)
    on_sqlite.say(WEB, code)
    assert "ở kênh kia" in on_sqlite.told(WEB)[-1]
    on_sqlite.say(ZALO, code)
    on_sqlite.say(ZALO, "có")
    on_sqlite.say(ZALO, on_sqlite.code(WEB))
    assert "đã nối với nhau rồi" in on_sqlite.told(ZALO)[-1]


def test_guessing_ends_after_a_few_tries(on_sqlite: Chats) -> None:
    code = on_sqlite.code(WEB)
    wrong = "BCFGHJ" if code != "BCFGHJ" else "BCFGHK"
    for _ in range(joins.MOST_WRONG):
        on_sqlite.say(OTHER, wrong)
    on_sqlite.say(OTHER, code)
    assert "tạm nghỉ nhận mã" in on_sqlite.told(OTHER)[-1]
    on_sqlite.say(ZALO, code)  # who did not guess is not held up
    assert "muốn nối" in on_sqlite.told(ZALO)[-1]
    on_sqlite.room.later(minutes=joins.CODE_MINUTES, seconds=1)
    on_sqlite.say(OTHER, on_sqlite.code(WEB))
    assert "muốn nối" in on_sqlite.told(OTHER)[-1]


def test_guessing_many_at_once_helps_no_more(on_sqlite: Chats) -> None:
    """All of them have their turn in one batch."""
    room, code = on_sqlite.room, on_sqlite.code(WEB)
    wrong = ["BCFGHJ" if code != "BCFGHJ" else "BCFGHK"] * joins.MOST_WRONG
    with room.house.store.engine.begin() as connection:
        for place, text in enumerate([*wrong, code]):
            said = Inbound(channel="zalo_oa", chat="r1", message_id=str(place), sent_at=room.now, text=text)
            inbox.put(connection, [inbox.from_channel(said, str(place))], room.now)
    room.run()
    assert "tạm nghỉ nhận mã" in on_sqlite.told("zalo_oa:r1")[-1]


def test_guessing_from_many_chats_ends_too(on_sqlite: Chats) -> None:
    code = on_sqlite.code(WEB)
    with on_sqlite.room.house.store.engine.begin() as connection:
        row = {"at": on_sqlite.room.now, "kind": "join_wrong", "flow": "", "step": "", "detail": ""}
        many = [{**row, "conversation": f"web:doan-{one}"} for one in range(joins.MOST_WRONG_OF_ALL)]
        connection.execute(LOG.insert(), many)
    on_sqlite.say(ZALO, code)
    assert "tạm nghỉ nhận mã" in on_sqlite.told(ZALO)[-1]


def test_two_who_type_one_code_at_the_same_moment(chats: Chats) -> None:
    """Each in a transaction of its own, as two processes would."""
    room, code = chats.room, chats.code(WEB)
    rivals = [f"zalo_oa:r{one}" for one in range(4)]
    with room.house.store.engine.begin() as connection:
        for key in rivals:
            said = Inbound(channel="zalo_oa", chat=key[8:], message_id=key, sent_at=room.now, text=code)
            inbox.put(connection, [inbox.from_channel(said, key)], room.now)

    def take(key: str) -> None:
        with room.house.store.engine.begin() as connection:
            turns.take(connection, room.office, room.now, key)

    race([lambda key=key: take(key) for key in rivals])
    room.run()
    asked = [key for key in rivals if any("muốn nối" in text for text in chats.told(key))]
    assert len(asked) == 1
    assert all("chưa đúng" in chats.told(key)[-1] for key in rivals if key not in asked)
    chats.say(asked[0], "có")
    assert chats.together() == [{asked[0], WEB}]


def race(doings: list[object]) -> None:
    gate, failed = threading.Barrier(len(doings)), list[BaseException]()

    def run(doing: object) -> None:
        gate.wait()
        try:
            doing()  # type: ignore[operator]
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in doings]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert failed == []


# --- what joined means -----------------------------------------------------------------------------------------------


def test_place_and_consent_are_known_in_both(on_sqlite: Chats) -> None:
    case = on_sqlite.hands_off(WEB)
    on_sqlite.room.act(lambda c: desk.take(c, case, LAN, on_sqlite.room.now))
    on_sqlite.room.act(lambda c: desk.close(c, case, LAN, "solved", "", on_sqlite.room.now))
    on_sqlite.join(WEB, ZALO)
    assert on_sqlite.state(ZALO)["place"] == on_sqlite.state(WEB)["place"]
    assert on_sqlite.state(ZALO)["consent"] == on_sqlite.state(WEB)["consent"]
    on_sqlite.say(ZALO, "gặp người")
    on_sqlite.press(ZALO, "Đổi chỗ khác")
    on_sqlite.say(ZALO, "phường Thủ Dầu Một")
    on_sqlite.press(ZALO, "Đúng rồi")
    on_sqlite.press(ZALO, "Không biết")
    assert Place(**on_sqlite.state(ZALO)["place"]).commune == "25747"  # type: ignore[arg-type]
    assert on_sqlite.state(WEB)["place"] == on_sqlite.state(ZALO)["place"]


def test_who_helped_in_one_chat_is_asked_first_in_the_other(chats: Chats) -> None:
    case = chats.hands_off(WEB)
    chats.room.act(lambda c: desk.take(c, case, TAM, chats.room.now))
    chats.room.act(lambda c: desk.close(c, case, TAM, "solved", "", chats.room.now))
    chats.join(WEB, ZALO)
    chats.room.later(minutes=1)
    chats.say(ZALO, "gặp người")
    chats.press(ZALO, "Đúng rồi")  # place and consent are known
    chats.say(ZALO, "vẫn lỗi")
    second = chats.room.rows(sa.select(sa.func.max(CASE.c.id).label("id")))[0]["id"]
    assert second > case
    assert chats.room.offers(second)[0][0] == TAM  # although Lan has been idle for longer


def test_an_open_case_goes_on_where_they_write(chats: Chats) -> None:
    case = chats.hands_off(WEB)
    chats.room.act(lambda c: desk.take(c, case, LAN, chats.room.now))
    chats.join(WEB, ZALO)
    assert chats.room.case(case)["conversation"] == WEB
    chats.say(ZALO, "máy vẫn báo lỗi")
    assert chats.room.case(case)["conversation"] == ZALO
    assert "bên trang web, từ giờ mình nói tiếp ở đây" in chats.told(ZALO)[-1]
    assert "máy vẫn báo lỗi" in chats.room.last(CHAT[LAN])
    chats.room.act(lambda c: desk.say(c, case, LAN, "Dạ bác tắt máy mở lại giúp con.", (), "1", chats.room.now))
    assert "tắt máy mở lại" in chats.told(ZALO)[-1]
    assert not [text for text in chats.told(WEB) if "tắt máy mở lại" in text]
    assert chats.state(WEB).get("held_by", "bot") == "bot"
    chats.say(WEB, "được rồi con")
    assert chats.room.case(case)["conversation"] == WEB
    assert "được rồi con" in chats.room.last(CHAT[LAN])
    assert chats.state(ZALO).get("held_by", "bot") == "bot"
    chats.room.act(lambda c: desk.close(c, case, LAN, "solved", "", chats.room.now))
    assert "phần nhờ người của tổ xong rồi" in chats.told(WEB)[-1]
    assert chats.room.two_voices == []


def test_what_they_say_in_two_chats_at_once_reaches_the_member(chats: Chats) -> None:
    room, case = chats.room, chats.hands_off(WEB)
    room.act(lambda c: desk.take(c, case, LAN, room.now))
    chats.join(WEB, ZALO)
    chats.join(WEB, OTHER)
    with room.house.store.engine.begin() as connection:
        for key in (ZALO, OTHER):
            channel, _, chat = key.partition(":")
            said = Inbound(channel=channel, chat=chat, message_id=key, sent_at=room.now, text=f"lời ở {channel}")
            inbox.put(connection, [inbox.from_channel(said, key)], room.now)

    def take(key: str) -> None:
        with room.house.store.engine.begin() as connection:
            turns.take(connection, room.office, room.now, key)

    race([lambda: take(ZALO), lambda: take(OTHER)])
    room.run()
    read = room.texts(CHAT[LAN])
    assert all(any(f"lời ở {channel}" in text for text in read) for channel in ("zalo_oa", "messenger"))
    here = room.case(case)["conversation"]
    assert here in (ZALO, OTHER)
    held = {key: chats.state(key).get("held_by", "bot") for key in (WEB, ZALO, OTHER)}
    assert {key for key, by in held.items() if by == "team"} == {here}


def test_the_menu_of_one_chat_does_not_end_a_case_of_the_other(on_sqlite: Chats) -> None:
    case = on_sqlite.hands_off(WEB)
    on_sqlite.room.act(lambda c: desk.take(c, case, LAN, on_sqlite.room.now))
    on_sqlite.join(WEB, ZALO)
    on_sqlite.say(ZALO, "menu")
    on_sqlite.press(ZALO, "Xem thêm")
    assert (on_sqlite.room.case(case)["conversation"], on_sqlite.room.case(case)["closed_at"]) == (WEB, None)
    on_sqlite.say(ZALO, "gặp người")
    assert on_sqlite.room.case(case)["conversation"] == ZALO


def test_a_waiting_case_waits_on_in_the_other_chat(on_sqlite: Chats) -> None:
    case = on_sqlite.hands_off(WEB)
    on_sqlite.join(WEB, ZALO)
    on_sqlite.say(ZALO, "có ai chưa")
    assert on_sqlite.room.case(case)["conversation"] == ZALO
    assert "hàng chờ" in on_sqlite.told(ZALO)[-1]
    on_sqlite.room.act(lambda c: desk.take(c, case, LAN, on_sqlite.room.now))
    assert "nhận giúp Bác rồi" in on_sqlite.told(ZALO)[-1]


def test_both_channels_stand_in_the_case(chats: Chats) -> None:
    case = chats.hands_off(WEB, "máy báo lỗi một")
    chats.room.act(lambda c: desk.take(c, case, LAN, chats.room.now))
    chats.join(WEB, ZALO)
    chats.say(ZALO, "máy báo lỗi hai")
    lan = auth.Member(id=LAN, name="Lan", called="chị Lan", is_lead=False, team_id=1, hamlet_key="", commune="25750",
                      province="79", on_duty=True, open_cases=1, capacity=3)  # fmt: skip
    with chats.room.house.store.engine.connect() as connection:
        shown = views.opened(connection, chats.room.house.shelf.library, case, lan)
    assert shown is not None
    theirs = {line.text: channel for line, channel in zip(shown.lines, shown.lines_channels, strict=True)}
    assert (theirs["máy báo lỗi một"], theirs["máy báo lỗi hai"]) == ("trang web", "Zalo")
    assert [line.at for line in shown.lines] == sorted(line.at for line in shown.lines)


def test_a_third_chat_belongs_to_both(on_sqlite: Chats) -> None:
    on_sqlite.join(WEB, ZALO)
    on_sqlite.join(ZALO, OTHER)
    assert on_sqlite.together() == [{WEB, ZALO, OTHER}]
    assert sorted(on_sqlite.state(WEB)["joined"]) == ["messenger", "zalo_oa"]  # type: ignore[call-overload]
    on_sqlite.say(ZALO, "tách kênh")
    assert on_sqlite.together() == [{WEB, OTHER}]
    assert "joined" not in on_sqlite.state(ZALO)
    on_sqlite.say(WEB, "tách kênh")
    assert on_sqlite.together() == []
    assert "đã tách ra" in on_sqlite.told(OTHER)[-1]
    on_sqlite.join(ZALO, "web:khac")
    assert on_sqlite.together() == [{ZALO, "web:khac"}]


# --- erasing ---------------------------------------------------------------------------------------------------------


def words_kept(chats: Chats, key: str) -> list[str]:
    """What is still there of anybody's words in a chat, but for what was said about the erasing itself."""
    came = chats.room.rows(sa.select(INBOX.c.body).where(INBOX.c.conversation == key))
    went = chats.told(key)
    return [row["body"]["text"] for row in came if row["body"].get("text")] + [text for text in went if text]


def test_erasing_in_one_chat_erases_both(chats: Chats) -> None:
    case = chats.hands_off(WEB)
    chats.room.act(lambda c: desk.take(c, case, LAN, chats.room.now))
    chats.join(WEB, ZALO)
    chats.say(ZALO, "máy vẫn báo lỗi")
    chats.say(ZALO, "xoá dữ liệu")
    assert "cả bên trang web" in chats.told(ZALO)[-1]
    chats.say(ZALO, "xoá hết")
    assert "bên trang web con đang xoá luôn" in chats.told(ZALO)[-1]
    assert words_kept(chats, WEB) == ["Dạ Bác vừa nhờ xoá dữ liệu ở kênh kia, nên con đã xoá ở đây luôn."]
    assert not [text for text in words_kept(chats, ZALO) if "máy vẫn báo lỗi" in text]
    assert chats.together() == []
    assert chats.room.rows(sa.select(CODES)) == []
    assert (chats.room.case(case)["problem"], chats.room.case(case)["outcome"]) == ("", "resident_left")
    assert "place" not in chats.state(WEB)
    assert "place" not in chats.state(ZALO)


def test_consent_taken_back_at_the_provider_holds_for_both(on_sqlite: Chats) -> None:
    on_sqlite.join(WEB, ZALO)
    on_sqlite.say(WEB, "chuyện riêng của tôi")
    gone = Withdrawn(channel="zalo_oa", chat="z1")
    with on_sqlite.room.house.store.engine.begin() as connection:
        inbox.put(connection, [inbox.from_channel(gone, "w1")], on_sqlite.room.now)
    on_sqlite.room.run()
    assert len(words_kept(on_sqlite, WEB)) == 1
    assert on_sqlite.together() == []


def test_a_code_of_who_is_erased_is_worth_nothing(on_sqlite: Chats) -> None:
    code = on_sqlite.code(WEB)
    on_sqlite.say(WEB, "xoá dữ liệu")
    on_sqlite.say(WEB, "xoá hết")
    on_sqlite.say(ZALO, code)
    assert "chưa đúng" in on_sqlite.told(ZALO)[-1]
