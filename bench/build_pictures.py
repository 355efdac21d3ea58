"""Draws the pictures of bot/pictures/ from pictures.yaml: `python bench/build_pictures.py`, after each change there.

A drawing is a list of shapes on a canvas 800 wide and 600 high, one a line: a verb, its numbers and words, and after
"|" its text ("/" begins a new line). Colours are names of INK.

    title | text                    large, in the middle of the top
    say X Y SIZE COLOUR | text      from this point on, the middle of a line at X; "left" after the colour: from X on
    box X Y W H COLOUR SIZE | text  a rounded box, its text in the middle; "press" after the size: the button to press
    phone X Y W H                   seen from the front; "back" after the numbers: its back with a camera
    card X Y W H                    an ID card from its back: the chip and three lines of letters
    arrow X1 Y1 X2 Y2 COLOUR        from the first point to the second
    ring X Y R COLOUR               a thick circle that says "here"
    face X Y R                      a face
    tick X Y, cross X Y             right, wrong
    code X Y SIZE                   something that looks like a QR code and is none
    qr X Y SIZE | host              the true QR code of https://host, and the host under it
"""

import hashlib
from pathlib import Path

import font_roboto
import segno
import yaml
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

FOLDER = Path(__file__).parents[1] / "bot" / "pictures"
WIDTH, HEIGHT = 800, 600
#: drawn so many times larger, then made smaller: smooth edges
SCALE = 2
COLOURS = 32
INK = {
    "ink": "#1d2a2a", "paper": "#fffdf7", "white": "#ffffff", "grey": "#d9dedb", "dark": "#4a5553", "green": "#0b5345",
    "mint": "#d5ebe4", "red": "#a61c1c", "rose": "#fbe1de", "gold": "#e0b23c", "sand": "#f3ead6", "blue": "#1c4f8f",
}  # fmt: skip
#: under this name a PNG tells what it was drawn from
SOURCE = "drawn-from"


def source(shapes: tuple[str, ...]) -> str:
    """The digest of a drawing's shapes."""
    return hashlib.sha256("\n".join(shapes).encode()).hexdigest()[:32]


class Drawing:
    def __init__(self) -> None:
        self.image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), INK["paper"])
        self.pen = ImageDraw.Draw(self.image)

    def shape(self, line: str) -> None:
        """One line of a drawing. Raises ValueError on one that cannot be drawn."""
        head, _, text = line.partition("|")
        verb, *words = head.split()
        numbers = [int(word) * SCALE for word in words if word.lstrip("-").isdigit()]
        named = [word for word in words if not word.lstrip("-").isdigit()]
        try:
            getattr(self, f"_{verb}")(numbers, named, text.strip())
        except (AttributeError, ValueError, IndexError, KeyError) as error:
            raise ValueError(f"cannot draw {line!r}: {error!r}") from error

    def _words(self, x: float, y: float, size: int, colour: str, text: str, *, left: bool = False) -> None:
        """The block of lines has its middle at y."""
        font = ImageFont.truetype(font_roboto.RobotoBold, size)
        lines = [line.strip() for line in text.split("/")]
        step = size * 1.25
        for place, line in enumerate(lines):
            at = (x, y + (place - (len(lines) - 1) / 2) * step)
            self.pen.text(at, line, INK[colour], font, anchor="lm" if left else "mm")

    def _title(self, _n: list[int], _w: list[str], text: str) -> None:
        self._words(WIDTH * SCALE / 2, 52 * SCALE, 46 * SCALE, "ink", text)

    def _say(self, n: list[int], w: list[str], text: str) -> None:
        self._words(n[0], n[1], n[2], w[0], text, left="left" in w)

    def _box(self, n: list[int], w: list[str], text: str) -> None:
        x, y, wide, high, *size = n
        press = "press" in w
        edge = INK["red"] if press else INK["dark"]
        self.pen.rounded_rectangle((x, y, x + wide, y + high), 18 * SCALE, INK[w[0]], edge, (6 if press else 3) * SCALE)
        if text:
            dark = w[0] in ("green", "red", "blue", "dark")
            self._words(x + wide / 2, y + high / 2, size[0], "white" if dark else "ink", text)

    def _phone(self, n: list[int], w: list[str], _text: str) -> None:
        x, y, wide, high = n
        back = "back" in w
        self.pen.rounded_rectangle(
            (x, y, x + wide, y + high), 34 * SCALE, INK["dark" if back else "white"], INK["ink"], 7 * SCALE
        )
        if back:
            for place in (0, 1):
                r, cx, cy = 19 * SCALE, x + 48 * SCALE, y + (50 + 50 * place) * SCALE
                self.pen.ellipse((cx - r, cy - r, cx + r, cy + r), INK["ink"], INK["grey"], 4 * SCALE)

    def _card(self, n: list[int], _w: list[str], _text: str) -> None:
        x, y, wide, high = n
        self.pen.rounded_rectangle((x, y, x + wide, y + high), 16 * SCALE, INK["mint"], INK["green"], 4 * SCALE)
        side, left, top = high * 0.3, x + wide * 0.09, y + high * 0.14
        chip = (left, top, left + side * 1.15, top + side)
        self.pen.rounded_rectangle(chip, 8 * SCALE, INK["gold"], INK["ink"], 3 * SCALE)
        for part in (0.33, 0.66):
            self.pen.line((left, top + side * part, left + side * 1.15, top + side * part), INK["ink"], 2 * SCALE)
        self.pen.line((left + side * 0.57, top, left + side * 0.57, top + side), INK["ink"], 2 * SCALE)
        for place in range(3):
            line = y + high * (0.62 + place * 0.12)
            self.pen.line((x + wide * 0.08, line, x + wide * 0.92, line), INK["dark"], int(high * 0.05))

    def _arrow(self, n: list[int], w: list[str], _text: str) -> None:
        x1, y1, x2, y2 = n
        colour, length = INK[w[0]], ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
        ax, ay, head = (x2 - x1) / length, (y2 - y1) / length, 34 * SCALE
        bx, by = x2 - ax * head, y2 - ay * head
        self.pen.line((x1, y1, bx, by), colour, 12 * SCALE)
        half = head * 0.6
        self.pen.polygon(((x2, y2), (bx - ay * half, by + ax * half), (bx + ay * half, by - ax * half)), colour)

    def _ring(self, n: list[int], w: list[str], _text: str) -> None:
        x, y, r = n
        self.pen.ellipse((x - r, y - r, x + r, y + r), None, INK[w[0]], 9 * SCALE)

    def _face(self, n: list[int], _w: list[str], _text: str) -> None:
        x, y, r = n
        self.pen.ellipse((x - r * 0.8, y - r, x + r * 0.8, y + r), INK["sand"], INK["ink"], 5 * SCALE)
        for side in (-1, 1):
            eye = r * 0.09
            cx = x + side * r * 0.32
            self.pen.ellipse((cx - eye, y - r * 0.2 - eye, cx + eye, y - r * 0.2 + eye), INK["ink"])
        self.pen.arc((x - r * 0.35, y - r * 0.05, x + r * 0.35, y + r * 0.5), 20, 160, INK["ink"], 5 * SCALE)

    def _tick(self, n: list[int], _w: list[str], _text: str) -> None:
        x, y, s = n[0], n[1], 26 * SCALE
        corners = (x - s, y, x - s * 0.25, y + s * 0.8, x + s, y - s * 0.8)
        self.pen.line(corners, INK["green"], 13 * SCALE, joint="curve")

    def _cross(self, n: list[int], _w: list[str], _text: str) -> None:
        x, y, s = n[0], n[1], 24 * SCALE
        for way in (1, -1):
            self.pen.line((x - s, y - s * way, x + s, y + s * way), INK["red"], 13 * SCALE)

    def _code(self, n: list[int], _w: list[str], _text: str) -> None:
        """Squares laid out by a digest, without what a reader looks for in three corners of a true code."""
        x, y, size = n
        cells, bits = 12, int.from_bytes(hashlib.sha512(b"go cua").digest(), "big")
        self.pen.rectangle((x, y, x + size, y + size), INK["white"], INK["ink"], 4 * SCALE)
        cell = size / (cells + 2)
        for place in range(cells * cells):
            if bits >> place & 1:
                left, top = x + (place % cells + 1) * cell, y + (place // cells + 1) * cell
                self.pen.rectangle((left, top, left + cell, top + cell), INK["ink"])

    def _qr(self, n: list[int], _w: list[str], host: str) -> None:
        """Whole dots a square, so that no edge is blurred; only official hosts pass `gocua check`."""
        x, y, size = n
        rows = list(segno.make_qr(f"https://{host}", error="m").matrix_iter(border=4))
        cell = size // len(rows) // SCALE * SCALE
        size = cell * len(rows)
        self.pen.rectangle((x, y, x + size, y + size), INK["white"])
        for top, row in enumerate(rows):
            for left, dark in enumerate(row):
                if dark:
                    corner = (x + left * cell, y + top * cell)
                    self.pen.rectangle((*corner, corner[0] + cell - 1, corner[1] + cell - 1), "#000000")
        self._words(x + size / 2, y + size + 34 * SCALE, 44 * SCALE, "green", host)


def draw(shapes: tuple[str, ...]) -> Image.Image:
    drawing = Drawing()
    for line in shapes:
        drawing.shape(line)
    small = drawing.image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    return small.quantize(COLOURS, dither=Image.Dither.NONE)


def main() -> None:
    read = yaml.load((FOLDER / "pictures.yaml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    for name, body in read.items():
        shapes, about = tuple(body["draw"].splitlines()), PngImagePlugin.PngInfo()
        about.add_text(SOURCE, source(shapes))
        path = FOLDER / f"{name}.png"
        draw(shapes).save(path, optimize=True, pnginfo=about)
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
