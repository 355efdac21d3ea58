"""Structured logs: one JSON object a line, a short fixed message and fields. Never a resident's words or a token.

The libraries below us log addresses with tokens in them at INFO: only their warnings pass.
"""

import logging

import structlog


def start() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # the place and kind of an error, never the values in its frames
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
