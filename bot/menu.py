"""The menu's screens: topics first, then the flows of one. Only builds them; when they are shown is not known here.

A screen is named by the id of the choice that opens it: "menu:<start>" or "topic:<topic>:<start>", where `start` is the
place of its first line in the whole list; "up:<screen>" leads back to one.
"""

from bot.library import Library
from bot.model import Choice

#: choices on one screen: as many as the poorest channel numbers
MOST = 9


def of_topics(library: Library, start: int = 0, *, paused: bool = False) -> tuple[Choice, ...]:
    """The topics from `start` on. With a flow paused the first screen leads back to it."""
    resume = (Choice(id="resume", label=library.phrases.resume),) if paused and not start else ()
    up = "menu:0" if start else ""
    return (*resume, *_screen(library, topics(library), "menu", start, up, MOST - len(resume)))


def of_flows(library: Library, topic: str, start: int = 0, *, paused: bool = False) -> tuple[Choice, ...]:
    """The flows of a topic from `start` on, and the way back to where they were come from."""
    flows = tuple(Choice(id=f"flow:{flow.id}", label=flow.title) for flow in library.of_topic(topic))
    up = f"topic:{topic}:0" if start else _offering(library, topic, paused)
    return _screen(library, flows, f"topic:{topic}", start, up, MOST)


def topics(library: Library) -> tuple[Choice, ...]:
    """Every topic that has a flow, most wanted first."""
    return tuple(Choice(id=f"topic:{one.id}:0", label=one.name) for one in library.topics if library.of_topic(one.id))


def way_up(shown: tuple[Choice, ...]) -> str:
    """The screen to which "quay lại" leads from the one shown; "" from the first, and outside the menu."""
    return next((one.id.removeprefix("up:") for one in shown if one.id.startswith("up:")), "")


def _screen(
    library: Library, choices: tuple[Choice, ...], verb: str, start: int, up: str, room: int
) -> tuple[Choice, ...]:
    """At most `room` choices: the list from `start` on, the way on and up, a person."""
    ends = (
        *((Choice(id=f"up:{up}", label=library.phrases.back),) if up else ()),
        Choice(id="person", label=library.phrases.menu_person),
    )
    stop = start + room - len(ends)
    if len(choices) <= stop:
        return (*choices[start:], *ends)
    more = Choice(id=f"{verb}:{stop - 1}", label=library.phrases.menu_more)
    return (*choices[start : stop - 1], more, *ends)


def _offering(library: Library, topic: str, paused: bool) -> str:
    """The screen on which a topic is offered; the first when it is on none."""
    screen = "menu:0"
    while screen:
        shown = of_topics(library, int(screen.removeprefix("menu:")), paused=paused)
        if any(one.id == f"topic:{topic}:0" for one in shown):
            return screen
        screen = next((one.id for one in shown if one.id.startswith("menu:")), "")
    return "menu:0"
