"""A schedule in plain English."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from polysync.domain.cron import DAY_NAMES, Cron, Every
from polysync.domain.cronfield import DAY, HOUR, MINUTE, MONTH, SECOND, Field, Kind, Pick, members
from polysync.domain.dayrule import DayRule, day_rule
from polysync.domain.quantity import format_span
from polysync.domain.values import DayMatch

MONTH_NAMES: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAY_NAMES: Final = tuple(name.capitalize() for name in (DAY_NAMES[-1], *DAY_NAMES[:-1]))
ORDINALS: Final = ("", "first", "second", "third", "fourth", "fifth")
CLOCK_TIMES: Final = 6  # times of day that are spelled out one by one
INTERVAL_LIKE: Final = (
    "Interval-like: it fires whenever the clock reads so, "
    "with nothing extra where clocks go forward and twice where they go back."
)
FIXED: Final = (
    "Fixed: each local time fires once; "
    "a time that clocks skip fires right after the gap, a repeated one fires the first time."
)
BOTH_DAYS: Final = (
    "A day must match both the day of the month and the day of the week, because one of the two starts with *."
)
BOTH_ASKED: Final = 'A day must match both the day of the month and the day of the week, because day_match is "all".'
EITHER_DAY: Final = "A day that matches either the day of the month or the day of the week is enough."


def explain(cron: Cron | Every, day_match: DayMatch = DayMatch.AUTO) -> str:
    """What the schedule means: when it fires, how its days combine and how it meets clock changes."""
    if isinstance(cron, Every):
        return f"Every {format_span(cron.period)} of elapsed time, whatever the clocks do."
    asked = None if day_match is DayMatch.AUTO else day_match
    rule = day_rule(cron.days.days, cron.days.months, cron.days.weekdays, asked)
    if rule is None:
        return f'Never: with day_match = "{day_match}" no year has such a day.'
    sentences = [_sentence(f"{_time(cron)}{_days(rule)}"), _combination(rule, day_match)]
    return " ".join(sentence for sentence in (*sentences, INTERVAL_LIKE if cron.interval else FIXED) if sentence)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _time(cron: Cron) -> str:
    seconds, minutes, hours = members(cron.seconds), members(cron.minutes), members(cron.hours)
    if len(seconds) == 1 and len(minutes) * len(hours) <= CLOCK_TIMES and len(hours) < 24:
        return "at " + _listed([_clock(hour, minute, seconds[0]) for hour in hours for minute in minutes])
    parts = []
    if seconds != (0,):
        parts.append(_values(SECOND, cron.seconds, "second"))
    if not (parts and cron.minutes == MINUTE.full):
        parts.append(_values(MINUTE, cron.minutes, "minute"))
    if cron.hours != HOUR.full:
        parts.append(_values(HOUR, cron.hours, "hour"))
    elif cron.minutes != MINUTE.full and _step(members(cron.minutes), MINUTE) is None:
        parts.append("every hour")
    return " of ".join(parts)


def _clock(hour: int, minute: int, second: int) -> str:
    return f"{hour:02}:{minute:02}:{second:02}" if second else f"{hour:02}:{minute:02}"


def _values(kind: Kind, mask: int, noun: str) -> str:
    values = members(mask)
    if mask == kind.full:
        return f"every {noun}"
    step = _step(values, kind)
    if step is not None:
        start = f" from {noun} {values[0]} on" if values[0] != kind.low else ""
        return f"every {_ordinal(step)} {noun}{start}"
    many = "s" if len(values) > 1 else ""
    lead = "the " if kind is HOUR else ""
    return f"{lead}{noun}{many} {_listed(_runs([str(value) for value in range(kind.high + 1)], values))}"


def _step(values: Sequence[int], kind: Kind) -> int | None:
    """The step that `values` go by over the whole range of the field, where they are such a row."""
    if len(values) < 3:
        return None
    step = values[1] - values[0]
    whole = tuple(range(values[0], kind.high + 1, step))
    return step if step > 1 and tuple(values) == whole and values[0] < kind.low + step else None


def _ordinal(number: int) -> str:
    teen = 10 <= number % 100 <= 20
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _runs(names: Sequence[str], values: Sequence[int]) -> list[str]:
    """The names of `values`; three or more in a row become "a to b"."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return [text for run in runs for text in _run(names, run)]


def _run(names: Sequence[str], run: Sequence[int]) -> list[str]:
    return [f"{names[run[0]]} to {names[run[-1]]}"] if len(run) > 2 else [names[value] for value in run]


def _listed(texts: Sequence[str], last: str = "and") -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {last} {texts[-1]}"


def _days(rule: DayRule) -> str:
    days = _month_days(rule.days)
    weekdays = _week_days(rule.weekdays, "or" if days and rule.both else "and")
    joint = " if it is " if rule.both else " or on "
    both = joint.join(text for text in (days, weekdays) if text)
    months = "" if rule.months == MONTH.full else " in " + _listed(_runs(("", *MONTH_NAMES), members(rule.months)))
    if not both:
        return f", every day{months}" if months else ", every day"
    return f", on {both}{months}"


def _month_days(field: Field) -> str:
    if field.bare:
        return ""
    values = members(field.mask)
    parts = _runs([str(value) for value in range(DAY.high + 1)], values)
    step = _step(values, DAY)
    if step is not None and not field.picks:
        return f"every {_ordinal(step)} day of the month from day {values[0]}"
    texts = [f"day{'s' if len(values) > 1 else ''} {_listed(parts)}"] if parts else []
    texts += [PICKED[pick.rule](pick) for pick in field.picks]
    return f"{_listed(texts)} of the month"


def _week_days(field: Field, last: str) -> str:
    if field.bare:
        return ""
    monday_first = [value for value in (*range(1, 7), 0) if field.mask >> value & 1]
    order = (*WEEKDAY_NAMES[1:], WEEKDAY_NAMES[0])
    texts = _runs(order, [(value - 1) % 7 for value in monday_first])
    return _listed(texts + [PICKED[pick.rule](pick) for pick in field.picks], last)


def _combination(rule: DayRule, day_match: DayMatch) -> str:
    if rule.days.bare or rule.weekdays.bare:
        return ""
    if not rule.both:
        return EITHER_DAY
    return BOTH_ASKED if day_match is DayMatch.ALL else BOTH_DAYS


def _before_last(pick: Pick) -> str:
    return f"the {_ordinal(pick.first)} day before the last" if pick.first else "the last day"


PICKED: Final[Mapping[str, Callable[[Pick], str]]] = {
    "last day": _before_last,
    "last workday": lambda _pick: "the last workday",
    "nearest workday": lambda pick: f"the workday nearest to day {pick.first}",
    "last weekday": lambda pick: f"the last {WEEKDAY_NAMES[pick.first]} of the month",
    "nth weekday": lambda pick: f"the {ORDINALS[pick.second]} {WEEKDAY_NAMES[pick.first]} of the month",
}
