"""Control groups of version 2: limits for a whole process tree, and its end in one stroke.

They are used only where this part of the tree was handed to us (`Delegate=yes` in a systemd unit).  A group
that holds groups must hold no processes, so the daemon moves itself, and what it finds beside it, aside.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final, NamedTuple

from polysync.domain.run import Reason
from polysync.ports import PortError

CONTROLLERS: Final = frozenset({"memory", "cpu", "pids"})
ASIDE: Final = "polysync-daemon"
PREFIX: Final = "polysync-run-"
PERIOD: Final = 100_000  # µs
REMEDY: Final = "let systemd delegate the daemon's control group (Delegate=yes in its unit), or remove the limit"


class Ceiling(NamedTuple):
    """What a whole process tree may use."""

    memory: int | None = None  # bytes
    cpu: float | None = None  # cores
    processes: int | None = None


class Group:
    """The control group of one attempt."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def limit(self, ceiling: Ceiling) -> None:
        """Set the limits; beyond the one of memory the whole tree is killed, not a part of it by chance."""
        if ceiling.memory is not None:
            self._write("memory.max", ceiling.memory)
            self._write("memory.oom.group", 1)
        if ceiling.cpu is not None:
            self._write("cpu.max", f"{max(1000, round(ceiling.cpu * PERIOD))} {PERIOD}")
        if ceiling.processes is not None:
            self._write("pids.max", ceiling.processes)

    def kill(self) -> None:
        """Kill every process in it; one that is gone has none."""
        with contextlib.suppress(OSError):  # before Linux 5.14 there is no such file, and the ladder does the rest
            self._write("cgroup.kill", 1)

    def peak(self) -> int | None:
        """The most memory that it ever used at once, in bytes."""
        text = self._read("memory.peak").strip()
        return int(text) if text.isdigit() else None

    def cpu_seconds(self) -> float | None:
        """The processor time that it used."""
        microseconds = self._figures("cpu.stat").get("usage_usec")
        return None if microseconds is None else microseconds / 1e6

    def out_of_memory(self) -> bool:
        """Whether it was killed because it wanted more memory than it may have."""
        return self._figures("memory.events").get("oom_kill", 0) > 0

    def remove(self) -> bool:
        """Take it away; false while a process is in it."""
        try:
            self.path.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def _figures(self, name: str) -> dict[str, int]:
        pairs = (line.split() for line in self._read(name).splitlines())
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}

    def _read(self, name: str) -> str:
        try:
            return (self.path / name).read_text(encoding="ascii")
        except OSError:
            return ""

    def _write(self, name: str, value: object) -> None:
        _put(self.path / name, str(value))


class Cgroups:
    """The part of the tree that was handed to us, if any was."""

    def __init__(self, own: Path | None) -> None:
        self._top = own.parent if own is not None and own.name == ASIDE else own

    def find(self, token: str) -> Group | None:
        """The group of an attempt, where it has one."""
        if self._top is None:
            return None
        path = self._top / f"{PREFIX}{token}"
        return Group(path) if path.is_dir() else None

    def has(self, controllers: frozenset[str]) -> bool:
        """Whether these can be used here; where they must be switched on first, that is done."""
        if self._top is None or not controllers <= _words(self._top / "cgroup.controllers"):
            return False
        try:
            self._switch_on(self._top, controllers)
        except OSError:
            return False
        return True

    def make(self, token: str, ceiling: Ceiling) -> Group:
        """The group of an attempt, with its limits; a second call finds the first one's."""
        if self._top is None or not self.has(_needed(ceiling)):
            raise PortError(
                f"no control group for memory_max or cpu_max; {REMEDY}", permanent=True, reason=Reason.PRECHECK
            )
        group = Group(self._top / f"{PREFIX}{token}")
        try:
            group.path.mkdir(exist_ok=True)
            group.limit(ceiling)
        except OSError as error:
            group.remove()
            words = f"cannot make a control group: {error.strerror}; {REMEDY}"
            raise PortError(words, permanent=True, reason=Reason.PRECHECK) from error
        return group

    @staticmethod
    def _switch_on(top: Path, controllers: frozenset[str]) -> None:
        control = top / "cgroup.subtree_control"
        wanted = controllers - _words(control)
        if wanted:
            _move_aside(top)
            _put(control, " ".join(f"+{name}" for name in sorted(wanted)))


def own_group(mounts: str, membership: str) -> Path | None:
    """Where our own group of version 2 stands, by the texts of /proc/self/mountinfo and /proc/self/cgroup."""
    inside = next((line[3:] for line in membership.splitlines() if line.startswith("0::")), None)
    for line in mounts.splitlines():
        place, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 ") and inside is not None:
            root, point = place.split()[3:5]
            below = inside if root == "/" else inside.removeprefix(root)
            return Path(point) / below.lstrip("/")
    return None


def host_cgroups() -> Cgroups:
    """The control groups of this process."""
    try:
        texts = [Path(f"/proc/self/{name}").read_text(encoding="utf-8") for name in ("mountinfo", "cgroup")]
    except OSError:
        return Cgroups(None)
    return Cgroups(own_group(*texts))


def _needed(ceiling: Ceiling) -> frozenset[str]:
    asked = {"memory": ceiling.memory, "cpu": ceiling.cpu, "pids": ceiling.processes}
    return frozenset(name for name, limit in asked.items() if limit is not None)


def _words(path: Path) -> frozenset[str]:
    try:
        return frozenset(path.read_text(encoding="ascii").split())
    except OSError:
        return frozenset()


def _move_aside(top: Path) -> None:
    aside = top / ASIDE
    aside.mkdir(exist_ok=True)
    for pid in _words(top / "cgroup.procs"):
        with contextlib.suppress(ProcessLookupError):
            _put(aside / "cgroup.procs", pid)


def _put(path: Path, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:  # noqa: PTH123 - the same as every other write here
        file.write(text)
