"""Who sits at the console: one-time links, the signed cookie, and refusing posts from other sites.

A link opens one sitting; its row in sign_in is the sitting's life, so deleting the row signs that phone out for good.
Knows no pages, and never keeps a token: only its hash.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa
from fastapi import HTTPException, Request, Response
from itsdangerous import BadData, URLSafeTimedSerializer

from api.house import House
from api.tables import Member as MemberTable
from api.tables import SignIn
from knowledge.hamlets import hamlet_key

COOKIE = "gocua_member"
LINK_HOURS = 24
SITTING_DAYS = 30
SIGN_IN_PATH = "/team/sign-in"

_sign_in = SignIn.__table__
_member = MemberTable.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member as the console needs them. `is_lead`: also reads the cases of their place.

    Their place is their team's: a hamlet, a commune ("" hamlet), or a province ("" commune).
    """

    id: int
    name: str
    called: str
    is_lead: bool
    team_id: int
    hamlet_key: str
    commune: str
    province: str
    on_duty: bool
    open_cases: int
    capacity: int

    def covers(self, province: str, commune: str, hamlet: str) -> bool:
        """Whether this lies in the member's place."""
        if not self.province or province != self.province:
            return False
        if self.commune and commune != self.commune:
            return False
        return not self.hamlet_key or hamlet_key(hamlet) == self.hamlet_key


def make_link(connection: sa.Connection, member_id: int, now: datetime, base_url: str) -> str:
    """A link that signs this member in, once, within LINK_HOURS."""
    token = secrets.token_urlsafe(24)
    expires_at = now + timedelta(hours=LINK_HOURS)
    connection.execute(
        _sign_in.insert(),
        {"token_hash": _hash(token), "member_id": member_id, "expires_at": expires_at, "used_at": None},
    )
    return f"{base_url.rstrip('/')}{SIGN_IN_PATH}/{token}"


def spend_link(connection: sa.Connection, token: str, now: datetime) -> int | None:
    """Use the link up: the member whose it was, or None when it is wrong, spent or too old; which, nobody is told."""
    spent = _sign_in.update().where(_fresh(token, now)).values(used_at=now).returning(_sign_in.c.member_id)
    member_id: int | None = connection.execute(spent).scalar_one_or_none()
    return member_id


def is_fresh(connection: sa.Connection, token: str, now: datetime) -> bool:
    """Whether `spend_link` would succeed; asking spends nothing, so a link preview does no harm."""
    return connection.execute(sa.select(_sign_in.c.member_id).where(_fresh(token, now))).first() is not None


def set_cookie(response: Response, house: House, token: str) -> None:
    response.set_cookie(
        COOKIE,
        _signer(house).dumps(_hash(token)),
        max_age=SITTING_DAYS * 24 * 3600,
        path="/team",
        httponly=True,
        samesite="lax",
        secure=house.settings.public_url.startswith("https://"),
    )


def drop_cookie(response: Response) -> None:
    response.delete_cookie(COOKIE, path="/team")


def end_sitting(connection: sa.Connection, sitting: str) -> int | None:
    """Sign out on the server too, so that a copied cookie is worth nothing: the member whose it was, if any."""
    ended = _sign_in.delete().where(_sign_in.c.token_hash == sitting).returning(_sign_in.c.member_id)
    member_id: int | None = connection.execute(ended).scalar_one_or_none()
    return member_id


def sitting_of(request: Request, house: House) -> str:
    """The hash that names the sitting; "" when the cookie is absent, forged or too old."""
    try:
        value = _signer(house).loads(request.cookies.get(COOKIE, ""), max_age=SITTING_DAYS * 24 * 3600)
    except BadData:
        return ""
    return value if isinstance(value, str) else ""


async def member_or_none(request: Request) -> Member | None:
    house: House = request.app.state.house
    sitting = sitting_of(request, house)
    if not sitting:
        return None
    since = house.now() - timedelta(days=SITTING_DAYS)
    row = await house.store.read(
        lambda connection: connection.execute(_MEMBER, {"sitting": sitting, "since": since}).mappings().first()
    )
    if row is None:
        return None
    return Member(
        id=row["id"], name=row["name"], called=row["called"] or row["name"], is_lead=row["role"] == "lead",
        team_id=row["team_id"], hamlet_key=row["hamlet_key"], commune=row["commune"], province=row["province"],
        on_duty=row["on_duty"], open_cases=row["open_cases"],
        capacity=row["capacity"],
    )  # fmt: skip


async def member_of(request: Request) -> Member:
    """A dependency: the member who asks. Nobody signed in: they are sent to the page that says how to get a link."""
    member = await member_or_none(request)
    if member is None:
        raise HTTPException(303, headers={"Location": SIGN_IN_PATH})
    return member


async def same_site(request: Request) -> None:
    """A dependency of the whole console: refuses a post that another site's page made the browser send.

    A client that tells nothing of where it comes from is no browser, and has no cookie of ours to misuse.
    """
    if request.method in ("GET", "HEAD"):
        return
    house: House = request.app.state.house
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    ours = {request.headers.get("host", ""), urlsplit(house.settings.public_url).netloc} - {""}
    if site is not None:
        refused = site not in ("same-origin", "none")
    else:
        refused = origin is not None and urlsplit(origin).netloc not in ours
    if refused:
        raise HTTPException(403, "Trang khác không được gửi vào bàn làm việc.")


_MEMBER = (
    sa.select(_member)
    .join(_sign_in, _sign_in.c.member_id == _member.c.id)
    .where(_sign_in.c.token_hash == sa.bindparam("sitting"), _sign_in.c.used_at > sa.bindparam("since"))
)


def _signer(house: House) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(house.key, salt="gocua-member")


def _fresh(token: str, now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(_sign_in.c.token_hash == _hash(token), _sign_in.c.used_at.is_(None), _sign_in.c.expires_at > now)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
