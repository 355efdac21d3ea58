"""A resident's phone number among their answers: which answer is one, and what is shown before it is asked for."""

from bot.library import Library

#: the answer that is a phone number whatever flow asks for it
KEY = "so_dien_thoai"


def keys(library: Library) -> frozenset[str]:
    return library.phone_keys | {KEY}


def masked(phone: str) -> str:
    """ "••• ••• 123": enough to know it from another."""
    return f"••• ••• {phone[-3:]}" if phone else ""
