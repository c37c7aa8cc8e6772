"""Runs as people read them: a mark, a colour and a word for each state, and the times beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from polysync.domain.render import Cell, Glyphs, Style, relative, span_words

GOOD: Final = {"succeeded"}
BAD: Final = {"failed", "timeout", "crashed", "dead"}
LEFT_OUT: Final = {"cancelled", "skipped", "expired", "rejected"}
LIVE: Final = {"starting", "running", "stopping"}
FINAL: Final = GOOD | BAD | LEFT_OUT


def state_cell(run: Mapping[str, Any], glyphs: Glyphs) -> Cell:
    """The state of a run with its mark; the colour only repeats what the words say."""
    state = str(run["state"])
    mark, style = _look(state, glyphs)
    reason = run.get("end_reason") or ""
    return Cell(f"{mark} {state}" + (f"/{reason}" if reason and reason != state else ""), style)


def _look(state: str, glyphs: Glyphs) -> tuple[str, Style]:
    if state in GOOD:
        return glyphs.good, Style.GOOD
    if state in BAD:
        return glyphs.bad, Style.BAD
    if state in LIVE:
        return glyphs.arrow, Style.NAME
    return (glyphs.close, Style.DIM) if state in LEFT_OUT else (glyphs.note, Style.WARN)


def instant(text: str | None) -> datetime | None:
    """A time of the API."""
    return None if text is None else datetime.fromisoformat(text)


def began(run: Mapping[str, Any], now: datetime) -> str:
    """When a run started, or came to be."""
    at = instant(run.get("started_at") or run.get("created_at"))
    return "" if at is None else relative(at, now)


def took(run: Mapping[str, Any], now: datetime) -> str:
    """How long it ran, or runs."""
    start, end = instant(run.get("started_at")), instant(run.get("ended_at"))
    if start is None:
        return ""
    length = (end or now) - start
    if length.total_seconds() < 10:  # below that a tenth matters to people
        return f"{max(length.total_seconds(), 0):.1f}s"
    return span_words(length)


def lacking(run: Mapping[str, Any]) -> str:
    """What a run waits for, in a few words; empty where it waits for nothing."""
    blocked = run.get("blocked_on")
    needs = [blocked] if blocked else list(run.get("waiting_for") or ())
    return ", ".join(" ".join(filter(None, (str(need["kind"]), str(need.get("name") or "")))) for need in needs)


def exit_text(run: Mapping[str, Any]) -> str:
    """How it ended as the kernel tells it: `exit 3`, `SIGKILL`; empty where nothing ran."""
    if run.get("signal"):
        return f"SIG{run['signal']}"
    return f"exit {run['exit_code']}" if run.get("exit_code") is not None else ""
