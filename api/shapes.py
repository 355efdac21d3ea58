"""The shape of a provider's request in a few words, for the channel log: which event, in which form. Never its words.

What documents disagree on is told apart here, so that `gocua channel probe` can say which is so.
"""

import re
from collections.abc import Collection

from bot.channel import Webhook
from bot.channels._wire import Fields, fields, items, opened, word
from bot.channels.zalo_oa import PROBE_ID

_NAME = re.compile(r"[a-z0-9_.]{1,50}")


def shape(name: str, webhook: Webhook, ours: Collection[str] = ()) -> str:
    """Such as "user_seen_message sender=oa", "probe empty", "standby.message". `ours`: ids of our Official Accounts."""
    if webhook.method == "GET":
        return "probe get"
    raw = opened(webhook.body)
    if raw is None:
        return "probe empty" if not webhook.body.strip() else "malformed"
    match name:
        case "zalo_oa":
            return _zalo_oa(raw, ours)
        case "zalo_bot":
            inner = fields(raw["result"]) if "result" in raw else raw
            return f"{_name(inner.get('event_name'))} {'wrapped' if 'result' in raw else 'flat'}"
        case "messenger":
            return _messenger(raw)
        case _:
            return _name(next((key for key in raw if key != "update_id"), ""))


def _name(value: object) -> str:
    name = word(value)
    return name if _NAME.fullmatch(name) else "odd"


def _zalo_oa(raw: Fields, ours: Collection[str]) -> str:
    if not raw:
        return "probe empty"
    event, message = _name(raw.get("event_name")), fields(raw.get("message"))
    if message.get("msg_id") == PROBE_ID:
        return "probe sample"
    sender = fields(raw.get("sender"))
    if event in ("user_seen_message", "user_received_message"):
        return f"{event} sender={'oa' if word(sender.get('id')) in ours else 'user'}"
    if event.startswith("oa_send_"):
        return f"{event} admin={'yes' if word(sender.get('admin_id')) else 'no'}"
    return event


def _messenger(raw: Fields) -> str:
    """The first event stands for all: a request rarely brings more."""
    for entry in map(fields, items(raw.get("entry"))):
        if "changes" in entry:
            return "probe changes"
        for way in ("messaging", "standby"):
            for event in map(fields, items(entry.get(way))):
                kind = next((key for key in event if key not in ("sender", "recipient", "timestamp")), "")
                return f"{way}.{'echo' if fields(event.get('message')).get('is_echo') else _name(kind)}"
    return "empty"
