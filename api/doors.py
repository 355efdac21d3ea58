"""What providers are told at the start: where to call, what the menu shows. Until each has taken it, once.

Telegram's is telegram.py's. Zalo's Official Account is told in its own console alone.
"""

import asyncio

import structlog

from api.carrier import Carrier, UnknownFate
from api.house import House
from bot.channel import Call, SendError
from bot.channels.messenger import Messenger
from bot.channels.zalo_bot import ZaloBot

log = structlog.get_logger()

MOST_PAUSE_S = 300.0


async def open_all(house: House, carrier: Carrier) -> None:
    """Ends when every provider has taken what it is told; tries again for as long as it takes."""
    url = house.settings.public_url.rstrip("/")
    bot, messenger = house.channels.get("zalo_bot"), house.channels.get("messenger")
    async with asyncio.TaskGroup() as all_at_once:
        if isinstance(bot, ZaloBot) and url:
            hook = bot.set_webhook(f"{url}/webhooks/zalo-bot")
            all_at_once.create_task(_until_taken(house, carrier, "zalo_bot", hook))
        if isinstance(messenger, Messenger):
            all_at_once.create_task(_open_pages(house, carrier, messenger))


async def _open_pages(house: House, carrier: Carrier, messenger: Messenger) -> None:
    asked = messenger.who_we_are()
    first = messenger.page_of(asked, *await _until_taken(house, carrier, "messenger", asked))
    for page in (first, *(one.page for one in house.settings.messenger_pages())):
        for call in (messenger.set_profile(page), messenger.subscribe(page)):
            await _until_taken(house, carrier, "messenger", call)


async def _until_taken(house: House, carrier: Carrier, name: str, call: Call) -> tuple[int, bytes]:
    """The answer that was no refusal."""
    pause_s = 1.0
    while True:
        try:
            status, body = await carrier.post(name, call)
            house.channels[name].receipt(call, status, body)
        except (SendError, UnknownFate) as error:
            house.worries[f"{name} start"] = f"Kênh {name} chưa nối được: {error}"
            log.error("channel_not_ready", channel=name, error=str(error))
            await asyncio.sleep(pause_s)
            pause_s = min(MOST_PAUSE_S, pause_s * 2)
        else:
            house.worries.pop(f"{name} start", None)
            log.info("channel_ready", channel=name)
            return status, body
