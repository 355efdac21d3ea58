"""Who may come in, how often and with how much: the resident's cookie, the pace of posts, the bounds of a body.

Every refusal is an HTTPException whose detail is words for the resident. Stores nothing but paces, in memory.
"""

import secrets

from fastapi import HTTPException, Request, Response
from itsdangerous import BadSignature, Signer
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.house import House
from api.pace import Pace, of_street
from bot.model import Point

COOKIE = "gocua_resident"
#: the same in a frame on another site, where a browser keeps one apart for each site, or none
FRAMED_COOKIE = "gocua_resident_framed"
#: browsers keep no cookie longer; each visit renews it
_COOKIE_SECONDS = 400 * 24 * 3600
#: posts of one resident in a burst, and what comes back in a second: 30 a minute
_BURST, _A_SECOND = 30.0, 0.5
#: of one address, whatever cookies it shows: a whole village may share one
_STREET_BURST, _STREET_A_SECOND = 600.0, 10.0

MOST_CHARACTERS = 4000
MOST_SAID_BYTES = 64 * 1024
MOST_PHOTO_BYTES = 11 * 1024 * 1024
_TOO_LONG = "Dạ tin này dài quá. Bác chia ra thành mấy tin ngắn giúp con nhé."
_TOO_BIG = "Dạ hình này lớn quá. Bác chụp lại, hoặc gửi hình nhỏ hơn giúp con nhé."
UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


class Door:
    def __init__(self, house: House) -> None:
        self._signer = Signer(house.key, salt=COOKIE)
        self._secure = house.settings.public_url.startswith("https:")
        self._residents = Pace(house.now, burst=_BURST, a_second=_A_SECOND)
        self._streets = Pace(house.now, burst=_STREET_BURST, a_second=_STREET_A_SECOND)

    def resident(self, request: Request) -> str | None:
        """Who holds one of the two cookies. Both come only within one site: then both pages know the same resident."""
        for name in (FRAMED_COOKIE, COOKIE):
            try:
                return self._signer.unsign(request.cookies.get(name, "")).decode()
            except BadSignature:
                continue
        return None

    def let_in(self, answer: Response, resident: str | None, *, framed: bool = False) -> None:
        """Give the cookie: a new one to a stranger, the same for longer to one who has been here."""
        signed = self._signer.sign(resident or secrets.token_urlsafe(16)).decode()
        if framed:  # by hand: Python's own cookies know "Partitioned" only from 3.14 on
            value = f"{FRAMED_COOKIE}={signed}; Max-Age={_COOKIE_SECONDS}; Path=/"
            answer.headers.append("Set-Cookie", f"{value}; HttpOnly; SameSite=None; Secure; Partitioned")
            return
        answer.set_cookie(
            COOKIE, signed, max_age=_COOKIE_SECONDS, httponly=True, samesite="lax", secure=self._secure, path="/"
        )

    def key(self, request: Request) -> str:
        """The key of this resident's conversation."""
        resident = self.resident(request)
        if resident is None:
            raise HTTPException(401, "Dạ con chưa nhận ra Bác. Bác mở lại trang này giúp con nhé.")
        return f"web:{resident}"

    def keep_pace(self, request: Request, key: str) -> None:
        street = of_street(request.client.host) if request.client else ""
        if not self._residents.fits(key) or (street and not self._streets.fits(street)):
            raise HTTPException(
                429, "Dạ Bác nhắn nhanh quá, con theo không kịp. Bác chờ con một chút nhé.", {"Retry-After": "5"}
            )


class Said(BaseModel):
    """What the page posts: words, a picked choice with its label, or a pin."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)

    id: str = Field(pattern=UUID)
    text: str = ""
    choice: str = Field(default="", pattern=r"^(\d{1,9}\.\d{1,3})?$")
    label: str = ""
    lat: float | None = Field(default=None, ge=-90, le=90)
    lon: float | None = Field(default=None, ge=-180, le=180)

    @property
    def point(self) -> Point | None:
        return None if self.lat is None or self.lon is None else Point(lat=self.lat, lon=self.lon)


async def read_said(request: Request) -> Said:
    bound(request, MOST_SAID_BYTES)
    try:
        said = Said.model_validate_json(await request.body())
    except ValidationError as error:
        raise HTTPException(400, "Dạ con chưa đọc được tin này. Bác gửi lại giúp con nhé.") from error
    if len(said.text) > MOST_CHARACTERS:
        raise HTTPException(413, _TOO_LONG)
    if not (said.text.strip() or said.choice or said.point):
        raise HTTPException(400, "Dạ tin này chưa có chữ nào. Bác gõ rồi gửi lại giúp con nhé.")
    return said


def bound(request: Request, most_bytes: int) -> None:
    """Refuse a body before it is read. The server cuts off what is longer than it was said to be."""
    size = request.headers.get("content-length", "")
    if not (size.isascii() and size.isdigit()):
        raise HTTPException(411, "Dạ con chưa đọc được tin này. Bác gửi lại giúp con nhé.")
    if int(size) > most_bytes:
        raise HTTPException(413, _TOO_LONG if most_bytes == MOST_SAID_BYTES else _TOO_BIG)
