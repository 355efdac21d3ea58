"""What is stored can always be read again, by this version and by the one before."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import model, record

MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 as hypothesis wants it


def through_json(value: object) -> object:
    return json.loads(json.dumps(record.to_json(value)))


def any_of(*kinds: type) -> st.SearchStrategy[object]:
    with_moments = {datetime: MOMENTS, float: st.floats(allow_nan=False)}
    for kind, strategy in with_moments.items():
        st.register_type_strategy(kind, strategy)
    return st.one_of(*(st.from_type(kind) for kind in kinds))


@given(any_of(model.Conversation))
def test_conversations_come_back_as_they_were(conversation: model.Conversation) -> None:
    assert record.conversation(through_json(conversation)) == conversation


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


def test_moments_are_kept_in_utc() -> None:
    hanoi = datetime(2026, 11, 21, 9, 0, tzinfo=timezone(timedelta(hours=7)))
    assert record.to_json(model.WaitExpired(due_at=hanoi)) == {
        "kind": "WaitExpired",
        "due_at": "2026-11-21T02:00:00+00:00",
    }


def test_what_a_newer_version_wrote_is_dropped() -> None:
    stored = {"channel": "web", "chat": "1", "mood": "good", "place": {"commune": "25750", "floor": 3}}
    assert record.conversation(stored) == model.Conversation(
        channel="web", chat="1", place=model.Place(commune="25750")
    )


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(KeyError):
        record.event({"kind": "Earthquake"})
