"""Figures for Prometheus at /metrics: what this process counted (counts.py), and how the house and database stand now.

What the database tells is the same in every process: take the maximum over processes, not the sum. Decides nothing.
"""

import asyncio
import hmac
import shutil
import time
from importlib.metadata import version

import prometheus_client as prometheus
import sqlalchemy as sa
from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from api import health, schema, standing
from api.house import House

_LOOPBACK = ("127.0.0.1", "::1")
_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip")


class Gauges:
    """What is asked at a scrape."""

    def __init__(self, house: House) -> None:
        self._house = house
        into = house.counts.registry
        self._up = prometheus.Gauge("gocua_database_up", "1 when the database answered this scrape", registry=into)
        self._events = prometheus.Gauge("gocua_inbox_open", "Events that wait for their turn", registry=into)
        self._messages = prometheus.Gauge("gocua_outbox_open", "Messages on their way", ["status"], registry=into)
        self._lag = prometheus.Gauge(
            "gocua_lag_seconds", "How long the first that could go on has waited", ["queue"], registry=into
        )
        self._cases = prometheus.Gauge("gocua_cases", "Open cases", ["state"], registry=into)
        self._loops = prometheus.Gauge("gocua_loop_up", "1 while the loop runs", ["loop"], registry=into)
        self._worries = prometheus.Gauge("gocua_worries", "What the operator should look at", registry=into)
        self._disk = prometheus.Gauge("gocua_disk_free_bytes", "Free space beside the data", registry=into)
        self._size = prometheus.Gauge("gocua_database_bytes", "Size of the database", registry=into)
        told = {"version": version("gocua"), "schema": schema.head(), "database": house.store.engine.dialect.name}
        prometheus.Info("gocua_build", "What runs", registry=into).info(told)
        self._cases_at = 0.0

    async def look(self) -> None:
        house = self._house
        for name, runs in health.loops(house).items():
            self._loops.labels(name).set(runs)
        self._worries.set(len(house.worries) + bool(house.shelf.worry))
        self._disk.set(shutil.disk_usage(house.settings.data_folder).free)
        try:
            async with asyncio.timeout(health.ANSWER_S):
                found = await house.store.read(lambda c: standing.way(c, house.now()))
                await self._look_at_cases()
        except (TimeoutError, sa.exc.SQLAlchemyError):
            self._up.set(0)
            return
        self._up.set(1)
        self._events.set(found.events_open)
        for status in ("queued", "sending", "unsure"):
            self._messages.labels(status).set(getattr(found, f"messages_{status}"))
        for queue in ("event", "message", "timer"):
            self._lag.labels(queue).set(getattr(found, f"{queue}_lag_s"))

    async def _look_at_cases(self) -> None:
        """Those of a whole country are some hundred thousand rows: counted twice a minute."""
        if time.monotonic() - self._cases_at < 30 and self._cases_at:
            return
        self._cases_at = time.monotonic()
        house = self._house
        found = await house.store.read(lambda c: standing.cases(c, house.now()))
        for state in ("open", "waiting", "overdue"):
            self._cases.labels(state).set(getattr(found, state))
        self._size.set(await house.store.read(_size_bytes))


def _size_bytes(connection: sa.Connection) -> int:
    if connection.dialect.name == "postgresql":
        return int(connection.execute(sa.select(sa.func.pg_database_size(sa.func.current_database()))).scalar_one())
    pages, page = (connection.exec_driver_sql(f"PRAGMA {what}").scalar_one() for what in ("page_count", "page_size"))
    return int(pages) * int(page)


def may_read(request: Request, token: str) -> bool:
    """With a token whoever has it; without one this machine alone, and nobody whom a proxy brings from outside."""
    if token:
        return hmac.compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {token}".encode())
    near = request.client is not None and request.client.host in _LOOPBACK
    return near and not any(name in request.headers for name in _FORWARDED)


def router(house: House) -> APIRouter:
    routes = APIRouter()
    gauges = Gauges(house)

    @routes.get("/metrics")
    async def metrics(request: Request) -> Response:
        if not may_read(request, house.settings.metrics_token.get_secret_value()):
            return Response("Set GOCUA_METRICS_TOKEN and send it: Authorization: Bearer ...\n", status_code=403)
        await gauges.look()
        return Response(prometheus.generate_latest(house.counts.registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return routes
