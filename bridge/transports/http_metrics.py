"""/metrics for Prometheus: read from the sessions when asked, so that counting costs nothing in between."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from aiohttp import web

from bridge.hub import Hub
from bridge.transports.http_answer import Answer
from bridge.transports.http_routes import Checked, Route
from bridge.transports.wires import Wires

if TYPE_CHECKING:
    from prometheus_client.core import Metric
    from prometheus_client.registry import CollectorRegistry

_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_STATES = ("starting", "ready", "restarting", "failed", "closed")
# name of the metric, key in a session's stats, what it is, factor to base units
_COUNTERS = (
    ("sketchbridge_dropped_frames", "drops", "Frames replaced by newer ones before their reader took them", 1.0),
    ("sketchbridge_restarts", "restarts", "Times a worker was started again after a crash", 1.0),
)
_GAUGES = (
    ("sketchbridge_frames_per_second", "fps", "Outputs per second, of the last seconds", 1.0),
    ("sketchbridge_model_seconds", "model_ms", "Time in the model's code for one output, smoothed", 0.001),
    ("sketchbridge_encode_seconds", "encode_ms", "Time to encode one output, smoothed", 0.001),
    ("sketchbridge_age_p50_seconds", "age_p50_ms", "Median age of recent outputs when they leave the session", 0.001),
    ("sketchbridge_age_p99_seconds", "age_p99_ms", "99th percentile of that age", 0.001),
    ("sketchbridge_waiting_runs", "waiting", "Runs that wait for the model", 1.0),
    ("sketchbridge_runs_under_way", "under_way", "Runs that are with the model", 1.0),
    ("sketchbridge_readers", "readers", "Subscriptions to outputs", 1.0),
)


class SessionMetrics:
    """A collector over the sessions of one hub."""

    def __init__(self, hub: Hub, connections: Callable[[], int], wires: Wires) -> None:
        self._hub = hub
        self._connections = connections
        self._wires = wires

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        described = [session.describe() for session in self._hub.sessions.values()]
        yield GaugeMetricFamily("sketchbridge_connections", "Open HTTP and WebSocket connections", self._connections())
        states = GaugeMetricFamily("sketchbridge_sessions", "Sessions by state", labels=["state"])
        for state in _STATES:
            states.add_metric([state], sum(session["state"] == state for session in described))
        yield states
        runs = CounterMetricFamily("sketchbridge_runs", "Runs that ended", labels=["session", "end"])
        for session in described:
            stats = session["stats"]
            ends = {"failed": stats["failed"], "cancelled": stats["cancelled"]}
            for end, count in {"done": stats["runs"] - sum(ends.values()), **ends}.items():
                runs.add_metric([session["name"], end], count)
        yield runs
        for family, table in ((CounterMetricFamily, _COUNTERS), (GaugeMetricFamily, _GAUGES)):
            for name, key, about, factor in table:
                metric = family(name, about, labels=["session"])
                for session in described:
                    metric.add_metric([session["name"]], session["stats"][key] * factor)
                yield metric
        ways = CounterMetricFamily("sketchbridge_wire", "What came and went by a way in", labels=["wire", "what"])
        for wire in self._wires.described():
            for what, count in wire.counts.items():
                ways.add_metric([wire.name, what], count)
        yield ways


class Metrics:
    """The /metrics route, with a registry of its own."""

    def __init__(self, hub: Hub, connections: Callable[[], int], wires: Wires) -> None:
        self._collector = SessionMetrics(hub, connections, wires)
        self._registry: CollectorRegistry | None = None

    def routes(self) -> tuple[Route, ...]:
        return (Route("GET", "/metrics", self.metrics, "measurements, for Prometheus", (), {"text/plain": ""}),)

    async def metrics(self, request: web.BaseRequest, query: Checked) -> web.StreamResponse:
        from prometheus_client import CollectorRegistry, generate_latest  # here: 30 ms that a start can do without

        if self._registry is None:
            self._registry = CollectorRegistry(auto_describe=False)
            self._registry.register(self._collector)
        return Answer(generate_latest(self._registry), _TYPE)
