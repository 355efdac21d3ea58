"""Structured logs: one JSON object a line, a short fixed message and fields. Never a resident's words or a token.

`event_id` is one id for a message's whole way: the number of its row in the inbox, which `gocua trace` follows from
its coming to what was sent. The libraries below us log addresses with tokens in them at INFO: only their warnings pass.
"""

import contextlib
import logging
import sys
import threading
from collections import Counter
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

_counting = threading.Lock()
_counts: Counter[tuple[str, str]] = Counter()


class _Lines:
    """Where lines go. When they cannot be written, the disk being full or nobody reading, the work goes on without."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, line: str) -> None:
        with contextlib.suppress(OSError):
            try:
                self._out.write(line)
            except UnicodeEncodeError:  # half a surrogate pair in a name that a provider gave
                self._out.write(line.encode("ascii", "backslashreplace").decode())

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._out.flush()


def start() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _count,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # the place and kind of an error, never the values in its frames
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(_Lines(sys.stdout)),  # type: ignore[arg-type] # writes and flushes
        cache_logger_on_first_use=True,
    )


def counts() -> dict[tuple[str, str], int]:
    """How many lines were logged since the start of this process, by level and message."""
    with _counting:
        return dict(_counts)


def _count(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    with _counting:
        _counts[str(line["level"]), str(line["event"])] += 1
    return line
