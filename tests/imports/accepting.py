"""What every import must hand over: a text that the configuration accepts."""

from __future__ import annotations

from datetime import UTC, datetime

from polysync.config.decode import decode
from polysync.config.imports.verdict import Imported, Mark, Verdict
from polysync.domain.cron import Cron, parse
from polysync.domain.settings import Configuration
from polysync.domain.values import DayMatch

ENV = {"HOME_PAGE": "x", "SLACK_URL": "https://slack.example/hook", "SHOP": "shop"}


def accepted(imported: Imported) -> Configuration:
    """The configuration that an import made; it must have no error."""
    loaded = decode(imported.toml, env=ENV, read_file=lambda _name: "text")
    assert [str(problem) for problem in loaded.errors] == []
    assert loaded.config is not None
    assert imported.toml.startswith("#:schema ./polysync.schema.json\n")
    imported.toml.encode()
    return loaded.config


def about(imported: Imported, entry: str) -> Verdict:
    """The verdict whose entry starts with `entry`."""
    return next(verdict for verdict in imported.verdicts if verdict.entry.startswith(entry))


def marks(imported: Imported) -> dict[int, Mark]:
    """The mark of each line that has a verdict."""
    return {verdict.line: verdict.mark for verdict in imported.verdicts}


def readings(expression: str, name: str, start: datetime, count: int, match: str = "auto") -> list[datetime]:
    """The first times after `start` at which an expression fires, on a clock that never changes."""
    cron = parse(expression, name, DayMatch(match))
    assert isinstance(cron, Cron)
    found: list[datetime] = []
    at = start.replace(tzinfo=UTC)
    while len(found) < count:
        reading = cron.from_reading(at.replace(microsecond=0))
        assert reading is not None
        if reading > start.replace(tzinfo=UTC):
            found.append(reading)
        at = datetime.fromtimestamp(reading.timestamp() + 1, UTC)
    return found
