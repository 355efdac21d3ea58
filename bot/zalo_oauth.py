"""How a Zalo Official Account gives this app its keys (OAuth v4): what to ask, and what the answers mean.

Opens no connection and keeps no key. A refresh token works ONCE and each refresh gives a new pair: whoever carries out
these calls refreshes in one place only, and stores the new pair before using it. All follow https://oauth.zaloapp.com.
"""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from urllib.parse import urlencode

from bot.channel import Call, SendError

HOST = "https://oauth.zaloapp.com"
TOKEN_PATH = "/v4/oa/access_token"  # noqa: S105
#: of 25 hours
REFRESH_AFTER_S = 20 * 3600

_AGAIN = "let an admin of the OA give consent again (the link is in the operator's page)"
_MEND = {
    -14002: "the app is not active: activate it at developers.zalo.me",
    -14003: "the callback URL is not the one registered for the app: make both equal",
    -14004: "the app's secret key is wrong: copy it again from the app's settings",
    -14014: f"the refresh token is not valid: {_AGAIN}",
    -14020: f"the refresh token was used before, or is over: {_AGAIN}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A pair of keys to one OA. The refresh token lives three months and works once."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_in_s: int


def pkce(verifier: str) -> str:
    """The challenge of a code verifier, which Zalo wants to be 43 letters, digits, - . _ or ~."""
    if not re.fullmatch(r"[A-Za-z0-9._~-]{43}", verifier):
        raise ValueError("a code verifier has 43 characters: letters, digits, - . _ ~")
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def consent_url(app_id: str, redirect: str, challenge: str, state: str) -> str:
    """Where an admin of the OA says yes. They come back to `redirect` with code, oa_id and state; code lives 10 min."""
    asked = {"app_id": app_id, "redirect_uri": redirect, "code_challenge": challenge, "state": state}
    return f"{HOST}/v4/oa/permission?{urlencode(asked)}"


def token_call(app_id: str, secret: str, code: str, verifier: str) -> Call:
    """The first pair, for the code of the consent. `secret` is the app's own, not the OA's webhook key."""
    form = {"code": code, "app_id": app_id, "grant_type": "authorization_code", "code_verifier": verifier}
    return _call(secret, form)


def refresh_call(app_id: str, secret: str, refresh: str) -> Call:
    return _call(secret, {"refresh_token": refresh, "app_id": app_id, "grant_type": "refresh_token"})


def tokens(body: bytes) -> Tokens:
    """The pair in an answer. Raises SendError: `misconfigured` when a person must act, `uncertain` when nobody knows.

    After an uncertain refresh the old token may be used up: try once more with it, then a person must act.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise SendError("Zalo's answer about tokens is no JSON object", uncertain=True)
    if error := answer.get("error"):
        why = _MEND.get(error, "") if isinstance(error, int) else ""
        said = why or str(answer.get("error_name") or answer.get("message") or "")[:200]
        raise SendError(f"Zalo gives no tokens ({str(error)[:20]}): {said}", misconfigured=True, permanent=True)
    access, refresh, lasts = answer.get("access_token"), answer.get("refresh_token"), str(answer.get("expires_in", ""))
    known = isinstance(access, str) and isinstance(refresh, str) and access and refresh
    if not known or not (lasts.isascii() and lasts.isdigit() and len(lasts) < 10):
        raise SendError("Zalo's answer lacks access_token, refresh_token or expires_in", uncertain=True)
    return Tokens(access=str(access), refresh=str(refresh), expires_in_s=int(lasts))


def _call(secret: str, form: dict[str, str]) -> Call:
    headers = (("content-type", "application/x-www-form-urlencoded"), ("secret_key", secret))
    return Call(path=TOKEN_PATH, body=urlencode(form).encode(), headers=headers, carries=False)
