"""The figures of the daemon, as Prometheus reads them."""

from __future__ import annotations

from typing import Final

from polysync.api.asked import Asked
from polysync.api.office import Office
from polysync.api.refusal import Refused
from polysync.api.response import Response
from polysync.api.route import Route
from polysync.domain.values import Role

MEDIA: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"


async def metrics(office: Office, _asked: Asked) -> Response:
    """All of them, as a stream: there may be many tasks."""
    told = office.metrics()
    if told is None:
        raise Refused(404, "metrics are off: [api] metrics = false")
    return Response(stream=told, type=MEDIA)


SUMMARY: Final = "Counters, histograms and gauges in OpenMetrics 1.0."
TEXT: Final = {"type": "string"}
OFF: Final = frozenset({404})
ROUTES: Final = (
    Route("GET", "metrics", Role.VIEWER, metrics, SUMMARY, answer=TEXT, media=MEDIA, refuses=OFF),
    Route("GET", "/metrics", Role.VIEWER, metrics, SUMMARY, answer=TEXT, media=MEDIA, refuses=OFF),
)
