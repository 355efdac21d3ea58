"""Keeps the text of every flow version on which somebody may still stand: an edit never fails a resident."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from api.store import in_turn
from api.tables import ConversationRow, FlowVersion
from bot.flow import Flow
from bot.library import Version

_version = FlowVersion.__table__
_conversation = ConversationRow.__table__


def keep(connection: sa.Connection, flows: Iterable[Flow], now: datetime) -> None:
    """Store the versions in use now that are not stored yet."""
    in_turn(connection, "versions kept")  # processes that watch the same files renew at the same moment
    stored = {(row.flow, row.version) for row in connection.execute(sa.select(_version.c.flow, _version.c.version))}
    for flow in flows:
        path = Path(flow.file)
        if (flow.id, flow.version) not in stored and path.is_file():
            row = {"flow": flow.id, "version": flow.version, "text": path.read_text(encoding="utf-8"), "stored_at": now}
            connection.execute(_version.insert(), row)


def texts(connection: sa.Connection) -> dict[Version, str]:
    """All that are kept. Not asked: on which of them somebody stands, for that reads every conversation."""
    rows = connection.execute(sa.select(_version.c.flow, _version.c.version, _version.c.text))
    return {(row.flow, row.version): row.text for row in rows}


def standing(connection: sa.Connection) -> Iterator[tuple[Version, str]]:
    """((flow, version), step) of every position in every conversation, paused ones too."""
    states = connection.execution_options(yield_per=1000).execute(sa.select(_conversation.c.state)).scalars()
    for state in states:
        for position in [state.get("position"), *state.get("stack", ())]:
            if position:
                yield (position["flow"], position["version"]), position["step"]
