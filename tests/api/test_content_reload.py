"""Content edited while the service runs: a mistake never takes it away, a mended file comes by itself."""

import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from api import main, schema, versions
from api.tables import FlowVersion
from bot.flow import Flow
from bot.library import Folders, load
from tests.fakes.telegram import FakeTelegram
from tests.service import DAY, LAN, Service, started

TU = 2001
FLOW = """\
title: Thử việc
topic: vneid
asked_as: [thử việc giúp tôi]
verified_on: 2026-11-21
expires_on: 2027-05-21
sources: [Bài thử]
owner: Bài thử
steps:
  mot:
    choose: Bác chọn màu nào ạ?
    options: {Xanh: hai, Đỏ: hai}
  hai:
    do: Bác bấm nút giữa.
  ba:
    end: Dạ xong.
"""
#: nobody comes to the step "hai" any more
WITHOUT = FLOW.replace("{Xanh: hai, Đỏ: hai}", "{Xanh: ba, Đỏ: ba}").replace("  hai:\n    do: Bác bấm nút giữa.\n", "")


_version = FlowVersion.__table__
VERSIONS = sa.select(_version.c.version).where(_version.c.flow == "thu-viec")


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with started(tmp_path, folders=little_content(tmp_path)) as one:
        yield one


def little_content(folder: Path) -> Folders:
    """Two flows and the articles of one topic, which are read in a moment; places and patterns are the shipped ones."""
    shipped, ours = Folders(), Folders(flows=folder / "flows", knowledge=folder / "knowledge")
    ours.flows.mkdir()
    shutil.copy(shipped.flows / "gap-nguoi.yaml", ours.flows)
    (ours.flows / "thu-viec.yaml").write_text(FLOW, encoding="utf-8")
    ours.knowledge.mkdir()
    for part in ("places", "scams", "topics"):
        (ours.knowledge / part).symlink_to(shipped.knowledge / part)
    shutil.copytree(shipped.knowledge / "articles" / "app-tinh", ours.knowledge / "articles" / "app-tinh")
    return ours


def write(service: Service, text: str) -> None:
    (service.house.shelf.watched[0] / "thu-viec.yaml").write_text(text, encoding="utf-8")


async def broken(service: Service) -> bool:
    return bool(service.house.shelf.worry)


async def test_a_broken_file_keeps_the_last_good_content_and_is_told(service: Service) -> None:
    await service.says(TU, "/start thu-viec")
    with capture_logs() as logs:
        write(service, FLOW.replace("then:", "").replace("{Xanh: hai, Đỏ: hai}", "{Xanh: hia, Đỏ: hai}"))
        await service.until(lambda: broken(service))
    [told] = [one for one in logs if one["event"] == "content_refused"]
    assert "thu-viec.yaml" in told["problems"]
    assert "hia" in told["problems"]
    ready = await service.web.get("/health/ready")
    assert (ready.status_code, "thu-viec.yaml" in ready.json()["warnings"]["content"]) == (200, True)
    desk = await service.desk_of(LAN)
    assert "Nội dung có lỗi, đang dùng bản trước" in (await desk.get("/team")).text
    await service.press(TU, "Xanh")
    assert "Bác bấm nút giữa." in service.last(TU)

    write(service, FLOW.replace("Bác bấm nút giữa.", "Bác bấm nút phải."))
    await service.until(lambda: _mended(service))
    assert (await service.web.get("/health/ready")).json()["warnings"] == {}
    assert "Nội dung có lỗi" not in (await desk.get("/team")).text
    await service.says(TU, "nhắc lại")
    assert "Bác bấm nút phải." in service.last(TU)


async def _mended(service: Service) -> bool:
    return not service.house.shelf.worry and "phải" in str(service.house.shelf.library.flows["thu-viec"])


async def test_who_stands_on_a_step_that_is_taken_away_goes_on(service: Service) -> None:
    await service.says(TU, "/start thu-viec")
    await service.press(TU, "Đỏ")
    write(service, WITHOUT)
    await service.until(lambda: _without(service))
    versions = await service.rows(VERSIONS)
    assert len(versions) == 2
    await service.says(TU, "nhắc lại")
    assert "Bác bấm nút giữa." in service.last(TU)
    await service.press(TU, "Xong rồi")
    assert "Dạ xong." in service.last(TU)


async def _without(service: Service) -> bool:
    stored = await service.rows(VERSIONS)
    return "hai" not in service.house.shelf.library.flows["thu-viec"].steps and len(stored) == 2


async def test_an_old_version_outlives_a_restart(tmp_path: Path) -> None:
    folders = little_content(tmp_path)
    async with FakeTelegram() as telegram:
        async with started(tmp_path, folders=folders, telegram=telegram) as service:
            await service.says(TU, "/start thu-viec")
            await service.press(TU, "Đỏ")
        (folders.flows / "thu-viec.yaml").write_text(WITHOUT, encoding="utf-8")
        async with started(tmp_path, folders=folders, telegram=telegram) as service:
            await service.says(TU, "nhắc lại")
            assert "Bác bấm nút giữa." in service.last(TU)
            assert len(service.shown(TU)) == 3


async def test_content_that_changes_while_the_database_is_away_is_there_once_it_is_back(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, tried = versions.keep, []

    def away_at_first(*given: Any) -> None:
        tried.append(1)
        if len(tried) == 1:
            raise sa.exc.OperationalError("INSERT", {}, Exception("the line is cut"))
        keep(*given)

    monkeypatch.setattr(main, "RENEW_AGAIN_S", 0.05)
    monkeypatch.setattr(versions, "keep", away_at_first)
    write(service, WITHOUT)
    await service.until(lambda: _without(service))
    write(service, FLOW.replace("Bác bấm nút giữa.", "Bác bấm nút phải."))
    await service.until(lambda: _mended(service))
    assert (await service.web.get("/health/ready")).status_code == 200


def test_processes_that_renew_at_the_same_moment_keep_a_version_once(tmp_path: Path, postgres_url: str) -> None:
    flows = [flow for flow in load(little_content(tmp_path)).flows.values() if flow.id == "thu-viec"]
    engine = sa.create_engine(postgres_url)
    schema.migrate(engine)
    with ThreadPoolExecutor(1) as beside, engine.connect() as one:
        with one.begin():
            versions.keep(one, flows, DAY)
            other = beside.submit(_kept, engine, flows)
            with pytest.raises(TimeoutError):
                other.result(timeout=0.3)
        other.result(timeout=10)
        assert len(one.execute(VERSIONS).all()) == 1
    engine.dispose()


def _kept(engine: sa.Engine, flows: list[Flow]) -> None:
    with engine.begin() as other:
        versions.keep(other, flows, DAY)
