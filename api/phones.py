"""A resident's phone number among their answers: which answer is one, and what is shown before it is asked for."""

from bot.flow import Ask
from bot.library import Library

#: the answer that is a phone number whatever flow asks for it
KEY = "so_dien_thoai"


def keys(library: Library) -> frozenset[str]:
    """The answers that are phone numbers, by the flows' own questions."""
    asked = {
        step.key
        for flow in library.flows.values()
        for step in flow.steps.values()
        if isinstance(step, Ask) and step.kind == "phone"
    }
    return frozenset(asked | {KEY})


def masked(phone: str) -> str:
    """ "••• ••• 123": enough to know it from another."""
    return f"••• ••• {phone[-3:]}" if phone else ""
