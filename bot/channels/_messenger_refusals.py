"""What the Send API says no with, and what the sender does about each. Codes as of the vendor's table of 2026-03."""

from collections.abc import Callable
from functools import partial

from bot.channel import SendError
from bot.channels._wire import Fields, whole, word

PAUSE_S = 60.0
_TRIES = 4

_Refusal = Callable[[str], SendError]
_stop: _Refusal = partial(SendError, permanent=True)
_mend: _Refusal = partial(SendError, misconfigured=True)
_blocked: _Refusal = partial(SendError, permanent=True, blocked=True)
_window: _Refusal = partial(SendError, permanent=True, window=True)
_again: _Refusal = partial(SendError, tries=_TRIES)
_slower: _Refusal = partial(SendError, retry_after_s=PAUSE_S, whole=True)

#: (code, subcode): what the sender does, and what to tell the operator; subcode 0 is any other
_TABLE: dict[tuple[int, int], tuple[_Refusal, str]] = {
    (2, 0): (_again, "Meta has a fault just now"),
    (4, 0): (_slower, "too many requests of this app"),
    (10, 0): (_mend, "the app lacks the permission pages_messaging, or does not hold this talk"),
    (10, 2018065): (_window, "the resident has not written for 24 hours"),
    (10, 2018278): (_window, "the resident has not written for 24 hours"),
    (10, 1893063): (_mend, "Meta restricted the page: look into its notices"),
    (100, 0): (_stop, "a parameter is wrong"),
    (100, 2018001): (_blocked, "no such person for this page"),
    (100, 2018034): (_stop, "the message is empty: this is a fault of Gõ Cửa, report it"),
    (100, 1893061): (_stop, "this message tag was retired: this is a fault of Gõ Cửa, report it"),
    (190, 0): (_mend, "the page's token is not valid: make a new one in the app's settings"),
    (200, 0): (_mend, "the permission is missing, or the resident blocked the page"),
    (200, 1545041): (_blocked, "the resident blocked the page"),
    (230, 0): (_mend, "the permission is missing, or the resident blocked the page"),
    (551, 0): (_blocked, "the resident cannot be written to"),
    (551, 1545041): (_blocked, "the resident cannot be written to"),
    (613, 0): (_slower, "too many messages"),
    (1200, 0): (_again, "Meta has a fault just now"),
    (80006, 0): (_slower, "too many messages of this page"),
}
#: subcodes of a wrong parameter that have nothing to do with buttons
_NOT_FOR_BUTTONS = frozenset({2018001, 2018034, 1893061})


def refusal(error: Fields, status: int, *, native: bool) -> SendError:
    """The error in an answer; an unknown one is permanent, unless Meta's own side failed. `native`: it had buttons."""
    code, subcode = whole(error.get("code")), whole(error.get("error_subcode"))
    known = _TABLE.get((code, subcode)) or _TABLE.get((code, 0))
    says = f"Messenger refused ({code}/{subcode}): "
    if known is None:
        said = says + (word(error.get("message"))[:200] or "no reason given")
        return SendError(said, permanent=status < 500, uncertain=status >= 500)
    make, why = known
    refused = make(says + why)
    refused.degrade = native and code == 100 and subcode not in _NOT_FOR_BUTTONS
    return refused
