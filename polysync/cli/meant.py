"""What words mean to the daemon: names of tasks by prefix and pattern, and the run that a number or a task names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from polysync.cli.attach import Daemon
from polysync.cli.failure import NOT_FOUND, Failure, no_such
from polysync.cli.loading import LISTED, MAGIC
from polysync.cli.session import Session
from polysync.domain.render import Cell, Style
from polysync.domain.safe_text import safe_text

PAGE: Final = 2_000
Told = Mapping[str, Any]


def listed(daemon: Daemon, **wanted: Any) -> list[Told]:
    """All tasks of a kind, over as many pages as there are."""
    found: list[Told] = []
    cursor = None
    while True:
        page = daemon.get("/api/tasks", limit=PAGE, cursor=cursor, **wanted)
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found


def tasks_meant(daemon: Daemon, words: Sequence[str]) -> list[str]:
    """The names of the tasks that the words mean, each once: a name, a pattern, or the only name that starts so."""
    return list(dict.fromkeys(name for word in words for name in _meant(daemon, word)))


def task_meant(daemon: Daemon, word: str) -> str:
    """The one task that a word means."""
    found = _meant(daemon, word)
    if len(found) > 1:
        raise no_such("task", safe_text(word), f"it could be {_some(found)}")
    return found[0]


def _meant(daemon: Daemon, word: str) -> list[str]:
    pattern = any(sign in word for sign in MAGIC)
    asked = word if pattern else f"{word}*"
    found = [str(one["name"]) for one in listed(daemon, match=asked, all=1)] if word else []
    if word in found:
        return [word]
    if len(found) == 1 or (found and pattern):
        return found
    if found:
        raise no_such("task", safe_text(word), f"it could be {_some(found)}")
    if not pattern:
        daemon.get(f"/api/tasks/{word or ' '}/next", n=1)  # says no, and which name was probably meant
    raise no_such("task", safe_text(word), "polysync tasks --all lists them")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:LISTED])
    return f"{shown} and {len(names) - LISTED} more" if len(names) > LISTED else shown


def run_meant(daemon: Daemon, word: str, state: str | None = None) -> int:
    """The run of that number, or the newest one of a task; where there are some, the newest one in that state."""
    if word.isascii() and word.isdigit():
        return int(word)
    name = task_meant(daemon, word)
    found = daemon.get("/api/runs", task=name, state=state, limit=1)["items"] if state else []
    found = found or daemon.get("/api/runs", task=name, limit=1, archived=1)["items"]
    if not found:
        hint = f"polysync exec {name} starts one"
        raise Failure(f"{name} has no run yet", code="not_found", status=NOT_FOUND, hint=hint)
    return int(found[0]["id"])


def each(session: Session, names: Sequence[Any], ask: Callable[[Any], Told], line: Callable[[Told], Any]) -> int:
    """Ask for each of them, also where another one is refused, and tell what came of it."""
    told: list[Told] = []
    failures: list[Failure] = []
    for name in names:
        try:
            told.append(ask(name))
        except Failure as failure:
            failures.append(failure)
            continue
        if not session.json and not session.quiet:
            session.line(*line(told[-1]))
    items = {"items": told, "next": None}
    for refused in failures[1:]:
        session.remark(Cell("error: ", Style.BAD), refused.message)
    if failures:
        failures[0].beside = items
        raise failures[0]
    if session.json:
        session.document(items)
    return 0
