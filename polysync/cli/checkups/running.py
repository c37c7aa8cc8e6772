"""The daemon: whether it answers, which version it is, and what it says of itself."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from polysync import __version__
from polysync.cli.checkups.finding import Finding, fail, ok, skip, warn
from polysync.home import Home
from polysync.store.database import JOURNAL
from polysync.store.migrate import steps, version_of

SLOW: Final = 1000.0  # milliseconds that the loop was held at most, or a firing was late
NEAR: Final = 0.8  # of the descriptors
PATIENCE: Final = 600  # seconds that somebody may read without a pause


def daemon_findings(told: Mapping[str, Any]) -> Iterator[Finding]:
    """What a daemon that answers says of itself; `told` is its status."""
    yield _version(told)
    yield from _troubles(told)
    yield _pace(told)
    yield from _readers(told)
    yield descriptor_finding(Path("/proc") / str(told.get("pid")))


def absent_findings(why: str, home: Home, *, held: bool) -> Iterator[Finding]:
    """What can be said where no daemon answers."""
    if held:
        yield fail("daemon", f"one owns the home, and does not answer: {why}", "polysync status; its log says more")
    else:
        yield skip("daemon", why)
    yield _schema(home, held=held)


def _version(told: Mapping[str, Any]) -> Finding:
    text = f"version {told.get('version')}, {told.get('state')}, process {told.get('pid')}"
    if told.get("version") != __version__:
        return warn("daemon", f"{text}; this is {__version__}", "restart the daemon; what runs goes on")
    return ok("daemon", text)


def _troubles(told: Mapping[str, Any]) -> Iterator[Finding]:
    storage, disk, clock, config, log = (_part(told, name) for name in ("storage", "disk", "clock", "config", "log"))
    stuck = _part(told, "watchdog").get("stuck")
    if storage.get("trouble"):
        yield fail("storage", f"nothing can be stored: {storage['trouble']}", "look at the disk; it goes on by itself")
    if storage.get("logs"):
        yield fail("storage", f"output is not stored: {storage['logs']}", "look at the disk; it goes on by itself")
    if disk.get("low"):
        yield fail("storage", "the disk is almost full: new attempts wait", "make space, or polysync prune")
    if clock.get("held"):
        yield fail("clock", "nothing fires: it stands before what was stored last", "set the clock right")
    if stuck:
        yield fail("watchdog", f"does not answer: {', '.join(stuck)}", "restart the daemon; its log says more")
    if config.get("error"):
        yield fail(
            "reload", "the file on disk has errors, the old one is in force", "polysync validate, polysync reload"
        )
    elif config.get("newer"):
        yield warn("reload", "the file is newer than what the daemon uses", "polysync reload")
    if config.get("restart_only"):
        yield warn(
            "reload", f"changed, but only at a restart: {', '.join(config['restart_only'])}", "restart the daemon"
        )
    if log.get("dropped"):
        yield warn("log", f"{log['dropped']} lines of its own log were dropped", "let somebody read its stderr")


def _pace(told: Mapping[str, Any]) -> Finding:
    loop = _part(told, "loop")
    lag, late = float(loop.get("lag_ms") or 0), float(loop.get("lateness_ms") or 0)
    text = f"loop held for {lag:.0f} ms at most, firings {late:.0f} ms late at most"
    if max(lag, late) > SLOW:
        return warn("pace", text, "the host was busy, slept, or a disk hung; it counts from the daemon's start")
    return ok("pace", text)


def _readers(told: Mapping[str, Any]) -> Iterator[Finding]:
    since = float(_part(told, "storage").get("oldest_reader_s") or 0)
    if since > PATIENCE:
        text = f"somebody has read for {since / 60:.0f} minutes: the write-ahead log cannot be cut"
        yield warn("readers", text, "end old followers, searches, backups and other programs that have the files open")


def descriptor_finding(process: Path) -> Finding:
    """How near a process is to its limit of open files."""
    try:
        used = len(os.listdir(process / "fd"))  # noqa: PTH208 - only how many
        limits = (process / "limits").read_text()
    except OSError:
        return skip("descriptors", "only the daemon's user may count them")
    most = next((line.split()[3] for line in limits.splitlines() if line.startswith("Max open files")), "")
    text = f"{used} of {most}"
    if most.isdecimal() and used > NEAR * int(most):
        return warn("descriptors", text, "raise LimitNOFILE= of the unit, or ulimit -Hn before the start")
    return ok("descriptors", text)


def _schema(home: Home, *, held: bool) -> Finding:
    if held or not home.database.exists():
        return skip("schema", "the daemon has the file" if held else "there is no database yet")
    try:
        with closing(sqlite3.connect(f"{home.database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            version = version_of(connection)
    except sqlite3.Error as error:
        return fail("schema", f"{home.database} cannot be read: {error}", f"put back a copy from {home.snapshots}")
    newest = len(steps(JOURNAL.migrations))
    if version > newest:
        remedy = f"install that version again, or put back a copy from {home.snapshots}"
        return fail("schema", f"number {version}, of a newer Polysync; this one knows {newest}", remedy)
    return ok("schema", f"number {version}" + (f"; {newest} after the next start" if version < newest else ""))


def _part(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = told.get(name)
    return found if isinstance(found, Mapping) else {}
