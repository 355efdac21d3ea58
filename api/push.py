"""Waking a member's phone: "Có hồ sơ mới", "Bà con nhắn thêm", and a link. Never a resident's words or name.

A subscription is an address at the browser maker's own service, given by the member's browser; nothing else is ever
called. What is told is read from offers and the inbox, up to a mark that each subscription keeps, so a restart neither
repeats nor loses anything that is still open. Of several processes one claims a subscription before it tells it: if it
dies, the claim runs out and another does.
"""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import aiohttp
import orjson
import sqlalchemy as sa
import structlog

from api.data_folder import made_once
from api.house import House
from api.settings import Settings
from api.tables import Case, Inbox, Offer, PushSubscription

if TYPE_CHECKING:
    from py_vapid import Vapid02

log = structlog.get_logger()

#: how long a browser's service keeps a message for a phone that is off; an offer is over by then
KEPT_S = 15 * 60
TIMEOUT_S = 15.0
#: for so long a subscription is one process's own: longer than telling it can take
CLAIMED = timedelta(minutes=2)
#: the loop's look without news, and its rest between two: at a busy desk there is news all the time
LOOK_AGAIN_S, REST_S = 5.0, 0.5
#: marks are moved on over so many rows even when there was nothing to tell
MOST_BEHIND = 1000
MOST_BACKOFF = timedelta(hours=1)
MOST_PHONES = 5

#: names that are never public
_PRIVATE = frozenset({"local", "internal", "localhost", "lan", "home", "corp", "test", "invalid"})

Fate = Literal["told", "gone", "later"]

_push = PushSubscription.__table__
_offer = Offer.__table__
_case = Case.__table__
_inbox = Inbox.__table__


class PushRefused(Exception):
    """The browser gave no address that may be called: nothing was kept. The member tries again, or another browser."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """One message to one subscription; `offer_mark` and `inbox_mark` hold once it is told. `seen` is how it stood: its
    next moment and its two marks."""

    id: int
    endpoint: str
    p256dh: str
    auth: str
    failures: int
    texts: tuple[tuple[str, str], ...]
    offer_mark: int
    inbox_mark: int
    seen: tuple[datetime, int, int]


# --- our own key -----------------------------------------------------------------------------------------------------


def load_key(settings: Settings) -> "Vapid02":
    """The key that proves to browsers' services that it is us; made when first asked for, readable by us alone."""
    from py_vapid import Vapid02  # here, as below: 20 MB that a house without phones to wake does not need

    def made() -> bytes:
        key = Vapid02()
        key.generate_keys()
        return bytes(key.private_pem())

    return Vapid02.from_pem(made_once(settings.data_folder / "gocua.vapid", made))


def public_key(key: "Vapid02") -> str:
    """As a browser wants it: the point uncompressed, base64url without padding."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    point = key.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


# --- subscriptions ---------------------------------------------------------------------------------------------------


def subscribe(
    connection: sa.Connection, member_id: int, endpoint: str, p256dh: str, auth: str, now: datetime, *, trial: bool
) -> None:
    """From now on this browser is told; the same browser again replaces itself, the oldest of too many goes.

    `trial`: this installation has no https address, so an endpoint on this very machine will do. Raises PushRefused.
    """
    if not may_call(endpoint, trial=trial) or not _are_keys(p256dh, auth):
        raise PushRefused
    connection.execute(_push.delete().where(_push.c.endpoint == endpoint))
    theirs = sa.select(_push.c.id).where(_push.c.member_id == member_id).order_by(_push.c.id.desc())
    too_many = list(connection.scalars(theirs.offset(MOST_PHONES - 1)))
    connection.execute(_push.delete().where(_push.c.id.in_(too_many)))
    row = {
        "member_id": member_id, "endpoint": endpoint, "p256dh": p256dh, "auth": auth, "failures": 0, "next_at": now,
        "offer_mark": _newest(connection, _offer), "inbox_mark": _newest(connection, _inbox),
    }  # fmt: skip
    connection.execute(_push.insert(), row)


def unsubscribe(connection: sa.Connection, member_id: int, endpoint: str) -> None:
    """Only one's own."""
    connection.execute(_push.delete().where(_push.c.member_id == member_id, _push.c.endpoint == endpoint))


def may_call(endpoint: str, *, trial: bool) -> bool:
    """A name in public, over TLS. Never a bare address or a name inside this network."""
    try:
        parts = urlsplit(endpoint)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if len(endpoint) > 1000 or parts.username is not None:
        return False
    if trial and host == "127.0.0.1":
        return parts.scheme in ("http", "https")
    name, _, last = host.rpartition(".")
    # A last label of letters: no spelling of a bare address has one ("0x7f.1" is 127.0.0.1 to a resolver).
    is_public = bool(name) and (last.isalpha() or last.startswith("xn--")) and last not in _PRIVATE
    return parts.scheme == "https" and is_public


def _are_keys(p256dh: str, auth: str) -> bool:
    """An uncompressed point and 16 random bytes, as RFC 8291 has them."""
    try:
        point, secret = (base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) for text in (p256dh, auth))
    except ValueError:
        return False
    return len(point) == 65 and point[0] == 4 and len(secret) == 16


# --- what there is to tell -------------------------------------------------------------------------------------------


def due(connection: sa.Connection, now: datetime) -> tuple[Wake, ...]:
    """Who is to be told what. A wake without texts only moves the marks on."""
    rows = connection.execute(sa.select(_push).where(_push.c.next_at <= now)).mappings().all()
    if not rows:
        return ()
    newest_offer, newest_row = _newest(connection, _offer), _newest(connection, _inbox)
    offers = _offers(connection, rows)
    lines = _lines(connection, rows)
    wakes = []
    for row in rows:
        texts = _texts(
            tuple(case for offer, case in offers.get(row["member_id"], ()) if offer > row["offer_mark"]),
            tuple(case for line, case in lines.get(row["member_id"], ()) if line > row["inbox_mark"]),
        )
        if texts or newest_row - row["inbox_mark"] > MOST_BEHIND:
            wakes.append(
                Wake(
                    id=row["id"], endpoint=row["endpoint"], p256dh=row["p256dh"], auth=row["auth"],
                    failures=row["failures"], texts=texts, offer_mark=newest_offer, inbox_mark=newest_row,
                    seen=(row["next_at"], row["offer_mark"], row["inbox_mark"]),
                )
            )  # fmt: skip
    return tuple(wakes)


def claim(connection: sa.Connection, wake: Wake, now: datetime) -> bool:
    """Nobody else tells it for CLAIMED. False when it is no longer as it was seen: somebody else does, or has."""
    next_at, offer_mark, inbox_mark = wake.seen
    unchanged = (
        _push.c.id == wake.id, _push.c.next_at == next_at, _push.c.offer_mark == offer_mark,
        _push.c.inbox_mark == inbox_mark,
    )  # fmt: skip
    taken = _push.update().where(*unchanged).values(next_at=now + CLAIMED).returning(_push.c.id)
    return connection.execute(taken).first() is not None


def _texts(offered: Sequence[int], written: Sequence[int]) -> tuple[tuple[str, str], ...]:
    """(words, link): one message for all offers, one for all residents' lines."""
    found = (("Có hồ sơ mới", offered), ("Bà con nhắn thêm", written))
    return tuple(
        (text, f"/team/case/{cases[0]}" if len(set(cases)) == 1 else "/team") for text, cases in found if cases
    )


def _offers(connection: sa.Connection, rows: Sequence[Any]) -> dict[int, list[tuple[int, int]]]:
    """(offer, case) by member: those that stand, and what a lead moved to them."""
    found: dict[int, list[tuple[int, int]]] = {}
    stands = sa.or_(_offer.c.answered_at.is_(None), _offer.c.answer == "moved")
    query = sa.select(_offer.c.id, _offer.c.case_id, _offer.c.member_id).where(
        _offer.c.member_id.in_({row["member_id"] for row in rows}),
        _offer.c.id > min(row["offer_mark"] for row in rows),
        stands,
    )
    for row in connection.execute(query.order_by(_offer.c.id)):
        found.setdefault(row.member_id, []).append((row.id, row.case_id))
    return found


def _lines(connection: sa.Connection, rows: Sequence[Any]) -> dict[int, list[tuple[int, int]]]:
    """(inbox row, case) by member: what residents wrote to them after they took the case."""
    found: dict[int, list[tuple[int, int]]] = {}
    query = (
        sa.select(_inbox.c.id, _inbox.c.body, _inbox.c.received_at, _case.c.id.label("case_id"), _case.c.holder_id,
                  _case.c.taken_at)
        .join(_case, _case.c.conversation == _inbox.c.conversation)
        .where(
            _inbox.c.id > min(row["inbox_mark"] for row in rows), _case.c.closed_at.is_(None),
            _case.c.holder_id.in_({row["member_id"] for row in rows}),
        )
        .order_by(_inbox.c.id)
    )  # fmt: skip
    for row in connection.execute(query):
        if row.body.get("kind") == "Inbound" and row.taken_at is not None and row.received_at >= row.taken_at:
            found.setdefault(row.holder_id, []).append((row.id, row.case_id))
    return found


def _newest(connection: sa.Connection, table: Any) -> int:
    return connection.execute(sa.select(sa.func.max(table.c.id))).scalar() or 0


# --- telling it ------------------------------------------------------------------------------------------------------


async def run(house: House) -> None:
    """Until cancelled: look when something happened at the desk, and every few seconds."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        with house.news.listen("desk") as heard:
            while True:
                try:
                    await once(house, session)
                except Exception:
                    log.exception("push_failed")
                await asyncio.sleep(REST_S)
                await heard.wait(LOOK_AGAIN_S)


async def once(house: House, session: aiohttp.ClientSession) -> int:
    """Tell everybody who is due and whom no other process tells. Returns how many were."""
    now = house.now()
    told = 0
    wakes = await house.store.read(lambda c: due(c, now))
    key = whole_key(house) if wakes else None
    for wake in wakes if key else ():
        # one at a time: a claim must not run out while others are being told
        if not await house.store.write(lambda c, wake=wake: claim(c, wake, now)):  # type: ignore[misc]
            continue
        fate = await _tell(house, session, wake, key, now)
        await house.store.write(lambda c, wake=wake, fate=fate: settle(c, wake, fate, now))  # type: ignore[misc]
        told += 1
    return told


def whole_key(house: House) -> "Vapid02 | None":
    """None when its file is broken, which is nobody's subscription's fault; the operator reads what to do."""
    try:
        key = load_key(house.settings)
    except ValueError as error:
        house.worries["push"] = (
            f"Chưa báo được cho điện thoại của tổ: khoá gocua.vapid trong {house.settings.data_folder} hỏng ({error}). "
            "Lấy lại bằng `gocua restore`, hoặc xoá tệp đó để tạo khoá mới (ai muốn nhận báo thì bật lại)."
        )
        return None
    house.worries.pop("push", None)
    return key


async def _tell(house: House, session: aiohttp.ClientSession, wake: Wake, key: "Vapid02", now: datetime) -> Fate:
    from pywebpush import WebPusher, WebPushException

    parts = urlsplit(wake.endpoint)
    public = house.settings.public_url
    who = public if public.startswith("https://") else "mailto:gocua@localhost"
    claims = {"aud": f"{parts.scheme}://{parts.netloc}", "sub": who, "exp": int(now.timestamp()) + 12 * 3600}
    try:
        pusher = WebPusher({"endpoint": wake.endpoint, "keys": {"p256dh": wake.p256dh, "auth": wake.auth}})
        headers = {
            **key.sign(claims),
            "TTL": str(KEPT_S),
            "Content-Encoding": "aes128gcm",
            "Urgency": "high",
        }
        for text, link in wake.texts:
            body = pusher.encode(orjson.dumps({"text": text, "link": link}))["body"]
            # A service that points elsewhere is not followed: only the address that the browser gave is called.
            async with session.post(wake.endpoint, data=body, headers=headers, allow_redirects=False) as answer:
                if answer.status in (404, 410):
                    return "gone"
                if answer.status >= 300:
                    log.warning("push_refused", host=parts.hostname, status=answer.status)
                    return "later"
    except (aiohttp.ClientError, TimeoutError) as error:
        log.warning("push_unreached", host=parts.hostname, error=type(error).__name__)
        return "later"
    except (WebPushException, ValueError):
        return "gone"  # keys that no message can be made for
    return "told"


def settle(connection: sa.Connection, wake: Wake, fate: Fate, now: datetime) -> None:
    mine = _push.c.id == wake.id
    if fate == "gone":
        connection.execute(_push.delete().where(mine))
    elif fate == "told":
        marks = {"offer_mark": wake.offer_mark, "inbox_mark": wake.inbox_mark, "failures": 0, "next_at": now}
        connection.execute(_push.update().where(mine).values(marks))
    else:
        pause = min(timedelta(minutes=2.0 ** min(wake.failures, 6)), MOST_BACKOFF)
        later = {"failures": wake.failures + 1, "next_at": now + pause}
        connection.execute(_push.update().where(mine).values(later))
