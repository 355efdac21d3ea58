"""The page "Nội dung": flows drawn, where residents get stuck and leave, what expires soon."""

import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from api.console import content_views
from api.console.content_map import laid_out
from api.console.content_views import Count
from api.house import House
from api.shelf import Shelf
from api.tables import Log
from bot.flow import VERDICTS, parse
from bot.library import Folders, Library
from tests import console_app as town
from tests.cast import HOME, NOW
from tests.console_app import LAN

FLOW = "vneid-tao-tai-khoan"
DRAWN = """title: Thử
topic: vneid
steps:
  chao: {say: Chào Bác}
  hoi: {choose: Gì, options: {Một: lam, Hai: dan, Ba: lam}}
  lam: {do: Làm đi, stuck: [{sign: Hư, say: Sửa, then: hoi}, {sign: Lạc, say: Tìm}]}
  ten: {ask: Tên, as: ten, otherwise: het}
  dan: {check: Dán, verdicts: {scam: nguoi, suspicious: nguoi}, then: sang}
  sang: {go: gap-nguoi}
  het: {end: Xong}
  nguoi: {hand_off: Dạ}
"""


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf(Folders(), HOME, dict)


@pytest.fixture
async def built(shelf: Shelf, tmp_path: Path) -> AsyncIterator[tuple[FastAPI, House]]:
    app, house = town.build(shelf, tmp_path, NOW)
    house.store.start()
    yield app, house
    house.store.stop()


@pytest.fixture
async def lan(built: tuple[FastAPI, House]) -> AsyncIterator[httpx.AsyncClient]:
    app, house = built
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://desk.test") as client:
        await client.post(await house.store.write(lambda c: town.sign_in(c, LAN, NOW)))
        yield client


async def happened(house: House, *rows: tuple[str, str, str, str, int]) -> None:
    """(conversation, kind, flow, step, hours ago) in the log, in this order."""

    def work(connection: sa.Connection) -> None:
        for conversation, kind, flow, step, hours in rows:
            connection.execute(
                Log.__table__.insert(),
                {"at": NOW - timedelta(hours=hours), "kind": kind, "conversation": conversation, "flow": flow,
                 "step": step, "detail": ""},
            )  # fmt: skip

    await house.store.write(work)


async def counted(house: House) -> content_views.Counts:
    return await house.store.read(lambda c: content_views.counts(c, house.shelf.library, NOW))


async def test_nobody_was_there_yet(built: tuple[FastAPI, House]) -> None:
    assert await counted(built[1]) == {}


async def test_what_residents_did_is_counted(built: tuple[FastAPI, House]) -> None:
    house = built[1]
    first = house.shelf.library.flows[FLOW].first.id
    await happened(
        house,
        ("web:a", "flow_started", FLOW, "", 50), ("web:a", "step_done", FLOW, first, 49),
        ("web:a", "stuck", FLOW, "cai-app", 48), ("web:a", "helped", FLOW, "cai-app", 47),
        ("web:b", "flow_started", FLOW, "", 30), ("web:b", "step_done", FLOW, first, 30),
        ("web:b", "flow_ended", FLOW, "xong", 29),
        ("web:c", "flow_started", FLOW, "", 26),
        ("web:d", "flow_started", FLOW, "", 30), ("web:d", "stuck", FLOW, "cai-app", 23),
        ("web:e", "flow_started", FLOW, "", 40), ("web:e", "person_wanted", FLOW, "cai-app", 40),
        ("web:f", "flow_started", FLOW, "", 91 * 24), ("web:f", "stuck", FLOW, "cai-app", 91 * 24),
        ("web:g", "flow_started", "gap-nguoi", "", 60),
    )  # fmt: skip
    found = await counted(house)
    # a got stuck and was silent since; c never answered; d may still be at it; f was too long ago
    assert found[FLOW, ""] == Count(started=5, done=1, stuck=2, person=1, left=2)
    assert found[FLOW, "cai-app"] == Count(stuck=2, person=1, left=1)
    assert found[FLOW, first] == Count(done=2, left=1)
    assert found["gap-nguoi", ""] == Count(started=1)
    hard = content_views.hardest(house.shelf.library, found)
    assert [(one.step, one.count.stuck, one.count.left) for one in hard] == [("cai-app", 2, 1), (first, 0, 1)]


async def test_of_a_long_log_the_newest_rows_are_counted(
    built: tuple[FastAPI, House], lan: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = built[1]
    monkeypatch.setattr(content_views, "MOST_ROWS", 3)
    await happened(house, *((f"web:{hours}", "flow_started", FLOW, "", hours) for hours in (240, 120, 75, 50, 30)))
    assert (await counted(house))[FLOW, ""] == Count(started=3, left=3)
    assert "Trong 3 ngày qua" in (await lan.get("/team/content")).text


async def test_steps_that_are_gone_are_not_hard(built: tuple[FastAPI, House]) -> None:
    house = built[1]
    await happened(house, ("web:a", "stuck", FLOW, "da-bo", 1), ("web:b", "stuck", "bo-roi", "a", 1))
    assert content_views.hardest(house.shelf.library, await counted(house)) == ()


def alone(library: Library) -> Library:
    return replace(library, flows={"thu": parse(DRAWN, "thu.yaml"), "gap-nguoi": library.flows["gap-nguoi"]})


def test_every_way_is_drawn(shelf: Shelf) -> None:
    library = alone(shelf.library)
    steps = content_views.drawn(library, library.flows["thu"], {("thu", "lam"): Count(stuck=3)})
    told = {step.id: [(way.label, way.number or way.title) for way in step.ways] for step in steps}
    assert told == {
        "chao": [("", 2)],
        "hoi": [("Một", 3), ("Hai", 5), ("Ba", 3)],
        "lam": [("Xong rồi", 4), ("Vướng: Hư", 2), ("Vướng: Lạc", 4)],
        "ten": [("Trả lời", 5), ("Không, hoặc bỏ qua", 7)],
        "dan": [("Lừa đảo", 8), ("Đáng ngờ", 8), ("Chính thức", 6), ("Chưa rõ", 6)],
        "sang": [("Sang", library.flows["gap-nguoi"].title), ("Xong thì về", 7)],
        "het": [],
        "nguoi": [],
    }
    assert len(told["dan"]) == len(VERDICTS)
    assert steps[2].count == Count(stuck=3)


def test_the_map_has_a_bow_for_each_pair_and_heat_where_it_is_hard(shelf: Shelf) -> None:
    library = alone(shelf.library)
    found = {("thu", "lam"): Count(stuck=3, left=1), ("thu", "hoi"): Count(left=1)}
    drawing = laid_out(content_views.drawn(library, library.flows["thu"], found))
    assert [box.heat for box in drawing.boxes] == [0, 3, 10, 0, 0, 0, 0, 0]
    assert [box.end for box in drawing.boxes] == [False] * 6 + [True, True]
    assert drawing.boxes[5].text.startswith("6. ")
    assert len(drawing.bows) == 1 + 2 + 2 + 2 + 2 + 1
    assert sum(bow.back for bow in drawing.bows) == 1
    numbers = [int(one) for bow in drawing.bows for one in re.findall(r"\d+", bow.path)]
    assert max(numbers) <= max(drawing.width, drawing.height)
    edges = [box.y for box in drawing.boxes]
    assert all(after - before > drawing.box_height for before, after in pairwise(edges))


@pytest.mark.parametrize(("days", "is_due"), [(31, False), (30, True), (0, True), (-1, True)])
def test_what_expires_within_a_month_is_due(shelf: Shelf, days: int, is_due: bool) -> None:
    day = NOW.date() + timedelta(days=days)
    library = replace(alone(shelf.library), articles={})
    flows = {
        "thu": replace(
            library.flows["thu"], verified_on=NOW.date() - timedelta(days=90), expires_on=day, owner="Tổ Một"
        )
    }
    found = content_views.due_soon(replace(library, flows=flows), NOW)
    assert [(one.id, one.owner) for one in found] == [("thu", "Tổ Một")] * is_due


async def test_the_pages(built: tuple[FastAPI, House], lan: httpx.AsyncClient) -> None:
    library = built[1].shelf.library
    await happened(built[1], ("web:a", "flow_started", FLOW, "", 50), ("web:a", "stuck", FLOW, "cai-app", 48))
    page = html.unescape((await lan.get("/team/content")).text)
    assert set(re.findall(r'href="/team/content/([\w-]+)"', page)) >= set(library.flows)
    assert f'/team/content/{FLOW}#cai-app">{library.flows[FLOW].title}, bước ' in page
    for flow in library.flows.values():
        answer = await lan.get(f"/team/content/{flow.id}")
        assert answer.status_code == 200
        assert answer.text.count('<rect class="box') == len(flow.steps)
        anchors = set(re.findall(r'href="#([\w-]+)"', answer.text))
        assert anchors <= set(re.findall(r'id="([\w-]+)"', answer.text))
    assert (await lan.get("/team/content/khong-co")).status_code == 404


async def test_the_pages_are_for_members(built: tuple[FastAPI, House]) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=built[0]), base_url="http://desk.test") as stranger:
        for path in ("/team/content", f"/team/content/{FLOW}"):
            assert (await stranger.get(path)).status_code in (303, 401)
