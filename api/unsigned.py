"""Webhooks whose signature fits no key we have: during a mix-up of keys they are residents' words, else a stranger's.

Kept encrypted for three days, never acted on. When the service starts with other keys each is verified again, and what
then proves to be the provider's goes its normal way. The rest is removed unread.
"""

import base64
import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

import orjson
import sqlalchemy as sa
import structlog

from api import webhooks
from api.house import House
from api.tables import HeldWebhook
from bot.channel import Webhook

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

log = structlog.get_logger()

KEPT = timedelta(days=3)
#: a stranger cannot fill the disk: no more bytes, no more rows
MOST_BYTES = 64 * 1024
MOST_ROWS = 2000

_held = HeldWebhook.__table__


async def keep(house: House, name: str, webhook: Webhook) -> None:
    """Raises StoreBusy when the database cannot keep up."""
    house.worries[f"unsigned {name}"] = (
        f"Có tin đến {name} mà chữ ký không khớp: xem lại khoá webhook (GOCUA_ZALO_OA_OA_SECRET). Tin được giữ 3 ngày, "
        "sửa khoá rồi khởi động lại là đọc được."
    )
    if len(webhook.body) > MOST_BYTES:
        return
    signing = {key: value for key, value in webhook.headers.items() if key.startswith("x-zevent-")}
    plain = orjson.dumps({"headers": signing, "body": base64.b64encode(webhook.body).decode()})
    sealed = _seal(house).encrypt(plain)
    now = house.now()

    def work(connection: sa.Connection) -> None:
        connection.execute(_held.delete().where(_held.c.received_at < now - KEPT))
        kept = connection.execute(sa.select(sa.func.count()).select_from(_held)).scalar_one()
        if kept < MOST_ROWS:
            connection.execute(_held.insert(), {"channel": name, "received_at": now, "sealed": sealed})

    await house.store.write(work)


async def look_again(house: House) -> int:
    """At the start: those that the keys of now verify go their way. Returns how many."""
    rows = await house.store.read(lambda c: c.execute(sa.select(_held).order_by(_held.c.id)).mappings().all())
    taken = 0
    for row in rows:
        webhook = _opened(house, row["sealed"])
        channel = house.channels.get(row["channel"])
        old = house.now() - row["received_at"] > KEPT
        right = webhook is not None and channel is not None and channel.verify(webhook)
        if right and webhook and channel:
            await webhooks.store(house, row["channel"], channel.parse(webhook))
            taken += 1
        if right or old or webhook is None:
            gone = _held.delete().where(_held.c.id == row["id"])
            await house.store.write(lambda c, gone=gone: c.execute(gone) and None)  # type: ignore[misc]
    if taken:
        log.info("unsigned_webhooks_taken", webhooks=taken)
    return taken


def _seal(house: House) -> "Fernet":
    from cryptography.fernet import Fernet  # here: 8 MB for what a house with the right keys never sees

    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"held webhooks " + house.key.encode()).digest()))


def _opened(house: House, sealed: bytes) -> Webhook | None:
    from cryptography.fernet import InvalidToken

    try:
        plain = orjson.loads(_seal(house).decrypt(sealed))
    except InvalidToken:  # the house has another key since
        return None
    return Webhook(method="POST", headers=plain["headers"], query={}, body=base64.b64decode(plain["body"]))
