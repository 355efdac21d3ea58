"""Residents on every channel, behind three words: `says`, `chooses`, `reads`; each writes to its own fake provider.

Where a channel has no buttons a resident types the number in front of the label, as they would on their phone.
"""

import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa

from tests.fakes.messenger import FakeMessenger
from tests.fakes.served import Fields, Served
from tests.fakes.zalo_bot import FakeZaloBot
from tests.fakes.zalo_oa import FakeZaloOa
from tests.service import CONVERSATION, Service, Visitor, started

ME = "2001"
CHANNELS = ("zalo_oa", "zalo_bot", "messenger", "telegram", "web")


class Resident(Protocol):
    service: Service
    #: the conversation's key
    key: str

    async def arrives(self) -> None:
        """What a resident does before their first word: follows, presses start, opens the page."""

    async def says(self, text: str) -> None: ...

    async def chooses(self, label: str) -> None: ...

    async def reads(self) -> list[str]:
        """All that was said to them, oldest first."""


async def last(resident: Resident) -> str:
    return (await resident.reads())[-1]


class OnZalo:
    def __init__(self, service: Service, fake: FakeZaloOa) -> None:
        self.service, self.fake, self.key = service, fake, f"zalo_oa:{ME}@{fake.oa}"

    async def arrives(self) -> None:
        self.fake.last_ms[ME] = self.fake.now_ms
        follow = {"oa_id": self.fake.oa, "follower": {"id": ME}, "source": "oa_profile"}
        assert await self.fake.deliver("follow", follow) == 200
        await self.service.quiet()

    async def says(self, text: str) -> None:
        assert await self.fake.says(ME, text) == 200
        await self.service.quiet()

    async def chooses(self, label: str) -> None:
        await self.says(_number(await self.reads(), label))

    async def reads(self) -> list[str]:
        return [message.get("text", "") for message in self.fake.messages.get(ME, [])]


class OnZaloBot:
    key = f"zalo_bot:{ME}"

    def __init__(self, service: Service, fake: FakeZaloBot) -> None:
        self.service, self.fake = service, fake

    async def arrives(self) -> None:
        """There is nothing to do before the first word."""

    async def says(self, text: str) -> None:
        assert await self.fake.says(ME, text) == 200
        await self.service.quiet()

    async def chooses(self, label: str) -> None:
        await self.says(_number(await self.reads(), label))

    async def reads(self) -> list[str]:
        return [str(message.get("text", message.get("caption", ""))) for message in self.fake.messages.get(ME, [])]


class OnMessenger:
    def __init__(self, service: Service, fake: FakeMessenger) -> None:
        self.service, self.fake, self.key = service, fake, f"messenger:{ME}"

    async def arrives(self) -> None:
        assert await self.fake.happens(ME, postback={"title": "Bắt đầu", "payload": "say:/start"}) == 200
        await self.service.quiet()

    async def says(self, text: str) -> None:
        assert await self.fake.says(ME, text) == 200
        await self.service.quiet()

    async def chooses(self, label: str) -> None:
        shown = _title(self.fake.messages[ME][-1], label)
        assert await self.fake.press(ME, shown) == 200
        await self.service.quiet()

    async def reads(self) -> list[str]:
        return [_words(message) for message in self.fake.messages.get(ME, [])]


class OnTelegram:
    key = f"telegram:{ME}"

    def __init__(self, service: Service) -> None:
        self.service = service

    async def arrives(self) -> None:
        await self.service.says(int(ME), "/start")

    async def says(self, text: str) -> None:
        await self.service.says(int(ME), text)

    async def chooses(self, label: str) -> None:
        await self.service.press(int(ME), label)

    async def reads(self) -> list[str]:
        return self.service.shown(int(ME))


class OnTheWeb:
    def __init__(self, service: Service, visitor: Visitor) -> None:
        self.service, self.visitor, self.key = service, visitor, visitor.key

    async def arrives(self) -> None:
        """The page is open already."""

    async def says(self, text: str) -> None:
        await self.visitor.says(text)

    async def chooses(self, label: str) -> None:
        await self.visitor.picks(label)

    async def reads(self) -> list[str]:
        return [str(line["text"]) for line in await self.visitor.lines()]


@contextlib.asynccontextmanager
async def on(channel: str, folder: Path, **given: Any) -> AsyncIterator[Any]:
    """A resident of this channel, of a service that serves it and Telegram (where the members are)."""
    async with contextlib.AsyncExitStack() as stack:
        fake = await stack.enter_async_context(_FAKES[channel]()) if channel in _FAKES else None
        service = await stack.enter_async_context(started(folder, **_settings(fake) | given))
        match fake:
            case FakeZaloOa():
                fake.webhook_url = f"{service.url}/webhooks/zalo"
                await service.until(lambda: _connected(service))
                yield OnZalo(service, fake)
            case FakeZaloBot():
                await service.until(lambda: _webhook_set(fake))
                yield OnZaloBot(service, fake)
            case FakeMessenger():
                assert await fake.handshake(f"{service.url}/webhooks/messenger", "xin-chao")
                yield OnMessenger(service, fake)
            case _ if channel == "telegram":
                yield OnTelegram(service)
            case _:
                yield OnTheWeb(service, await service.visitor())


_FAKES: dict[str, type[Served]] = {"zalo_oa": FakeZaloOa, "zalo_bot": FakeZaloBot, "messenger": FakeMessenger}


def _settings(fake: Served | None) -> Fields:
    match fake:
        case FakeZaloOa():
            return {
                "zalo_oa_app_id": fake.app_id, "zalo_oa_app_secret": fake.app_secret, "zalo_oa_oa_secret": fake.secret,
                "zalo_oa_oa_id": fake.oa, "zalo_oa_refresh_token": fake.refresh_token(), "zalo_oa_api": fake.base_url,
                "zalo_oa_oauth": fake.base_url,
            }  # fmt: skip
        case FakeZaloBot():
            return {"zalo_bot_token": fake.token, "zalo_bot_secret": "tin-cua-minh", "zalo_bot_api": fake.base_url}
        case FakeMessenger():
            return {
                "messenger_page_token": fake.token, "messenger_app_secret": fake.app_secret,
                "messenger_verify_token": "xin-chao", "messenger_api": fake.base_url,
            }  # fmt: skip
    return {}


async def _connected(service: Service) -> bool:
    assert service.house.keyring is not None
    return bool(await service.house.keyring.access(next(iter(service.house.keyring.accounts))))


async def _webhook_set(fake: FakeZaloBot) -> bool:
    return bool(fake.webhook_url)


def _number(texts: list[str], label: str) -> str:
    """What to type for a choice of the newest menu."""
    for text in reversed(texts):
        if found := re.search(rf"^(\d+)\. {re.escape(label)}$", text, re.MULTILINE):
            return found[1]
    raise AssertionError(f"no choice {label!r} in {texts[-1]!r}")


def _words(message: Fields) -> str:
    attachment = message.get("attachment", {}).get("payload", {})
    return str(message.get("text") or attachment.get("text") or "")


def _title(message: Fields, label: str) -> str:
    """What the button of a choice says: its label, or its number where labels are too long."""
    titles = [one.get("title") for one in message.get("quick_replies", ())]
    return label if not titles or label in titles else _number([_words(message)], label)


async def reachable(resident: Resident) -> bool:
    query = sa.select(CONVERSATION.c.reachable).where(CONVERSATION.c.key == resident.key)
    return bool((await resident.service.rows(query))[0]["reachable"])
