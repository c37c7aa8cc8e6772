"""Figures as text, in the words of OpenMetrics 1.0."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from polysync.daemon.counts import Histogram

END: Final = "# EOF\n"
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def labelled(**labels: str) -> str:
    """Labels as text, whatever their values hold."""
    return "{" + ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items()) + "}"


def escaped(value: str) -> str:
    """The value of a label."""
    return value.translate(_ESCAPES)


def head(name: str, kind: str, text: str) -> str:
    """What stands before the samples of a family."""
    return f"# TYPE {name} {kind}\n# HELP {name} {text.translate(_ESCAPES)}\n"


def gauge(name: str, text: str, value: float) -> str:
    """A family of one number that may go up and down."""
    return f"{head(name, 'gauge', text)}{name} {value}\n"


def gauges(name: str, text: str, values: Mapping[str, float], label: str) -> str:
    """A family of such numbers, told apart by one label."""
    return head(name, "gauge", text) + "".join(f"{name}{labelled(**{label: key})} {values[key]}\n" for key in values)


def counter(name: str, text: str, value: float) -> str:
    """A family of one number that only grows."""
    return f"{head(name, 'counter', text)}{name}_total {value}\n"


def counters(name: str, text: str, values: Mapping[str, float], label: str) -> str:
    """A family of such numbers, told apart by one label."""
    told = (f"{name}_total{labelled(**{label: key})} {value}\n" for key, value in values.items())
    return head(name, "counter", text) + "".join(told)


def info(name: str, text: str, **labels: str) -> str:
    """Words that do not change while the daemon lives."""
    return f"{head(name, 'info', text)}{name}_info{labelled(**labels)} 1\n"


def histogram(name: str, text: str, told: Histogram) -> str:
    """A histogram: each bucket holds those below it too."""
    lines = [head(name, "histogram", text)]
    count = 0
    for bound, here in zip((*told.bounds, float("inf")), told.counts, strict=True):
        count += here
        limit = "+Inf" if bound == float("inf") else str(float(bound))
        lines.append(f'{name}_bucket{{le="{limit}"}} {count}\n')
    return "".join((*lines, f"{name}_count {count}\n", f"{name}_sum {told.total}\n"))


def slices(first: str, lines: Iterable[str], size: int) -> Iterator[str]:
    """A family of many samples in pieces, none of them larger than so many lines."""
    piece: list[str] = [first]
    for line in lines:
        piece.append(line)
        if len(piece) >= size:
            yield "".join(piece)
            piece = []
    if piece:
        yield "".join(piece)


def summary_lines(name: str, took: Iterable[tuple[str, Sequence[float]]]) -> Iterator[str]:
    """How many there were of each task, and the sum of them."""
    for task, (count, total) in took:
        where = labelled(task=task)
        yield f"{name}_count{where} {count}\n{name}_sum{where} {total}\n"
