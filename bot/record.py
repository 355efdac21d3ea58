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

_Reader = Callable[[Any], Any]
_KINDS: dict[str, type] = {
    cls.__name__: cls
    for union in (model.Event, model.CaseEvent, model.MemberEvent, model.Effect, model.Reached)
    for cls in (get_args(union) or (union,))
}


def to_json(value: object) -> dict[str, Any]:
    """A dataclass of model.py as JSON values; a member of Event or Effect carries its "kind"."""
    kind, layout = _layout(value.__class__)  # type: ignore[arg-type] # classes are hashable
    out: dict[str, Any] = {"kind": kind} if kind else {}
    for name, default, write in layout:
        item = getattr(value, name)
        if item != default:
            out[name] = item if write is None else write(item)
    return out


@cache
def _layout(cls: Any) -> tuple[str, tuple[tuple[str, object, Callable[[Any], Any] | None], ...]]:
    """The kind ("" for none), and each field's name, default and writer (None: its value is JSON as it is).

    Where there is no default stands MISSING, which equals no value: such fields are always written.
    """
    hints = typing.get_type_hints(cls)
    defaults = {f.name: f.default if f.default_factory is MISSING else f.default_factory() for f in fields(cls)}
    kind = cls.__name__ if cls.__name__ in _KINDS else ""
    return kind, tuple((name, default, _writer(hints[name])) for name, default in defaults.items())


def _writer(hint: Any) -> Callable[[Any], Any] | None:
    origin = get_origin(hint)
    return None if origin is Literal or hint in (str, int, bool, float) else _plain


def _plain(item: object) -> Any:
    if isinstance(item, str):
        return item
    if isinstance(item, datetime):
        return item.astimezone(UTC).isoformat()
    if isinstance(item, tuple):
        return [_plain(part) for part in item]
    if isinstance(item, Mapping):
        return {key: _plain(part) for key, part in item.items()}
    if is_dataclass(item):
        return to_json(item)
    return item


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
    readers: Mapping[str, _Reader | None] = _readers(cls)  # type: ignore[arg-type] # classes are hashable
    values = {}
    for name, item in data.items():
        if name in readers:
            reader = readers[name]
            values[name] = item if reader is None else reader(item)
    return cls(**values)


@cache
def _readers(cls: Any) -> dict[str, _Reader | None]:
    hints = typing.get_type_hints(cls)
    return {f.name: _reader(hints[f.name]) for f in fields(cls)}


def _reader(hint: Any) -> _Reader | None:
    """None: the value is what JSON gave."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is datetime:
        return datetime.fromisoformat
    if is_dataclass(hint) and isinstance(hint, type):
        return lambda item: read(hint, item)
    if origin in (types.UnionType, typing.Union):
        present = [arg for arg in args if arg is not type(None)]
        inner = _reader(present[0])
        return inner and (lambda item: None if item is None else inner(item))
    if origin is tuple:
        part = _reader(args[0])
        return tuple if part is None else lambda item: tuple([part(one) for one in item])
    return None
