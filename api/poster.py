"""The poster of `gocua qr`: the ways into the chat as QR codes in large type, for a wall or a leaflet.

An SVG of A4 size, which every browser shows and prints; its letters are the viewer's own. Never asks a provider for
anything: what the settings do not say, whoever makes the poster has to.
"""

from dataclasses import dataclass
from html import escape
from urllib.parse import quote, urlsplit

from api import qr
from api.settings import Settings

#: A4, in millimetres
WIDTH, HEIGHT = 210, 297
_TITLE = ("Cần giúp VNeID, dịch vụ công,", "tiền trên điện thoại? Nhắn con nhé!")
_HOW = "Mở Zalo hoặc máy ảnh, giơ vô ô vuông. Không mất tiền."
_NEVER = "Không ai của tổ hỏi mã OTP, mật khẩu hay hình thẻ căn cước."
_LETTERS = "'Be Vietnam Pro', Roboto, 'Noto Sans', Arial, sans-serif"


class PosterError(ValueError):
    """There is nothing to put on the poster. The message says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way into the chat."""

    channel: str
    title: str
    link: str


def ways(settings: Settings, *, telegram: str = "", messenger: str = "", flow: str = "") -> tuple[Way, ...]:
    """The ways in that this installation has, those of most residents first.

    `telegram` and `messenger` are the names that stand in their links, which no setting holds; `flow` is begun by
    whoever comes in by Telegram or Messenger: the others know no such links. Raises PosterError when there is no way.
    """
    found = [
        Way(channel="zalo_oa", title="Zalo", link=f"https://zalo.me/{quote(account.oa, safe='')}")
        for account in settings.zalo_accounts()[:1]
    ]
    if telegram:
        start = f"?start={quote(flow, safe='')}" if flow else ""
        link = f"https://t.me/{quote(telegram.removeprefix('@'), safe='')}{start}"
        found.append(Way(channel="telegram", title="Telegram", link=link))
    if messenger:
        ref = f"?ref={quote(flow, safe='')}" if flow else ""
        found.append(Way(channel="messenger", title="Messenger", link=f"https://m.me/{quote(messenger, safe='')}{ref}"))
    if settings.public_url:
        found.append(Way(channel="web", title="Trang web", link=settings.public_url.rstrip("/") + "/"))
    if not found:
        raise PosterError(
            "Chưa có đường vào nào: đặt GOCUA_PUBLIC_URL hoặc các GOCUA_ZALO_OA_*, hay ghi --telegram, --messenger."
        )
    return tuple(found)


def poster(found: tuple[Way, ...], place: str) -> str:
    """An SVG page with at most four ways: one alone is as large as the page lets it be. `place` is who invites."""
    shown = found[:4]
    size, columns = (130, 1) if len(shown) == 1 else (76, 2)
    parts = [_words(WIDTH / 2, 26, 13, "GÕ CỬA", "#0b5345")]
    parts += [_words(WIDTH / 2, 40 + 10 * place_, 9, line) for place_, line in enumerate(_TITLE)]
    for number, way in enumerate(shown):
        row, column = divmod(number, columns)
        in_row = min(columns, len(shown) - row * columns)
        middle = WIDTH * (column + 0.5) / in_row
        top = 60 + row * (size + 24)
        parts.append(_code(way.link, middle - size / 2, top, size))
        parts.append(_words(middle, top + size + 8, 9, way.title, "#0b5345"))
        parts.append(_words(middle, top + size + 15, 4.4, _shown(way.link)))
    if place:
        parts.append(_words(WIDTH / 2, 265, 8, place, "#0b5345"))
    parts += [_words(WIDTH / 2, 276, 6, _HOW), _words(WIDTH / 2, 286, 6, _NEVER, "#a61c1c")]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}mm" height="{HEIGHT}mm" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<g font-family="{_LETTERS}" font-weight="700" text-anchor="middle">{"".join(parts)}</g></svg>\n'
    )


def _words(x: float, y: float, size: float, text: str, colour: str = "#1d2a2a") -> str:
    return f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{colour}">{escape(text)}</text>'


def _code(link: str, x: float, y: float, size: float) -> str:
    """The code of a link as one path, `size` millimetres wide with the white around it."""
    wide, dots = qr.squares(link)
    return f'<path transform="translate({x:g} {y:g}) scale({size / wide:.6f})" d="{dots}"/>'


def _shown(link: str) -> str:
    """A link as people read it out."""
    parts = urlsplit(link)
    return (parts.netloc + parts.path).rstrip("/")
