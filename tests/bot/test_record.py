"""What is stored can always be read again, by this version and by the one before."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args, get_origin

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields

from bot import model, record

MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 as hypothesis wants it


def through_json(value: model.Noun) -> Any:
    return json.loads(json.dumps(record.to_json(value)))


def whole(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type; of a noun with any values in its fields."""
    if get_origin(kind) is Mapping:
        return st.dictionaries(*map(whole, get_args(kind)))
    if not (isinstance(kind, type) and issubclass(kind, model.Noun)):
        return st.from_type(kind)
    return st.deferred(lambda: st.builds(kind, **{field.name: whole(field.type) for field in fields(kind)}))


def any_of(*kinds: type) -> st.SearchStrategy[Any]:
    with_moments = {datetime: MOMENTS, float: st.floats(allow_nan=False, allow_infinity=False)}
    for kind, strategy in with_moments.items():
        st.register_type_strategy(kind, strategy)
    for noun in (model.Attachment, model.Point, model.Contact, model.Choice, model.Menu, model.Place, model.Position):
        st.register_type_strategy(noun, whole(noun))
    return st.one_of(*(whole(kind) for kind in kinds))


@given(any_of(model.Conversation))
def test_conversations_come_back_as_they_were(conversation: model.Conversation) -> None:
    assert record.read(model.Conversation, through_json(conversation)) == conversation


@given(any_of(*get_args(model.Event)))
def test_events_come_back_as_they_were(event: model.Event) -> None:
    assert record.event(through_json(event)) == event


@given(any_of(*get_args(model.CaseEvent)))
def test_case_events_come_back_as_they_were(event: model.CaseEvent) -> None:
    assert record.case_event(through_json(event)) == event


@given(any_of(*get_args(model.Effect)))
def test_effects_come_back_as_they_were(effect: model.Effect) -> None:
    assert record.effect(through_json(effect)) == effect


def test_defaults_are_left_out() -> None:
    assert record.to_json(model.Conversation(channel="web", chat="1")) == {"channel": "web", "chat": "1"}


def test_a_moment_is_the_same_moment_whatever_its_zone() -> None:
    hanoi = datetime(2026, 11, 21, 9, 0, tzinfo=timezone(timedelta(hours=7)))
    utc = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
    assert record.event(through_json(model.WaitExpired(due_at=hanoi))) == model.WaitExpired(due_at=utc)
    assert record.to_json(model.WaitExpired(due_at=utc)) == {"kind": "WaitExpired", "due_at": "2026-11-21T02:00:00Z"}


def test_what_the_version_before_wrote_is_read() -> None:
    before = {"kind": "WaitExpired", "due_at": "2026-11-21T02:00:00+00:00"}
    assert record.event(before) == model.WaitExpired(due_at=datetime(2026, 11, 21, 2, 0, tzinfo=UTC))


def test_what_a_newer_version_wrote_is_dropped() -> None:
    stored = {"channel": "web", "chat": "1", "mood": "good", "place": {"commune": "25750", "floor": 3}}
    assert record.read(model.Conversation, stored) == model.Conversation(
        channel="web", chat="1", place=model.Place(commune="25750")
    )


def test_a_value_that_only_a_newer_version_understands_is_dropped() -> None:
    stored = {
        "channel": "web",
        "chat": "1",
        "case": "asleep",
        "misses": 2,
        "place": {"commune": "25750", "how": "star"},
    }
    known = model.Conversation(channel="web", chat="1", misses=2)
    assert record.read(model.Conversation, stored) == known
    assert record.read_text(model.Conversation, json.dumps(stored)) == known
    said = {"kind": "MemberSaid", "case": 1, "member": "chị Lan", "text": "Dạ", "attachments": [{"kind": "hologram"}]}
    assert record.event(said) == model.MemberSaid(case=1, member="chị Lan", text="Dạ")


def test_what_lacks_the_essential_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="text"):
        record.event({"kind": "MemberSaid", "case": 1, "member": "chị Lan", "text": 7})


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(KeyError):
        record.event({"kind": "Earthquake"})
