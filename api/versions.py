"""Keeps the text of every flow version on which somebody may still stand: an edit never fails a resident."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from api.tables import ConversationRow, FlowVersion
from bot.flow import Flow, parse

_version = FlowVersion.__table__  # type: ignore[attr-defined]
_conversation = ConversationRow.__table__  # type: ignore[attr-defined]


def keep(connection: sa.Connection, flows: Iterable[Flow], now: datetime) -> None:
    """Store the versions in use now that are not stored yet."""
    stored = {(row.flow, row.version) for row in connection.execute(sa.select(_version.c.flow, _version.c.version))}
    for flow in flows:
        path = Path(flow.file)
        if (flow.id, flow.version) not in stored and path.is_file():
            row = {"flow": flow.id, "version": flow.version, "text": path.read_text(encoding="utf-8"), "stored_at": now}
            connection.execute(_version.insert(), row)


def still_used(connection: sa.Connection) -> tuple[Flow, ...]:
    """The stored versions on which a conversation stands or has paused."""
    used = {version for version, _ in standing(connection)}
    rows = connection.execute(sa.select(_version.c.flow, _version.c.version, _version.c.text))
    return tuple(parse(row.text, f"{row.flow}.yaml") for row in rows if (row.flow, row.version) in used)


def standing(connection: sa.Connection) -> list[tuple[tuple[str, str], str]]:
    """((flow, version), step) of every position in every conversation, paused ones too."""
    states = connection.execute(sa.select(_conversation.c.state)).scalars()
    found: list[tuple[tuple[str, str], str]] = []
    for state in states:
        for position in [state.get("position"), *state.get("stack", ())]:
            if position:
                found.append(((position["flow"], position["version"]), position["step"]))
    return found
