"""Time zones and weekdays in the file, checked by the rules of the schedule itself."""

from __future__ import annotations

from polysync.domain.schedule import parse_weekday
from polysync.domain.zone import load_zone


def check_zone(text: str) -> str:
    """The name of a time zone, unchanged."""
    load_zone(text)
    return text


def check_weekday(text: str) -> int:
    """The number of a weekday, as the calendars count them."""
    return parse_weekday(text)
