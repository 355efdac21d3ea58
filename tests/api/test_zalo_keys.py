"""The keys to an Official Account: refreshed once however many processes want it, and never lost in silence."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api.carrier import Carrier
from api.house import House
from api.main import _bases, build
from api.settings import Settings
from api.store import StoreAway, Work
from api.tables import ZaloKey
from api.zalo_keys import NAME, Keyring
from bot.channel import Call
from tests.fakes.zalo_oa import FakeZaloOa, _challenge
from tests.service import DAY, Clock, shared_content

KEY = ZaloKey.__table__
OA = "9001"


class Killed(BaseException):
    """The process is gone: nothing after this line of it runs but what the system itself tidies up."""


class DyingCarrier(Carrier):
    """Dies with the answer to a refresh in its hands."""

    dies = False

    async def post(self, name: str, call: Call) -> tuple[int, bytes]:
        answer = await super().post(name, call)
        if self.dies:
            raise Killed
        return answer


@contextlib.asynccontextmanager
async def process(url: str, folder: Path, fake: FakeZaloOa, clock: Clock, token: str) -> AsyncIterator[Keyring]:
    """One process of the service, as far as keys go."""
    settings = Settings(
        _env_file=None, database_url=url, media_folder=str(folder), secret_key="x" * 40, zalo_oa_app_id=fake.app_id,
        zalo_oa_app_secret=fake.app_secret, zalo_oa_oa_secret=fake.secret, zalo_oa_oa_id=OA,
        zalo_oa_refresh_token=token, zalo_oa_api=fake.base_url, zalo_oa_oauth=fake.base_url,
    )  # fmt: skip
    with shared_content():
        house = build(settings, clock)
    try:
        async with DyingCarrier(house, _bases(settings)) as carrier:
            house.keyring = Keyring(house, carrier)
            await house.keyring.begin()
            yield house.keyring
    finally:
        await asyncio.to_thread(house.store.stop)


async def row(house: House) -> sa.RowMapping:
    return await house.store.read(lambda c: c.execute(sa.select(KEY)).mappings().one())


async def works(keyring: Keyring, fake: FakeZaloOa) -> bool:
    """Whether the channel of this process holds a token that Zalo takes."""
    calls = keyring.house.channels[NAME].profile(f"2001@{OA}")  # type: ignore[attr-defined]
    fake.last_ms["2001"] = fake.now_ms
    _status, body = await keyring.carrier.post(NAME, calls)
    return b'"error": 0' in body


async def test_the_first_token_comes_from_the_settings(tmp_path: Path) -> None:
    async with FakeZaloOa() as fake:
        url, clock = f"sqlite:///{tmp_path}/k.db", Clock(DAY)
        async with process(url, tmp_path, fake, clock, fake.refresh_token()) as keyring:
            await keyring.look()
            assert await works(keyring, fake)
            assert keyring.house.worries == {}
            await keyring.look()
            assert len(fake.called("oauth")) == 1
            clock.move(hours=20)
            fake.later(20)
            await keyring.look()
            assert len(fake.called("oauth")) == 2
            assert await works(keyring, fake)


async def test_after_a_restart_the_stored_pair_goes_on(tmp_path: Path) -> None:
    async with FakeZaloOa() as fake:
        url, clock, token = f"sqlite:///{tmp_path}/k.db", Clock(DAY), fake.refresh_token()
        for _ in range(2):
            async with process(url, tmp_path, fake, clock, token) as keyring:
                await keyring.look()
                assert await works(keyring, fake)
        assert len(fake.called("oauth")) == 1


async def test_a_new_token_in_the_settings_begins_anew(tmp_path: Path) -> None:
    async with FakeZaloOa() as fake:
        url, clock = f"sqlite:///{tmp_path}/k.db", Clock(DAY)
        async with process(url, tmp_path, fake, clock, "stale") as keyring:
            await keyring.look()
            assert "gocua zalo connect" in keyring.house.worries[f"zalo {OA}"]
            await keyring.look()
            assert len(fake.called("oauth")) == 1, "what only a person can mend is not asked again"
        async with process(url, tmp_path, fake, clock, fake.refresh_token()) as keyring:
            await keyring.look()
            assert await works(keyring, fake)
            assert keyring.house.worries == {}


async def test_a_refresh_that_nobody_answers_is_tried_again(tmp_path: Path) -> None:
    async with FakeZaloOa() as fake:
        url = f"sqlite:///{tmp_path}/k.db"
        async with process(url, tmp_path, fake, Clock(DAY), fake.refresh_token()) as keyring:
            fake.fail("oauth", 0)
            fake.fail("oauth", 500, "oops")
            await keyring.look()
            assert "sẽ thử lại" in keyring.house.worries[f"zalo {OA}"]
            await keyring.look()
            assert await works(keyring, fake)
            assert keyring.house.worries == {}


async def test_an_answer_that_was_lost_alerts_at_once_and_the_old_key_still_works(tmp_path: Path) -> None:
    async with FakeZaloOa() as fake:
        url, clock = f"sqlite:///{tmp_path}/k.db", Clock(DAY)
        async with process(url, tmp_path, fake, clock, fake.refresh_token()) as keyring:
            await keyring.look()
            clock.move(hours=21)
            fake.later(21)
            fake.fail("oauth", 0, done=True)
            await keyring.look()
            assert "đồng ý lại" in keyring.house.worries[f"zalo {OA}"]
            assert await works(keyring, fake)


async def test_two_processes_refresh_at_the_same_moment(postgres_url: str, tmp_path: Path) -> None:
    async with FakeZaloOa() as fake, contextlib.AsyncExitStack() as stack:
        clock, token = Clock(DAY), fake.refresh_token()
        both = [await stack.enter_async_context(process(postgres_url, tmp_path, fake, clock, token)) for _ in range(2)]
        for round_ in range(5):
            await asyncio.gather(*(keyring.look() for keyring in both))
            assert len(fake.called("oauth")) == round_ + 1
            assert [await works(keyring, fake) for keyring in both] == [True, True]
            assert [keyring.house.worries for keyring in both] == [{}, {}]
            clock.move(hours=20.5)
            fake.later(20.5)


async def test_both_meet_a_worn_out_token_at_the_same_moment(postgres_url: str, tmp_path: Path) -> None:
    async with FakeZaloOa() as fake, contextlib.AsyncExitStack() as stack:
        clock, token = Clock(DAY), fake.refresh_token()
        both = [await stack.enter_async_context(process(postgres_url, tmp_path, fake, clock, token)) for _ in range(2)]
        await asyncio.gather(*(keyring.look() for keyring in both))
        worn = await both[0].access(OA)
        fresh = await asyncio.gather(*(keyring.renew(OA, worn) for keyring in both * 3))
        assert len(set(fresh)) == 1
        assert fresh[0] not in ("", worn)
        assert len(fake.called("oauth")) == 2


@pytest.mark.parametrize("dies", ["before the call", "before the save"])
async def test_one_is_killed_and_the_other_goes_on(dies: str, postgres_url: str, tmp_path: Path) -> None:
    async with FakeZaloOa() as fake, contextlib.AsyncExitStack() as stack:
        clock, token = Clock(DAY), fake.refresh_token()
        one, other = [
            await stack.enter_async_context(process(postgres_url, tmp_path, fake, clock, token)) for _ in range(2)
        ]
        await one.look()
        clock.move(hours=21)
        fake.later(21)
        assert isinstance(one.carrier, DyingCarrier)
        one.carrier.dies = dies == "before the save"
        if dies == "before the call":
            # asking is written down, and no more: the token was not spent
            asked = KEY.update().values(asked_at=clock())
            await one.house.store.write(lambda c: c.execute(asked) and None)
        else:
            with pytest.raises(Killed):
                await one.look()
        await other.look()
        assert await works(other, fake), "the OA stays connected"
        alerted = f"zalo {OA}" in other.house.worries
        assert alerted is (dies == "before the save")
        assert (await row(other.house))["asked_at"] is None


async def _look_as_the_database_goes(keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is away from the moment in which Zalo has given a new pair, and back after that."""
    store, given = keyring.house.store, asyncio.Event()
    ask, write = keyring.carrier.post, store.write

    async def asks(name: str, call: Call) -> tuple[int, bytes]:
        answer = await ask(name, call)
        given.set()
        return answer

    async def goes(work: Work[Any]) -> Any:
        if given.is_set():
            raise StoreAway("OperationalError")
        return await write(work)

    with monkeypatch.context() as patched:
        patched.setattr(keyring.carrier, "post", asks)
        patched.setattr(store, "write", goes)
        with pytest.raises(StoreAway):
            await keyring.look()


async def test_a_pair_that_came_while_the_database_was_away_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token that it was asked for with is spent: to ask once more would end the account's connection."""
    async with FakeZaloOa() as fake:
        url, clock = f"sqlite:///{tmp_path}/k.db", Clock(DAY)
        async with process(url, tmp_path, fake, clock, fake.refresh_token()) as keyring:
            await _look_as_the_database_goes(keyring, monkeypatch)
            await keyring.look()
            assert len(fake.called("oauth")) == 1
            assert await works(keyring, fake)
            assert keyring.house.worries == {}
            assert (await row(keyring.house))["asked_at"] is None
            clock.move(hours=21)
            fake.later(21)
            await _look_as_the_database_goes(keyring, monkeypatch)
            await keyring.connect(OA, fake.consent(_challenge("a verifier")), "a verifier")
            consented = (await row(keyring.house))["access"]
            await keyring.look()
            assert (await row(keyring.house))["access"] == consented, "a person's word is newer than that pair"
            assert len(fake.called("oauth")) == 3
            assert await works(keyring, fake)


async def test_a_refused_form_of_buttons_is_remembered(tmp_path: Path) -> None:
    async with FakeZaloOa() as fake:
        url = f"sqlite:///{tmp_path}/k.db"
        async with process(url, tmp_path, fake, Clock(DAY), fake.refresh_token()) as keyring:
            keyring.accounts[OA] = replace(keyring.accounts[OA], buttons="form1")
            await keyring.look()
            assert keyring.house.channels[NAME]._buttons == {OA: "form1"}  # type: ignore[attr-defined]
            await keyring.buttons_refused(OA, "-233")
            assert keyring.house.channels[NAME]._buttons == {}  # type: ignore[attr-defined]
            assert "chữ có đánh số" in keyring.house.worries[f"zalo buttons {OA}"]
