"""Conversations, events and effects as JSON values and back: what is stored can always be read again.

A union member is written with a "kind". Fields at their default are left out, so records stay small and a field that
is added later needs no migration. Two versions may work side by side: of what the newer one wrote, the older drops the
fields that it does not know and those whose value it does not understand. Moments are RFC 3339.
"""

import contextlib
import typing
from collections.abc import Mapping
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import structs

from bot import model
from bot.model import Noun

N = TypeVar("N", bound=Noun)

_KINDS: dict[str, type[Noun]] = {
    cls.__name__: cls for union in (model.Event, model.CaseEvent, model.Effect) for cls in get_args(union)
}


def to_json(value: Noun) -> dict[str, Any]:
    """As JSON values, tuples standing for lists."""
    data: dict[str, Any] = msgspec.to_builtins(value)
    return data


def read(cls: type[N], data: Mapping[str, Any]) -> N:
    """From what to_json made of it. Raises msgspec.ValidationError when a field that has no default cannot be read."""
    try:
        return msgspec.convert(data, cls)
    except msgspec.ValidationError:
        return msgspec.convert(_understood(cls, data), cls)


def text(value: Noun) -> bytes:
    """As JSON."""
    return msgspec.json.encode(value)


def read_text(cls: type[N], data: str) -> N:
    """From what `text` made of it. Raises as `read` does."""
    try:
        return msgspec.json.decode(data, type=cls)
    except msgspec.ValidationError:
        return read(cls, msgspec.json.decode(data))


def _understood(cls: type[N], data: Mapping[str, Any]) -> dict[str, Any]:
    kept = {}
    for field in structs.fields(cls):
        if field.name in data:
            with contextlib.suppress(msgspec.ValidationError):
                msgspec.convert(data[field.name], field.type)
                kept[field.name] = data[field.name]
    return kept


def event(data: Mapping[str, Any]) -> model.Event:
    """Of data that is one. Raises KeyError on an unknown kind."""
    return typing.cast(model.Event, read(_KINDS[data["kind"]], data))


def case_event(data: Mapping[str, Any]) -> model.CaseEvent:
    """Of data that is something that happens to a case. Raises KeyError on an unknown kind."""
    return typing.cast(model.CaseEvent, read(_KINDS[data["kind"]], data))


def effect(data: Mapping[str, Any]) -> model.Effect:
    """Of data that is one. Raises KeyError on an unknown kind."""
    return typing.cast(model.Effect, read(_KINDS[data["kind"]], data))
