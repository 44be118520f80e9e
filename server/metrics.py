"""What is counted for Prometheus (R-404): requests, outcomes of changes, clocks of devices, refusals that matter.

Labels are route templates, kinds, outcomes and codes, all of bounded number; never an id, a name or an address (S-65).
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from sync.record import Result

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
OFFSETS_S = (-86400, -3600, -120, -5, 0, 5, 120, 3600, 86400)
UNKNOWN_KIND = "unknown"


class Metrics:
    """The counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("http_requests_total", "Requests answered", ("method", "route", "status"),
                                registry=self.registry)
        self.seconds = Histogram("http_request_duration_seconds", "Time from the request's line to its answer",
                                 ("method", "route"), registry=self.registry, buckets=SECONDS)
        self.changes = Counter("sync_changes_total", "Changes settled", ("kind", "outcome", "code"),
                               registry=self.registry)
        self.replays = Counter("sync_replayed_batches_total", "Batches that had been settled before",
                               registry=self.registry)
        self.offsets = Histogram("sync_device_clock_offset_seconds", "Server's clock minus the device's",
                                 registry=self.registry, buckets=OFFSETS_S)
        self.pulled = Counter("sync_rows_told_total", "Rows and tombstones told in pulls", registry=self.registry)
        self.security = Counter("security_events_total", "Refusals worth watching (S-53)", ("code",),
                                registry=self.registry)
        self.in_flight = Gauge("http_requests_in_flight", "Requests being answered", registry=self.registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self.requests.labels(method, route, str(status)).inc()
        self.seconds.labels(method, route).observe(seconds)

    def settled(self, kinds: Iterable[str], results: Iterable[Result]) -> None:
        """`kinds` are those of the changes in the order sent; a word we do not know is counted as `unknown`."""
        for kind, result in zip(kinds, results, strict=True):
            self.changes.labels(kind, str(result.outcome), str(result.code)).inc()

    def page(self) -> bytes:
        return generate_latest(self.registry)
