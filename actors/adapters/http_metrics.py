"""`/metrics`: what the actors measured and what the gateway counts, as Prometheus text."""

from __future__ import annotations

import re
import resource
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from actors.gateway.metrics import Sample

if TYPE_CHECKING:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
# Labels are a closed set: a raw path would let any client make new ones.
_NAMED: Final = re.compile(r"/(services|census|butterfly|metrics)?(/|$)")


class RequestMeter:
    """Counts requests by path, on the gateway's thread alone."""

    def __init__(self) -> None:
        self._requests: Counter[str] = Counter()
        self._seconds: dict[str, float] = {}

    def count(self, path: str, seconds: float) -> None:
        """A request was answered."""
        named = _NAMED.match(path)
        label = f"/{named[1] or ''}" if named else "other"
        self._requests[label] += 1
        self._seconds[label] = self._seconds.get(label, 0.0) + seconds

    def text(self, measured: object) -> bytes:
        """Everything in Prometheus' text form; `measured` are the samples of the actors."""
        from prometheus_client import CollectorRegistry, generate_latest

        found = measured if isinstance(measured, tuple) else ()
        samples = [one for one in found if isinstance(one, Sample)]
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collector([*samples, *self._own()]))
        return generate_latest(registry)

    def _own(self) -> Iterable[Sample]:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        yield Sample(
            "hab_sup_http_gateway_requests",
            "counter",
            "Requests to the HTTP gateway by path",
            {label: float(count) for label, count in sorted(self._requests.items())},
            "path",
        )
        yield Sample(
            "hab_sup_http_gateway_request_duration_seconds",
            "counter",
            "Seconds spent on requests to the HTTP gateway by path",
            dict(sorted(self._seconds.items())),
            "path",
        )
        yield Sample(
            "hab_sup_cpu_time_nanoseconds",
            "gauge",
            "CPU time of the supervisor process",
            {"": (usage.ru_utime + usage.ru_stime) * 1e9},
        )
        yield Sample(
            "hab_sup_open_file_descriptors_total",
            "gauge",
            "Open file descriptors of the supervisor process",
            {"": float(len(list(Path("/proc/self/fd").iterdir())))},
        )


class _Collector:
    """Our samples in the form of prometheus_client."""

    def __init__(self, samples: list[Sample]) -> None:
        self._samples = samples

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for sample in self._samples:
            labels = [sample.label] if sample.label else []
            made = CounterMetricFamily if sample.kind == "counter" else GaugeMetricFamily
            family = made(sample.name, sample.help, labels=labels)
            for value, number in sample.values.items():
                family.add_metric([value] if labels else [], number)
            yield family
