"""The host: kernel, Python, SQLite, zone data and clock."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from polysync.cli.checkups.finding import Finding, fail, ok, skip, warn
from polysync.clock import UNKNOWN, this_zone_data
from polysync.domain.zone import is_zone

STRICT: Final = (3, 37, 0)  # the first SQLite with the tables that the store is made of
# Two connections that write and carry the log over at the same instant can lose commits.
RACE: Final = ((3, 7, 0), (3, 51, 3))
MENDED: Final = frozenset({(3, 44, 6), (3, 50, 7)})
WRITTEN: Final = 2026  # when this was: a clock before it is wrong
LAG: Final = 2  # years that zone data may be old: governments announce changes months before
# Files by which the keepers of the clock say that it is right, or that they are there.
SYNCHRONIZED: Final = Path("/run/systemd/timesync/synchronized")
KEEPERS: Final = {
    "chronyd": Path("/run/chrony/chronyd.pid"),
    "ntpd": Path("/run/ntpd.pid"),
    "systemd-timesyncd": Path("/run/systemd/timesync"),
}
GUEST: Final = (Path("/.dockerenv"), Path("/run/.containerenv"))  # in a container the host keeps the clock


def host_findings(now: datetime, zone: str) -> Iterator[Finding]:
    """Everything about the host."""
    yield _kernel(sys.platform, os.uname().release)
    yield ok("python", f"{platform.python_version()} at {sys.executable}")
    yield sqlite_finding(sqlite3.sqlite_version_info)
    yield zone_finding(zone, this_zone_data(), now)
    yield clock_finding(now, Path.exists)


def _kernel(system: str, release: str) -> Finding:
    from polysync.daemon.opening import CannotStart, check_host

    try:
        check_host(system, release)
    except CannotStart as error:
        return fail("system", error.message, error.hint or "run the daemon on another host")
    return ok("system", f"{platform.system()} {release}")


def sqlite_finding(version: tuple[int, ...]) -> Finding:
    """The version of SQLite and what is known of it."""
    words = ".".join(map(str, version))
    if version < STRICT:
        return fail("sqlite", f"{words} is too old", "use a Python with SQLite 3.37 or newer")
    if RACE[0] <= version < RACE[1] and version not in MENDED:
        known = "has a fault that can lose commits where two processes write; Polysync writes with one connection only"
        return ok("sqlite", f"{words}, which {known}: let no other program write to its files")
    return ok("sqlite", words)


def zone_finding(zone: str, version: str, now: datetime) -> Finding:
    """The zone of the host and the data about zones."""
    words = f"{zone}, zone data {version}"
    year = re.match(r"\d{4}", version)
    if not is_zone(zone):
        return fail("time zone", f"nothing is known of {zone}", "install the package tzdata")
    if version == UNKNOWN or year is None:
        return warn("time zone", words, "install the package tzdata: clock changes may be those of another year")
    if int(year[0]) + LAG <= now.year:
        return warn("time zone", f"{words} is old", "update the package tzdata")
    return ok("time zone", words)


def clock_finding(now: datetime, there: Callable[[Path], bool]) -> Finding:
    """What can be told of the clock without asking the network."""
    words = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    if now.year < WRITTEN:
        return fail("clock", f"it says {words}", "set the clock; the daemon fires nothing before it can be right")
    if there(SYNCHRONIZED):
        return ok("clock", f"{words}, synchronized")
    keeper = next((name for name, place in KEEPERS.items() if there(place)), None)
    if keeper is not None:
        return ok("clock", f"{words}, kept by {keeper}; whether it is right cannot be told from here")
    if any(map(there, GUEST)):
        return skip("clock", f"{words}; in a container the host keeps it")
    return warn("clock", f"{words}, and nobody seems to keep it right", "run systemd-timesyncd, chrony or ntpd")
