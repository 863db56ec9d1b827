"""Numbers for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


class Telemetry:
    """Counters of one app. A registry of its own, so that several apps in one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "delineate_requests", "Answers by route and status", ("route", "method", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "delineate_request_seconds", "Time to answer", ("route",), buckets=_SECONDS, registry=self.registry
        )
        self.work = Histogram(
            "delineate_segment_seconds", "Time to read and segment an image", ("model",), buckets=_SECONDS, registry=self.registry
        )
        self.images = Counter("delineate_images", "Images segmented", ("model", "outcome"), registry=self.registry)
        self.review = Counter(
            "delineate_review", "Masks by whether a person should look", ("model", "review"), registry=self.registry
        )
        self.received = Counter("delineate_upload_bytes", "Bytes received in bodies", registry=self.registry)
        self.gone = Counter("delineate_clients_gone", "Clients that left before their answer", registry=self.registry)
        self.waiting = Gauge("delineate_requests_admitted", "Requests being computed or waiting", registry=self.registry)

    def watch(self, name: str, text: str, ask: Callable[[], Mapping[str, float]], label: str) -> None:
        """A gauge whose values are asked for when they are read."""

        class Asked(Collector):
            def collect(self) -> list[GaugeMetricFamily]:
                family = GaugeMetricFamily(name, text, labels=[label])
                for key, value in ask().items():
                    family.add_metric([key], value)
                return [family]

        self.registry.register(Asked())

    def text(self) -> bytes:
        return generate_latest(self.registry)
