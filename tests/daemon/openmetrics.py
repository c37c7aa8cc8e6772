"""Metrics as a parser reads them that nobody here wrote."""

from __future__ import annotations

from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]


def samples(text: str) -> dict[tuple[str, Labels], float]:
    """Every sample by its name and its labels."""
    families: Any = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]  # theirs has no types
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}
