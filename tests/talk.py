"""A talk that tests drive: every event goes through engine.advance, and everything through JSON between two turns."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot import engine, record
from bot.library import Library
from bot.model import Attachment, Choice, Conversation, Event, Inbound, Menu, Point, Reply, Turn
from knowledge.secrets import redact
from tests.cast import CHANNEL, CHAT, NOW

#: between two turns, long enough for a second press to be a wish of its own
PACE = timedelta(seconds=30)


@dataclass(slots=True)
class Talk:
    library: Library
    conversation: Conversation = field(default_factory=lambda: Conversation(channel=CHANNEL, chat=CHAT))
    now: datetime = NOW
    turns: list[Turn] = field(default_factory=list)
    #: every menu that was shown, oldest first
    menus: list[Menu] = field(default_factory=list)
    #: the native payload of the button pressed last
    pressed: str = ""

    def send(self, event: Event) -> Turn:
        event = record.event(json.loads(json.dumps(record.to_json(event))))
        turn = engine.advance(self.library, self.conversation, event, self.now)
        self.conversation = record.read(Conversation, json.loads(json.dumps(record.to_json(turn.conversation))))
        assert self.conversation == turn.conversation
        effects = tuple(record.effect(json.loads(json.dumps(record.to_json(effect)))) for effect in turn.effects)
        assert effects == turn.effects
        self.turns.append(turn)
        self.menus += [Menu(number=one.menu, choices=one.choices) for one in replies(turn) if one.choices]
        self.now += PACE
        return turn

    def say(self, text: str, *, edited: bool = False) -> Turn:
        """Words, masked as they are before anything is stored."""
        masked = redact(text)
        return self.send(self.inbound(text=masked.text, secrets=masked.found, edited=edited))

    def press(self, label: str) -> Turn:
        """A button of the newest menu. Raises LookupError when it is not on screen."""
        shown = self.conversation.menu
        return self._press(label, (shown,) if shown else ())

    def press_old(self, label: str) -> Turn:
        """A button that is no longer on screen, of the newest menu that had it."""
        current = self.conversation.menu
        return self._press(label, tuple(menu for menu in reversed(self.menus) if menu != current))

    def press_again(self, after: timedelta) -> Turn:
        """The last pressed button once more, so long after the first press."""
        self.now += after - PACE
        return self.send(self.inbound(choice=self.pressed))

    def pin(self, lat: float, lon: float) -> Turn:
        return self.send(self.inbound(point=Point(lat=lat, lon=lon)))

    def photo(self, name: str) -> Turn:
        return self.send(self.inbound(attachments=(Attachment(kind="photo", ref=name, name=name),)))

    def inbound(
        self,
        *,
        text: str = "",
        choice: str | None = None,
        point: Point | None = None,
        attachments: tuple[Attachment, ...] = (),
        secrets: tuple[str, ...] = (),
        edited: bool = False,
    ) -> Inbound:
        return Inbound(
            channel=CHANNEL, chat=CHAT, message_id=str(len(self.turns) + 1), sent_at=self.now,
            text=text, choice=choice, point=point, attachments=attachments, secrets=secrets, edited=edited,
        )  # fmt: skip

    @property
    def choices(self) -> tuple[Choice, ...]:
        return self.conversation.menu.choices if self.conversation.menu else ()

    @property
    def at(self) -> str:
        position = self.conversation.position
        return f"{position.flow}/{position.step}" if position else "-"

    def _press(self, label: str, menus: tuple[Menu, ...]) -> Turn:
        for menu in menus:
            for place, choice in enumerate(menu.choices, 1):
                if choice.label == label:
                    self.pressed = f"{menu.number}.{place}"
                    return self.send(self.inbound(choice=self.pressed))
        there = ", ".join(choice.label for menu in menus[:1] for choice in menu.choices) or "no button"
        raise LookupError(f"{label!r} is not on screen; there is {there}")


def replies(turn: Turn) -> tuple[Reply, ...]:
    return tuple(effect for effect in turn.effects if isinstance(effect, Reply))


def words(turn: Turn) -> str:
    """All that a turn said to the resident."""
    return "\n".join(reply.text for reply in replies(turn))
