"""The only reader of clocks, and of what the host says about its time zone."""

from __future__ import annotations

import os
import time
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol

from polysync.domain.values import Reading
from polysync.domain.zone import is_zone

LOCALTIME: Final = "/etc/localtime"
ZONE_FILE: Final = "/etc/timezone"
UNKNOWN: Final = "unknown"
# Time that goes on while the host sleeps; only Linux has it, and only there does the daemon run.
_BOOT: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """Whatever tells the time: the host's clocks, or a simulated one."""

    def read(self) -> Reading:
        """The three clocks, read together."""


class SystemClock:
    """The clocks of this host."""

    def read(self) -> Reading:
        """Wall, monotonic and boot time, as close to one instant as three calls come."""
        monotonic, boot = time.clock_gettime_ns(time.CLOCK_MONOTONIC), time.clock_gettime_ns(_BOOT)
        return Reading(datetime.now(UTC), _span(monotonic), _span(boot))


def host_zone(
    env: Mapping[str, str],
    link: Callable[[str], str | None],
    read: Callable[[str], str | None],
    known: Callable[[str], bool],
) -> str:
    """The name of the host's zone: TZ, else the link at /etc/localtime, else /etc/timezone, else UTC.

    A TZ that is no zone name (`CET-1CEST`) or a localtime file that is no link is passed over: only a name
    knows the clock changes of every year.
    """
    first_line = (read(ZONE_FILE) or "").strip().partition("\n")[0].strip()
    candidates = (_zone_name(env.get("TZ", "")), _zone_name(link(LOCALTIME) or ""), first_line)
    return next((name for name in candidates if name and known(name)), "UTC")


def this_zone() -> str:
    """The zone of this host."""
    return host_zone(os.environ, read_link, read_text, is_zone)


def zone_data_version(
    folders: Iterable[str], read: Callable[[str], str | None], packaged: Callable[[], str | None]
) -> str:
    """The version of the zone data in use, such as `2026b`: the host's where it has any, else the package's."""
    for folder in folders:
        marked = (read(f"{folder}/tzdata.zi") or "").partition("\n")[0]
        version = marked.removeprefix("# version ") if marked.startswith("# version ") else read(f"{folder}/+VERSION")
        if version:
            return version.strip()
    return packaged() or UNKNOWN


def this_zone_data() -> str:
    """The version of the zone data that this process uses."""
    return zone_data_version(zoneinfo.TZPATH, read_text, packaged_zone_data)


def packaged_zone_data(package: str = "tzdata") -> str | None:
    """The version of the zone data package, where it is installed."""
    try:
        return str(import_module(package).IANA_VERSION)
    except ImportError:
        return None


def read_link(path: str) -> str | None:
    """Where a symbolic link points, or None where there is none."""
    try:
        return str(Path(path).readlink())
    except OSError:
        return None


def read_text(path: str) -> str | None:
    """The text of a file, or None where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _zone_name(written: str) -> str:
    """The zone that a TZ variable or a link target means: what follows `zoneinfo/`, without a `posix/` before it."""
    _, found, name = written.rpartition("zoneinfo/")
    name = name if found else written.removeprefix(":")
    return name.removeprefix("posix/").removeprefix("right/")


def _span(nanoseconds: int) -> timedelta:
    return timedelta(microseconds=nanoseconds // 1000)
