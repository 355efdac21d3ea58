"""What every channel must do, run over data: one more channel is one line in CHANNELS and a folder of cases here.

<name>/webhooks/*.json  body (an object, or a string as it is), method?, headers?, query? -> parsed (fields not at
                        their default)
<name>/sends/*.json     outgoing -> calls
<name>/answers/*.json   call, status, body -> receipt and quota?, or error (SendError's fields not at their default)
"""

import copy
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from bot.channel import Call, Channel, Outgoing, Parsed, Receipt, SendError, Upload, Webhook
from bot.channels.messenger import Messenger
from bot.channels.telegram import Telegram
from bot.channels.zalo_bot import ZaloBot
from bot.channels.zalo_oa import ZaloOa
from bot.model import Attachment, Choice, Inbound, Noun, TakenOver

HERE = Path(__file__).parent
SECRETS = ("1:fake", "s3cret")
CHANNELS: dict[str, Channel] = {
    "telegram": Telegram("1:fake", "s3cret", team_chat="-1009"),
    "zalo_oa": ZaloOa("7001", {"9001": "s3cret"}, {"9001": "1:fake"}),
    "zalo_bot": ZaloBot("1:fake", "s3cret"),
    "messenger": Messenger("s3cret", "s3cret", "1:fake", "5005"),
}
ODD_VALUES: tuple[object, ...] = (None, True, -1, 10**30, 0.5, "", "x", [], [1], {}, {"x": 1})
ODD_BODIES = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b"7",
    b'"x"',
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"update_id":' + b"9" * 5000 + b"}",
)

Case = dict[str, Any]


def cases(folder: str) -> list[Any]:
    files = [file for name in CHANNELS for file in sorted((HERE / name / folder).glob("*.json"))]
    return [
        pytest.param(file.parts[-3], json.loads(file.read_text("utf-8")), id=f"{file.parts[-3]}-{file.stem}")
        for file in files
    ]


def webhook(case: Case) -> Webhook:
    body = case["body"]
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Webhook(
        method=case.get("method", "POST"), headers=case.get("headers", {}), query=case.get("query", {}), body=raw
    )


def plain(value: Any) -> Any:
    """A noun as JSON has it, without its kind and the fields that are at their default."""
    if isinstance(value, Noun):
        shown = {field.name: (field.default, getattr(value, field.name)) for field in structs.fields(value)}
        return {name: plain(now) for name, (default, now) in shown.items() if now != default}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def plain_parsed(parsed: Parsed) -> Case:
    shown = {name: value for name, value in plain(parsed).items() if name not in ("happened", "answer")}
    if parsed.happened:
        shown["happened"] = [{"is": type(event).__name__} | plain(event) for event in parsed.happened]
    if parsed.answer:
        words = parsed.answer.decode()
        shown["answer"] = json.loads(words) if parsed.answer_type == "application/json" else words
    return shown


def plain_call(call: Call) -> Case:
    shown: Case = {"path": call.path, "body": json.loads(call.body)}
    shown |= {"upload": plain(call.upload)} if call.upload else {}
    shown |= {"headers": plain(call.headers)} if call.headers else {}
    shown |= {"gives": call.gives} if call.gives else {}
    shown |= {"method": call.method} if call.method != "POST" else {}
    return shown if call.carries else shown | {"carries": False}


def outgoing(case: Case) -> Outgoing:
    given = dict(case)
    given["choices"] = tuple(Choice(**choice) for choice in given.get("choices", ()))
    given["choice_ids"] = tuple(given.get("choice_ids", ()))
    given["attachments"] = tuple(Attachment(**attachment) for attachment in given.get("attachments", ()))
    return Outgoing(**given)


def call_of(case: Case) -> Call:
    given = {name: case[name] for name in ("carries", "gives") if name in case}
    upload = Upload(**case["upload"]) if "upload" in case else None
    return Call(path=case["path"], body=json.dumps(case["body"]).encode(), upload=upload, **given)


def error_fields(error: SendError) -> Case:
    fresh = vars(SendError(""))
    return {name: value for name, value in vars(error).items() if value != fresh[name]}


@pytest.mark.parametrize(("name", "case"), cases("webhooks"))
def test_a_webhook_is_understood(name: str, case: Case) -> None:
    assert plain_parsed(CHANNELS[name].parse(webhook(case))) == case["parsed"]


@pytest.mark.parametrize(("name", "case"), cases("sends"))
def test_a_message_becomes_calls(name: str, case: Case) -> None:
    assert [plain_call(call) for call in CHANNELS[name].render(outgoing(case["outgoing"]))] == case["calls"]


@pytest.mark.parametrize(("name", "case"), cases("answers"))
def test_an_answer_is_understood(name: str, case: Case) -> None:
    body = case["body"].encode() if isinstance(case["body"], str) else json.dumps(case["body"]).encode()
    call = call_of(case["call"])
    if "error" not in case:
        assert CHANNELS[name].receipt(call, case["status"], body) == Receipt(
            remote_id=case["receipt"], quota=case.get("quota", "")
        )
        return
    with pytest.raises(SendError) as refused:
        CHANNELS[name].receipt(call, case["status"], body)
    assert error_fields(refused.value) == case["error"]
    assert not any(secret in str(refused.value) for secret in SECRETS)


def variants(value: Any) -> Iterator[Any]:
    """The value with each part of it missing or odd."""
    parts = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    for place, part in parts:
        for odd in ODD_VALUES:
            changed = copy.copy(value)
            changed[place] = odd
            yield changed
        if isinstance(value, dict):
            yield {name: kept for name, kept in value.items() if name != place}
        if isinstance(part, dict | list):
            for inner in variants(part):
                changed = copy.copy(value)
                changed[place] = inner
                yield changed


def assert_well_formed(parsed: Parsed, name: str) -> None:
    """All that a store could choke on: types, bare times, text that is no UTF-8."""
    assert isinstance(parsed.key, str)
    assert isinstance(parsed.unknown, str)
    assert len(parsed.keys) in (0, len(parsed.happened))
    assert all(isinstance(key, str) and key for key in parsed.keys)
    for event in parsed.happened:
        assert event.channel == name
        words = [event.chat]
        if isinstance(event, Inbound):
            assert event.sent_at.utcoffset() is not None
            words += [event.message_id, event.text, event.sender, event.sender_name]
            words += [event.choice or "", event.reply_to or "", event.contact.phone if event.contact else ""]
            words += [word for attachment in event.attachments for word in (attachment.ref, attachment.name)]
            assert all(isinstance(attachment.size_bytes, int) for attachment in event.attachments)
        if isinstance(event, TakenOver):
            words += [event.admin, event.text, event.message_id]
        assert all(isinstance(word, str) and "\0" not in word and word.encode() is not None for word in words)


@pytest.mark.parametrize(("name", "case"), cases("webhooks"))
def test_no_shape_of_a_webhook_raises(name: str, case: Case) -> None:
    for body in variants(case["body"]) if isinstance(case["body"], dict | list) else ():
        assert_well_formed(CHANNELS[name].parse(webhook(case | {"body": body})), name)


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize("body", ODD_BODIES, ids=range(len(ODD_BODIES)))
def test_no_body_raises(name: str, body: bytes) -> None:
    parsed = CHANNELS[name].parse(Webhook(method="POST", headers={}, query={}, body=body))
    assert parsed.unknown
    assert not parsed.happened


def receipt_or_error(channel: Channel, call: Call, status: int, body: bytes) -> str:
    try:
        return channel.receipt(call, status, body).remote_id
    except SendError as refused:
        return str(refused)


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 409, 429, 500, 503])
def test_no_answer_raises_but_send_error(name: str, status: int) -> None:
    call = CHANNELS[name].render(Outgoing(chat="2001", text="dạ"))[0]
    odd = [b'{"ok":false,"parameters":7,"error_code":"x"}', b'{"error":[],"data":7}', b'{"error":{"code":[]}}']
    for body in (*ODD_BODIES, b'{"ok":false}', b'{"ok":true}', b'{"error":-1}', *odd):
        assert not any(secret in receipt_or_error(CHANNELS[name], call, status, body) for secret in SECRETS)


@pytest.mark.parametrize("name", CHANNELS)
def test_a_long_text_is_whole_and_in_order(name: str) -> None:
    limit = CHANNELS[name].capabilities.text_limit
    words = [f"word{number}" for number in range(limit)]
    calls = CHANNELS[name].render(Outgoing(chat="2001", text=" ".join(words)))
    shown = "".join(call.body.decode() for call in calls)
    places = [shown.index(word) for word in words]
    assert len(calls) > 1
    assert places == sorted(places)
    assert all(call.carries for call in calls)


@pytest.mark.parametrize(("name", "case"), cases("webhooks"))
def test_an_unsigned_webhook_is_refused(name: str, case: Case) -> None:
    """Where a channel lets a probe of its address pass, that one says nothing."""
    unsigned = structs.replace(webhook(case), headers={}, query={})
    assert not CHANNELS[name].verify(unsigned) or not CHANNELS[name].parse(unsigned).happened


@pytest.mark.parametrize("name", CHANNELS)
def test_an_unsigned_message_is_refused(name: str) -> None:
    assert not CHANNELS[name].verify(Webhook(method="POST", headers={}, query={}, body=b'{"message":{"text":"x"}}'))


@pytest.mark.parametrize("name", CHANNELS)
def test_secrets_are_in_no_repr(name: str) -> None:
    assert not any(secret in repr(CHANNELS[name]) for secret in SECRETS)


@pytest.mark.parametrize("name", CHANNELS)
def test_every_channel_has_cases(name: str) -> None:
    assert CHANNELS[name].capabilities.name == name
    for folder in ("webhooks", "sends", "answers"):
        assert list((HERE / name / folder).glob("*.json")), f"tests/channels/{name}/{folder} has no cases"
