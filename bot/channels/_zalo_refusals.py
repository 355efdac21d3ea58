"""What Zalo's OA API says no with, and what the sender does about each. Knows no request: `degrade` is zalo_oa.py's.

Zalo answers HTTP 200 to what it refuses: success is `error` 0 alone. Codes as of the vendor's table of 2026-11.
"""

from collections.abc import Callable
from functools import partial

from bot.channel import SendError

RATE_PAUSE_S = 20.0
POSTPONED_S = 3600.0

_Refusal = Callable[[str], SendError]
_stop: _Refusal = partial(SendError, permanent=True)
_mend: _Refusal = partial(SendError, misconfigured=True)
_blocked: _Refusal = partial(SendError, permanent=True, blocked=True)
_window: _Refusal = partial(SendError, permanent=True, window=True)
_token: _Refusal = partial(SendError, token=True)

#: code: what the sender does, and what to tell the operator
_TABLE: dict[int, tuple[_Refusal, str]] = {
    -32: (partial(SendError, retry_after_s=RATE_PAUSE_S, whole=True), "too many requests a minute"),
    -100: (partial(SendError, retry_after_s=1.0, tries=3), "the uploaded file is no longer there: it goes up again"),
    -124: (_token, "the access token is not valid"),
    -200: (partial(SendError, tries=2), "sending failed"),
    -201: (_stop, "a parameter is wrong: this is a fault of Gõ Cửa, report it"),
    -204: (_mend, "the OA was deleted"),
    -205: (_mend, "the OA does not exist"),
    -209: (_mend, "switch the app to 'Đang hoạt động' at developers.zalo.me"),
    -210: (_stop, "a parameter is over its limit: this is a fault of Gõ Cửa, report it"),
    -211: (_mend, "the OA's quota for this is used up"),
    -212: (_mend, "register this API for the app at developers.zalo.me"),
    -213: (_stop, "the resident does not follow the OA"),
    -214: (partial(SendError, retry_after_s=60.0), "Zalo is still at work on it"),
    -216: (_token, "the access token is not valid"),
    -217: (_stop, "the resident refuses invitations of this OA"),
    -218: (_stop, "the resident has had all messages that Zalo lets through from this OA"),
    -219: (_mend, "the OA removed or disabled the app: give consent again"),
    -220: (_token, "the access token is over"),
    -221: (_mend, "the OA is not verified"),
    -223: (_mend, "the OA has not granted this API to the app: give consent again"),
    -224: (_mend, "the OA's package lacks this feature"),
    -227: (_blocked, "the resident's account is banned, or was not used for 45 days"),
    -230: (_window, "the resident has not written for 7 days"),
    -232: (_window, "the resident has never written, or too long ago"),
    -233: (_stop, "Zalo does not take this kind of message"),
    -234: (partial(SendError, retry_after_s=POSTPONED_S), "Zalo lets no such message through from 22:00 to 06:00"),
    -235: (_mend, "this kind of OA has no such API"),
    -237: (_mend, "the Zalo group is over"),
    -238: (_mend, "the message quota is used up"),
    -240: (_stop, "this message API was shut down: update Gõ Cửa"),
    -241: (_mend, "the message quota is disabled"),
    -242: (_mend, "appsecret_proof is wrong"),
    -244: (_blocked, "the resident restricted messages of this OA"),
    -248: (partial(SendError, permanent=True, misconfigured=True), "against Zalo's policy: look into the OA's notices"),
    -249: (_stop, "this template cannot be sent by user id"),
    -320: (_mend, "connect a Zalo Cloud Account"),
    -321: (_mend, "the Zalo Cloud Account is out of money"),
    -403: (_mend, "the OA is not in that group"),
    -1340: (_stop, "the form does not exist"),
    -1341: (_stop, "the app may not use this form"),
}
#: a message refused so for its buttons or form may be taken without them
FOR_ITS_BUTTONS = frozenset({-201, -210, -233, -244})


def refusal(code: int, said: str) -> SendError:
    """The error of a code; one that is not in the table is permanent for this message."""
    make, why = _TABLE.get(code, (_stop, said or "no reason given"))
    return make(f"Zalo refused ({code}): {why}")
