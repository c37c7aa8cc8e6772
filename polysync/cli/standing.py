"""Runs as people read them: a mark, a colour and a word for each state, and the times beside it."""

from __future__ import annotations

from typing import Any, Final

import click

from polysync.api.told import instant
from polysync.cli.session import Session

RUN: Final = click.IntRange(1)  # the id of a run on a command line
RUN.name = "run id"


def clock_text(text: str | None, session: Session) -> str:
    """A time of the API on the host's clock."""
    from zoneinfo import ZoneInfo

    at = instant(text)
    return "" if at is None else f"{at.astimezone(ZoneInfo(session.host_zone)):%Y-%m-%d %H:%M:%S}"


def fine_text(text: str | None, session: Session) -> str:
    """The same to the millisecond, for steps that follow each other quickly."""
    at = instant(text)
    return "" if at is None else f"{clock_text(text, session)}.{at.microsecond // 1000:03d}"


def value_text(value: Any) -> str:
    """A value of the API in one line."""
    from polysync.domain.params import text_of

    return text_of(value)
