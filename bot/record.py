"""Conversations, events and effects as JSON values and back: what is stored can always be read again.

A union member is written with a "kind". Fields at their default are left out, so records stay small and a field that
is added later needs no migration. Knows only the frozen dataclasses of model.py.
"""

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin

from bot import model

T = TypeVar("T")

_KINDS: dict[str, type] = {
    cls.__name__: cls
    for union in (model.Event, model.CaseEvent, model.MemberEvent, model.Effect, model.Reached)
    for cls in (get_args(union) or (union,))
}


def to_json(value: object) -> dict[str, Any]:
    """A dataclass of model.py as JSON values; a member of Event or Effect carries its "kind"."""
    out: dict[str, Any] = {"kind": type(value).__name__} if type(value).__name__ in _KINDS else {}
    for name, default in _layout(value.__class__):  # type: ignore[arg-type] # classes are hashable
        item = getattr(value, name)
        if item != default:
            out[name] = _plain(item)
    return out


def _plain(item: object) -> Any:
    if isinstance(item, datetime):
        return item.astimezone(UTC).isoformat()
    if isinstance(item, tuple):
        return [_plain(part) for part in item]
    if isinstance(item, Mapping):
        return {key: _plain(part) for key, part in item.items()}
    if is_dataclass(item):
        return to_json(item)
    return item


@cache
def _layout(cls: Any) -> tuple[tuple[str, object], ...]:
    """Field names with their defaults; MISSING never equals a value, so required fields are always written."""
    out: list[tuple[str, object]] = []
    for f in fields(cls):
        default = f.default_factory() if f.default_factory is not MISSING else f.default
        out.append((f.name, default))
    return tuple(out)


def conversation(data: Mapping[str, Any]) -> model.Conversation:
    return read(model.Conversation, data)


def event(data: Mapping[str, Any]) -> model.Event:
    """Raises KeyError on a kind that is no event."""
    return typing.cast(model.Event, read(_KINDS[data["kind"]], data))


def case_event(data: Mapping[str, Any]) -> model.CaseEvent:
    """Raises KeyError on a kind that is nothing that happens to a case."""
    return typing.cast(model.CaseEvent, read(_KINDS[data["kind"]], data))


def effect(data: Mapping[str, Any]) -> model.Effect:
    return typing.cast(model.Effect, read(_KINDS[data["kind"]], data))


def read(cls: type[T], data: Mapping[str, Any]) -> T:
    """A dataclass from what to_json made of it. Keys it does not know (written by a newer version) are dropped."""
    readers: dict[str, Callable[[Any], Any]] = _readers(cls)  # type: ignore[arg-type] # classes are hashable
    return cls(**{name: readers[name](item) for name, item in data.items() if name in readers})


@cache
def _readers(cls: Any) -> dict[str, Callable[[Any], Any]]:
    hints = typing.get_type_hints(cls)
    return {f.name: _reader(hints[f.name]) for f in fields(cls)}


def _same(item: Any) -> Any:
    return item


def _reader(hint: Any) -> Callable[[Any], Any]:
    origin, args = get_origin(hint), get_args(hint)
    if hint is datetime:
        return datetime.fromisoformat
    if is_dataclass(hint) and isinstance(hint, type):
        return lambda item: read(hint, item)
    if origin in (types.UnionType, typing.Union):
        present = [arg for arg in args if arg is not type(None)]
        inner = _reader(present[0])
        return lambda item: None if item is None else inner(item)
    if origin is tuple:
        inner = _reader(args[0])
        return lambda item: tuple(inner(part) for part in item)
    if origin is Literal or hint in (str, int, bool, float) or origin is Mapping or origin is dict:
        return _same
    return dict if origin is not None and issubclass(origin, Mapping) else _same
