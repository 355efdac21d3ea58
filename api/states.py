"""The state of a conversation as it is stored, and what it reads as: who wrote a text need not read it again.

What a text reads as depends on nothing else, so it is true whichever process wrote it, and in whatever order.
"""

from collections import OrderedDict

import orjson

from bot import record
from bot.model import Conversation

#: texts that are remembered; the one not asked for the longest is forgotten first
MOST_KNOWN = 2000

#: of the writing thread alone
_known: OrderedDict[str, Conversation] = OrderedDict()


def read(text: str) -> Conversation:
    state = _known.pop(text, None)
    return record.read_text(Conversation, text) if state is None else state


def written(state: Conversation) -> orjson.Fragment:
    """A value for a JSON column."""
    data = record.text(state)
    _known[data.decode()] = state
    if len(_known) > MOST_KNOWN:
        _known.popitem(last=False)
    return orjson.Fragment(data)
