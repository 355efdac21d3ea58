"""What this process did since its start, for Prometheus: messages, turns, sends, lines logged.

No label ever holds a resident, a chat, a case or words: labels come from short lists that the code knows.
"""

from datetime import timedelta
from functools import cache

import prometheus_client as prometheus
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from api import logs
from api.outbox import SENT_AGAIN, UNKNOWN_FATE, Status

#: seconds
_TURN = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_SEND = (0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0)
_REPLY = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0)
_OUTCOMES = {Status.SENT: "sent", Status.UNKNOWN: "unknown", Status.DEAD: "dead", Status.VOID: "void"}


class Counts:
    """What happens in this process. Each call costs about a microsecond and may come from any thread."""

    def __init__(self) -> None:
        #: a metric's child for its labels: looked up by the library, each time, it costs as much as all the rest
        self._labelled = cache(lambda metric, *labels: metric.labels(*labels))
        self.registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=self.registry)
        prometheus.GCCollector(registry=self.registry)
        self._webhooks = prometheus.Counter(
            "gocua_webhooks", "Requests at the channels' doors", ["channel", "outcome"], registry=self.registry
        )
        self._events = prometheus.Counter(
            "gocua_events", "Events of channels that were stored", ["channel"], registry=self.registry
        )
        self._turns = prometheus.Counter("gocua_turn_events", "Events that had their turn", registry=self.registry)
        self._turn = prometheus.Histogram(
            "gocua_turn_seconds", "One batch of turns, until it is on disk", registry=self.registry, buckets=_TURN
        )
        self._sends = prometheus.Counter(
            "gocua_sends",
            "Tries to send, by what came of them: sent, sent_again (whoever got it may have it twice), retried, unsure "
            "(asked about next), unknown (held), dead",
            ["channel", "outcome"],
            registry=self.registry,
        )
        self._send = prometheus.Histogram(
            "gocua_send_seconds",
            "One try to send, from the round of work that marked the message until it came back",
            ["channel"],
            registry=self.registry,
            buckets=_SEND,
        )
        self._reply = prometheus.Histogram(
            "gocua_reply_seconds",
            "From the turn that wrote a message until a provider took it",
            ["channel"],
            registry=self.registry,
            buckets=_REPLY,
        )
        self.registry.register(_LogLines())

    def webhook(self, channel: str, outcome: str) -> None:
        """`outcome`: stored, refused, busy, too_big, too_often, hung_up."""
        self._labelled(self._webhooks, channel, outcome).inc()

    def came(self, channel: str, events: int) -> None:
        self._labelled(self._events, channel).inc(events)

    def turned(self, events: int, took_s: float) -> None:
        if events:
            self._turns.inc(events)
            self._turn.observe(took_s)

    def sent(self, channel: str, status: Status, error: str, took_s: float, age: timedelta) -> None:
        """What came of one try, and since when the message was there."""
        came = _OUTCOMES.get(status, "unsure" if error == UNKNOWN_FATE else "retried")
        self._labelled(self._sends, channel, "sent_again" if came == "sent" and error == SENT_AGAIN else came).inc()
        self._labelled(self._send, channel).observe(took_s)
        if status == Status.SENT:
            self._labelled(self._reply, channel).observe(max(0.0, age.total_seconds()))


class _LogLines(Collector):
    def collect(self) -> list[CounterMetricFamily]:
        lines = CounterMetricFamily("gocua_log_lines", "Lines logged, by level and message", labels=["level", "line"])
        for (level, line), count in logs.counts().items():
            lines.add_metric([level, line], count)
        return [lines]
