"""Telegram's comings and goings beside the messages: the webhook is registered, or updates are fetched by polling.

With a public URL Telegram calls us; without one we ask it. Both end in webhooks.store. Only who is called can tell a
chat to come later: see webhooks.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from api import media, webhooks
from api.carrier import Carrier, UnknownFate
from api.house import House
from api.media import MediaRefused, kept_as
from api.store import StoreBusy
from bot.channel import Call, SendError, Webhook
from bot.channels.telegram import Telegram
from bot.model import MediaKind

log = structlog.get_logger()

NAME = "telegram"
POLL_S = 25
#: after a failure
AGAIN_S = 2.0
#: an update that the database refuses is asked for so often before it is left out: those behind it wait meanwhile
TRIES = 3


@dataclass(slots=True)
class Line:
    """The wire to Telegram for calls that are no messages."""

    house: House
    carrier: Carrier
    channel: Telegram
    #: of the update that could not be stored: its number, and how often
    refused: tuple[int, int] = (0, 0)

    async def open(self) -> None:
        """Until it works: tell Telegram where to call, or that we shall ask; and what its menu shows."""
        url = self.house.settings.public_url
        first = self.channel.set_webhook(f"{url.rstrip('/')}/webhooks/{NAME}") if url else self.channel.delete_webhook()
        pause_s = 1.0
        while True:
            try:
                await self.call(first)
                await self.call(self.channel.set_commands())
            except (SendError, UnknownFate) as error:
                self.house.worries[NAME] = f"Telegram chưa nối được: {error}"
                log.error("telegram_not_ready", error=str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(60.0, pause_s * 2)
            else:
                self.house.worries.pop(NAME, None)
                log.info("telegram_ready", by="webhook" if url else "polling")
                return

    async def run(self) -> None:
        """Until cancelled. With a public URL there is nothing to do once the webhook is registered."""
        await self.open()
        if not self.house.settings.public_url:
            await self.poll()

    async def poll(self) -> None:
        offset = 0
        while True:
            try:
                body = await self.call(self.channel.get_updates(offset, POLL_S))
                self.house.worries.pop(NAME, None)
                for update in self.channel.updates(body):
                    offset = max(offset, await self._take(update) + 1)
            except (SendError, UnknownFate) as error:
                log.warning("telegram_poll_failed", error=str(error))
                if isinstance(error, SendError) and error.misconfigured:
                    self.house.worries[NAME] = str(error)
                await asyncio.sleep(getattr(error, "retry_after_s", None) or AGAIN_S)
            except Exception:
                # The database was busy or away: what was not stored is not acknowledged, and comes again.
                log.exception("telegram_poll_raised")
                await asyncio.sleep(AGAIN_S)

    async def _take(self, update: bytes) -> int:
        """Store one update; only then is it acknowledged by the next offset."""
        parsed = self.channel.parse(Webhook(method="POST", headers={}, query={}, body=update))
        number = int(parsed.key or orjson.loads(update)["update_id"])
        self.house.channel_log.came(NAME, "update", parsed.key, len(update), "polling")
        try:
            await webhooks.store(self.house, NAME, parsed)
        except StoreBusy:
            raise  # it is not to blame
        except Exception:
            self.refused = (number, self.refused[1] + 1 if self.refused[0] == number else 1)
            if self.refused[1] < TRIES:
                raise
            log.exception("update_left_out", update_id=number)
            return number
        if parsed.answer:
            try:
                await self.call(self.channel.answer_press(parsed))
            except (SendError, UnknownFate) as error:
                log.info("press_not_answered", error=str(error))
        return number

    async def call(self, call: Call) -> bytes:
        """A call that carries no message; its answer's body. Raises SendError or UnknownFate."""
        status, body = await self.carrier.post(NAME, call)
        try:
            answer: Any = orjson.loads(body) if status == 200 else {}
        except orjson.JSONDecodeError:  # of something that stands between us and Telegram
            answer = {}
        if not (isinstance(answer, dict) and answer.get("ok")):
            self.channel.receipt(call, status, body)  # raises what the answer means
            raise SendError(f"Telegram answered {status}")
        return body

    async def fetch(self, file_id: str, conversation: str, kind: MediaKind = "file", name: str = "") -> str | None:
        """A file that somebody sent, into the media store; its id there. None when it can never be had.

        Raises SendError when Telegram cannot be reached now.
        """
        media_id = kept_as(conversation, file_id)
        if await self.house.store.read(lambda c: media.find(c, media_id)):
            return media_id
        try:
            path = self.channel.file_path(await self.call(self.channel.get_file(file_id)))
            data = await self.carrier.download(NAME, path, media.MOST_BYTES)
            kept = await asyncio.to_thread(self.house.media.keep_as, media_id, data, kind, name)
        except UnknownFate as error:
            raise SendError(f"the file did not come: {error}") from error
        except (SendError, MediaRefused) as error:
            log.warning("file_not_fetched", channel=NAME, error=type(error).__name__)
            if isinstance(error, SendError) and not error.permanent:
                raise
            return None
        await self.house.store.write(lambda c: media.insert(c, kept, conversation, self.house.now()))
        return media_id
