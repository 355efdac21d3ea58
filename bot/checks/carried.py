"""Whether every channel carries a flow's texts, labels, choices and placeholders as they are written."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bot.capabilities import Capabilities
from bot.channel import listed, split
from bot.checks.paths import at, reached_from
from bot.flow import Ask, Choose, Do, Flow, Go, Problem, Say, Step
from bot.model import Choice
from knowledge.text import fold

#: under "what is the trouble" stand two more buttons than signs: something else, and a person
MORE_THAN_SIGNS = 2
#: further signs are understood when typed, but have no button
MOST_SIGNS = 6
#: what every text may name besides the answers of its flow
PLACE_KEY = "noi_o"
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the poorest of the channels carries."""

    text: int
    label: int
    choices: int
    channels: tuple[Capabilities, ...] = ()

    @classmethod
    def of(cls, capabilities: Iterable[Capabilities]) -> "Limits":
        """Labels are limited only by buttons that cannot be numbers instead; their number is limited everywhere."""
        known = tuple(capabilities)
        return cls(
            text=min((one.text_limit for one in known), default=10_000),
            label=min((one.label_limit for one in known if one.buttons and not one.long_labels), default=10_000),
            choices=min((one.max_choices for one in known), default=10_000),
            channels=known,
        )


def carried(flow: Flow, limits: Limits) -> Iterator[Problem]:
    for step in flow.steps.values():
        yield from _choices(flow, step, limits)
        yield from _texts(flow, step, limits)
        yield from _bubbles(flow, step, limits)


def too_long(what: str, text: str, most: int) -> str:
    return f"{what} dài {len(text)} chữ cái, có kênh chỉ chở được {most}: viết ngắn lại “{text[:40]}”"


def _choices(flow: Flow, step: Step, limits: Limits) -> Iterator[Problem]:
    labels: list[str] = []
    match step:
        case Choose():
            labels = [option.label for option in step.options]
            if len(labels) > limits.choices:
                yield at(
                    flow, step, f"{len(labels)} lựa chọn, có kênh chỉ chở được {limits.choices}: tách làm hai bước"
                )
        case Do():
            labels = [sign.sign for sign in step.stuck]
            if not labels:
                yield at(flow, step, "thiếu stuck: kể những chỗ bà con hay vướng ở bước này, bằng lời bà con")
            most = min(MOST_SIGNS, limits.choices - MORE_THAN_SIGNS)
            if len(labels) > most:
                yield at(flow, step, f"{len(labels)} chỗ vướng, chỉ {most} có nút: gộp bớt lại")
        case _:
            pass
    for label in labels:
        if len(label) > limits.label:
            yield at(flow, step, too_long("nút", label, limits.label))
        if _PLACEHOLDER.search(label):
            yield at(flow, step, f"nút “{label}” có chỗ điền {{ }}: nút hiện y như viết, ghi chữ rõ ra")
    for label in {one for one in labels if [fold(other) for other in labels].count(fold(one)) > 1}:
        yield at(flow, step, f"nút “{label}” có hai lần (bỏ dấu thì giống nhau): đổi một nút")


def _texts(flow: Flow, step: Step, limits: Limits) -> Iterator[Problem]:
    known = {PLACE_KEY} | {
        other.key for other in flow.steps.values() if isinstance(other, Ask) and step.id in reached_from(flow, other.id)
    }
    for what, text in _said(step):
        if len(text) > limits.text:
            yield at(flow, step, too_long(what, text, limits.text))
        for name in _PLACEHOLDER.findall(text):
            if name not in known:
                message = (
                    f"chưa hỏi {{{name}}} ở đâu trước bước này: thêm bước ask có as: {name}, hoặc dùng {{{PLACE_KEY}}}"
                )
                yield at(flow, step, message)


def _said(step: Step) -> Iterator[tuple[str, str]]:
    """What a step says, each with what it is called in the file."""
    if not isinstance(step, Go):
        yield "lời", step.text
    yield "simpler", step.simpler
    if isinstance(step, Do):
        yield from ((f"say của “{sign.sign}”", sign.say) for sign in step.stuck)


def _bubbles(flow: Flow, step: Step, limits: Limits) -> Iterator[Problem]:
    """What a resident reads at once, with every `say` before it, must not become a wall of messages anywhere."""
    if isinstance(step, Say | Go):
        return
    text = "\n\n".join((*_before(flow, step, frozenset()), step.text))
    labels = [option.label for option in step.options] if isinstance(step, Choose) else []
    choices = tuple(Choice(id=str(place), label=label) for place, label in enumerate(labels))
    for one in limits.channels:
        number = bubbles(one, text, choices, pictures=bool(step.picture))
        if number > one.most_bubbles and len(step.text) <= one.text_limit:
            where = f"{one.title or one.name} chỉ nên {one.most_bubbles}"
            yield at(flow, step, f"cộng các lời say đứng trước thì thành {number} tin, {where}: viết ngắn lại")
            return


def bubbles(one: Capabilities, text: str, choices: tuple[Choice, ...], *, pictures: int) -> int:
    """How many messages a text with these choices and pictures becomes on a channel."""
    parts = split(text, one.text_limit) if one.buttons else listed(text, choices, one.text_limit)
    if not one.photo_out:
        return len(parts)
    together = pictures == 1 and len(parts) == 1 and len(parts[0]) <= one.caption_limit
    return pictures if together else len(parts) + pictures


def _before(flow: Flow, step: Step, seen: frozenset[str]) -> tuple[str, ...]:
    """The longest run of `say` texts that is read together with a step."""
    runs = [
        (*_before(flow, one, seen | {step.id}), one.text)
        for one in flow.steps.values()
        if isinstance(one, Say) and one.id not in seen and flow.after(one) == step.id
    ]
    return max(runs, key=lambda run: sum(map(len, run)), default=())
