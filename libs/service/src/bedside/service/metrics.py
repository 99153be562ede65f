"""The numbers a service shows at `/metrics`."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from bedside.identity.access import PUBLIC, access

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Measures:
    """One registry for each service: several of them may share a process."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        labels = {"service": service}
        self._up = Gauge("bedside_up", "1 while the service runs", ["service"], registry=self.registry)
        self._up.labels(**labels).set(1)
        self._of_requests: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._requests = Counter(
            "bedside_requests", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "bedside_request_seconds", "Time to answer", ["method", "route"], buckets=_SECONDS, registry=self.registry
        )

    def request(self, *, method: str, route: str, status: int, seconds: float) -> None:
        # A method is whatever the caller wrote: one label for all that HTTP does not know, or they fill the memory.
        known = method if method in _METHODS else "other"
        key = (known, route, status)
        if key not in self._of_requests:
            # As few as there are series: looking them up by label costs more than counting.
            counted = self._requests.labels(known, route, str(status))
            self._of_requests[key] = counted, self._seconds.labels(known, route)
        counter, histogram = self._of_requests[key]
        counter.inc()
        histogram.observe(seconds)

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """As `bedside.events.Meter`: made when first counted."""
        known = self._counters.get(name)
        if known is None:
            told = name.removesuffix("_total")
            known = self._counters[name] = Counter(f"bedside_{told}", name, list(labels), registry=self.registry)
        (known.labels(**labels) if labels else known).inc(amount)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        known = self._gauges.get(name)
        if known is None:
            known = self._gauges[name] = Gauge(f"bedside_{name}", name, list(labels), registry=self.registry)
        (known.labels(**labels) if labels else known).set(value)

    @access(PUBLIC)
    async def shown(self, request: Request) -> Response:
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
