"""A talk as HTML and as JSON. One template makes a line in both, so what was loaded and what was told look the same."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.threads import Line

_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


def page_headers(*framed_by: str) -> dict[str, str]:
    """Of the page itself. `framed_by`: the origins that may frame it, beside our own."""
    ancestors = " ".join(("'self'", *framed_by))
    return {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
        "Content-Security-Policy": (
            "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
            f"frame-ancestors {ancestors}"
        ),
    }


class Pages:
    def __init__(self, proof: str = "", *, speaks: bool = False) -> None:
        """`proof`: the code by which Zalo knows that this address is ours. `speaks`: lines can be heard."""
        self._proof, self._speaks = proof, speaks
        templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._page, self._line = templates.get_template("page.html"), templates.get_template("line.html")

    def page(self, lines: Sequence[Line], most_characters: int, now: datetime, *, framed: bool = False) -> str:
        """`framed`: inside a page of another site, whose frame already has a head."""
        said = [line for line in lines if line.who != "resident"]
        open_id = _open_choices(lines)
        return self._page.render(
            lines=[
                self._html(line, now, choices=line.id == open_id, ask=line is said[-1] if said else False)
                for line in lines
            ],
            last=max((line.out_id for line in lines), default=0),
            most_characters=most_characters,
            framed=framed,
            proof=self._proof,
        )

    def line(self, line: Line, now: datetime) -> dict[str, Any]:
        """One line for the page's script; what is new is always open to an answer."""
        return {
            "id": line.id,
            "out_id": line.out_id,
            "who": line.who,
            "text": line.text,
            "choices": [{"choice": payload, "label": label} for payload, label in line.choices],
            "ask": line.ask,
            "aloud": self._speaks and line.aloud,
            "html": self._html(line, now, choices=True, ask=True),
        }

    def _html(self, line: Line, now: datetime, *, choices: bool, ask: bool) -> str:
        at = line.at.astimezone(_VIETNAM)
        today = at.date() == now.astimezone(_VIETNAM).date()
        return self._line.render(
            line=line,
            at=at.strftime("%H:%M" if today else "%d/%m %H:%M"),
            choices=line.choices if choices else (),
            ask=line.ask if ask else "",
            speaks=self._speaks,
        )


def _open_choices(lines: Sequence[Line]) -> str:
    """The id of the line whose choices can still be picked: the newest that has some, unless one was picked."""
    picked: set[str] = set()
    for line in reversed(lines):
        if line.choices:
            return "" if picked & {payload for payload, _ in line.choices} else line.id
        picked.add(line.picked)
    return ""
