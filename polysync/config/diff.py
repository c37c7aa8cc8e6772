"""What a reload would change: definitions, keys with old and new values, and the next firings that move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from polysync.config.origin import shown
from polysync.domain.definition import data_of
from polysync.domain.schedule import timetable_of
from polysync.domain.settings import Configuration
from polysync.domain.task import Task

NAMED: Final = ("tasks", "services", "jobs", "platforms", "contention", "calendars", "vaults", "webhooks")
SINGLE: Final = ("daemon", "scheduler", "storage", "api", "access", "notify")
RESTART_ONLY: Final = frozenset({"daemon.data_dir"})
SCHEDULE: Final = (
    "cron", "timezone", "dst_gap", "dst_fold", "day_match", "only_on", "skip_on", "roll", "enabled", "mode", "name",
)  # fmt: skip
TRIES: Final = 1000  # slots that a calendar leaves out, looked past for the next one that runs


@dataclass(frozen=True, slots=True)
class Change:
    """One key of one table, before and after."""

    table: str  # such as "tasks.backup", or "daemon"
    key: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Moved:
    """A task whose next firing is another one; None where there is none."""

    task: str
    old_at: datetime | None
    new_at: datetime | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a reload would do."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    changed: tuple[Change, ...] = ()
    restart_only: tuple[str, ...] = ()
    moved: tuple[Moved, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing would change."""
        return not (self.added or self.removed or self.renamed or self.changed)

    def to_data(self) -> dict[str, Any]:
        """The plan as JSON data."""
        return {
            "added": list(self.added),
            "removed": list(self.removed),
            "renamed": [{"from": old, "to": new} for old, new in self.renamed],
            "changed": [{"table": one.table, "key": one.key, "old": one.old, "new": one.new} for one in self.changed],
            "restart_only": list(self.restart_only),
            "moved": [{"task": one.task, "old": _said(one.old_at), "new": _said(one.new_at)} for one in self.moved],
        }


def plan_of(told: Mapping[str, Any]) -> Plan:
    """The plan that `Plan.to_data` made JSON data of."""
    return Plan(
        added=tuple(told["added"]),
        removed=tuple(told["removed"]),
        renamed=tuple((one["from"], one["to"]) for one in told["renamed"]),
        changed=tuple(Change(one["table"], one["key"], one["old"], one["new"]) for one in told["changed"]),
        restart_only=tuple(told["restart_only"]),
        moved=tuple(Moved(one["task"], _at(one["old"]), _at(one["new"])) for one in told["moved"]),
    )


def _at(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


Anchors = Mapping[str, Mapping[str, datetime]]


def plan(old: Configuration, new: Configuration, now: datetime, anchors: Anchors | None = None) -> Plan:
    """What going from `old` to `new` would do; `anchors` says since when each `@every` of a task is counted."""
    added: list[str] = []
    removed: list[str] = []
    changed: list[Change] = []
    for section in NAMED:
        before, after = getattr(old, section), getattr(new, section)
        added += [f"{section}.{name}" for name in after if name not in before]
        removed += [f"{section}.{name}" for name in before if name not in after]
        for name in before:
            if name in after:
                changed += _changes(f"{section}.{name}", before[name], after[name])
    renamed = _renamed(old.tasks, new.tasks)
    for before_name, after_name in renamed:
        removed.remove(f"tasks.{before_name}")
        added.remove(f"tasks.{after_name}")
    for section in SINGLE:
        changed += _changes(section, getattr(old, section), getattr(new, section))
    _lists(old, new, added, removed, changed)
    restart = [f"{one.table}.{one.key}" for one in changed if f"{one.table}.{one.key}" in RESTART_ONLY]
    moved = tuple(_moved(old, new, now, anchors or {}))
    return Plan(tuple(added), tuple(removed), renamed, tuple(changed), tuple(restart), moved)


def restart_only(old: Configuration, new: Configuration) -> tuple[str, ...]:
    """The changed keys that only another start takes up."""
    changed = (one for section in SINGLE for one in _changes(section, getattr(old, section), getattr(new, section)))
    return tuple(name for one in changed if (name := f"{one.table}.{one.key}") in RESTART_ONLY)


def _changes(table: str, old: Any, new: Any) -> Iterator[Change]:
    if old is new or (hasattr(old, "__dict__") and not _differ(vars(old), vars(new))):
        return
    for one in fields(old):
        before, after = getattr(old, one.name), getattr(new, one.name)
        if _differ(before, after):
            yield from _values(table, one.name, before, after)


def _differ(old: Any, new: Any) -> bool:
    """Whether two values are not the same; to Python 1 is true, to people it is not."""
    return old is not new and (old != new or repr(old) != repr(new))


def _values(table: str, key: str, old: Any, new: Any) -> Iterator[Change]:
    """The change of one key; a table of names changes name by name."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys((*old, *new)):
            if _differ(old.get(name), new.get(name)) or (name in old) != (name in new):
                yield from _values(table, f"{key}.{name}", old.get(name), new.get(name))
        return
    name = key.rpartition(".")[2]
    yield Change(table, key, shown(name, old), shown(name, new))


def _lists(old: Configuration, new: Configuration, added: list[str], removed: list[str], changed: list[Change]) -> None:
    """Notifiers by their ids, and the routes as a whole."""
    before, after = ({one.id: one for one in config.notifier} for config in (old, new))
    added += [f"notifier.{name}" for name in after if name not in before]
    removed += [f"notifier.{name}" for name in before if name not in after]
    for name in before:
        if name in after:
            changed += _changes(f"notifier.{name}", before[name], after[name])
    if old.route != new.route:
        changed.append(Change("route", "", data_of(old.route), data_of(new.route)))


def _renamed(old: Mapping[str, Task], new: Mapping[str, Task]) -> tuple[tuple[str, str], ...]:
    gone = [task for name, task in old.items() if name not in new]
    come = {_likeness(task): name for name, task in new.items() if name not in old}
    pairs = [(task, new[come.pop(_likeness(task))]) for task in gone if _likeness(task) in come]
    return tuple((before.name, after.name) for before, after in pairs if _same_but_name(before, after))


def _likeness(task: Task) -> tuple[Any, ...]:
    return task.run, task.command, task.job, task.cron, task.group


def _same_but_name(old: Task, new: Task) -> bool:
    return all(getattr(old, one.name) == getattr(new, one.name) for one in fields(old) if one.name != "name")


def _moved(old: Configuration, new: Configuration, now: datetime, anchors: Anchors) -> Iterator[Moved]:
    everything = old.zone != new.zone or old.calendars != new.calendars
    for name in dict.fromkeys((*old.tasks, *new.tasks)):
        before, after = old.tasks.get(name), new.tasks.get(name)
        if before is not None and after is not None and not everything and _same_schedule(before, after):
            continue
        known = anchors.get(name, {})
        times = _next(before, old, now, known), _next(after, new, now, _kept(known, before, after))
        if times[0] != times[1]:
            yield Moved(name, *times)


def _same_schedule(old: Task, new: Task) -> bool:
    return old is new or all(getattr(old, key) == getattr(new, key) for key in SCHEDULE)


def _kept(known: Mapping[str, datetime], old: Task | None, new: Task | None) -> Mapping[str, datetime]:
    """The anchors of the expressions that stay; a changed one is counted from now."""
    if old is None or new is None:
        return {}
    return {text: at for text, at in known.items() if text in old.cron and text in new.cron}


def _next(task: Task | None, config: Configuration, now: datetime, known: Mapping[str, datetime]) -> datetime | None:
    if task is None or not task.enabled or task.mode.value == "template":
        return None
    anchors = {text: known.get(text, now) for text in task.cron}
    timetable = timetable_of(task, config, anchors)
    at = timetable.next_at(now) if timetable is not None else None
    for _ in range(TRIES):
        if timetable is None or at is None or not timetable.excludes(at):
            break
        at = timetable.next_at(at)
    return at


def _said(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
