"""QR codes of links, for pages and posters: dark squares of one unit, the white around them left free. Asks nobody."""

from pathlib import Path

#: white around a code, in its own squares: less and cheap cameras do not find it
QUIET = 4
#: a fold or a drop of rain may take 15 % of a code
CORRECTION = "m"


def squares(link: str) -> tuple[int, str]:
    """How many squares wide the code of a link is, the white around it counted, and its dark ones as one SVG path."""
    import segno

    rows = list(segno.make_qr(link, error=CORRECTION).matrix_iter(border=QUIET))
    dots = [f"M{left} {top}h1v1h-1z" for top, row in enumerate(rows) for left, dark in enumerate(row) if dark]
    return len(rows), "".join(dots)


def write_png(link: str, file: Path) -> None:
    import segno

    segno.make_qr(link, error=CORRECTION).save(str(file), scale=12, border=QUIET)
