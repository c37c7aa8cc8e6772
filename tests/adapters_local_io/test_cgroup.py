"""Control groups: what is written where, on a tree of files; and the end in one stroke, on a real one."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from polysync.adapters.local.cgroup import ASIDE, Ceiling, Cgroups, Group, host_cgroups, own_group
from polysync.adapters.local.ladder import Target, stop
from polysync.domain.run import Reason
from polysync.domain.values import Signal
from polysync.ports import PortError
from tests.adapters_local_io.sessions import number_in, session
from tests.adapters_local_io.spooling import until

MOUNTS = """24 1 0:22 / /sys rw - sysfs sysfs rw
30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw
"""
ALL = frozenset({"memory", "cpu", "pids"})


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("")
    (tmp_path / "cgroup.procs").write_text("10\n11\n")
    return tmp_path


@pytest.mark.parametrize(
    ("mounts", "membership", "found"),
    [
        (MOUNTS, "0::/system.slice/polysync.service\n", "/sys/fs/cgroup/system.slice/polysync.service"),
        (MOUNTS, "0::/\n", "/sys/fs/cgroup"),
        (MOUNTS.replace(" / /sys/fs", " /box /sys/fs"), "0::/box/inner\n", "/sys/fs/cgroup/inner"),
        (MOUNTS, "4:memory:/x\n", None),
        ("24 1 0:22 / /sys rw - sysfs sysfs rw\n", "0::/\n", None),
    ],
)
def test_own_group_is_found_by_what_the_kernel_says(mounts: str, membership: str, found: str | None) -> None:
    assert own_group(mounts, membership) == (None if found is None else Path(found))


def test_limits_are_written(top: Path) -> None:
    group = Cgroups(top).make("t", Ceiling(memory=1 << 30, cpu=1.5, processes=7))
    wanted = {"memory.max": str(1 << 30), "memory.oom.group": "1", "cpu.max": "150000 100000", "pids.max": "7"}
    assert {name: (group.path / name).read_text() for name in wanted} == wanted
    assert (top / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    assert (top / ASIDE / "cgroup.procs").read_text() in {"10", "11"}
    assert Cgroups(top / ASIDE).find("t") is not None


def test_only_what_is_asked_for_is_switched_on_and_only_once(top: Path) -> None:
    Cgroups(top).make("t", Ceiling(memory=1))
    assert (top / "cgroup.subtree_control").read_text() == "+memory"
    (top / "cgroup.subtree_control").write_text("memory cpu pids\n")
    assert Cgroups(top).has(ALL)
    assert (top / "cgroup.subtree_control").read_text() == "memory cpu pids\n"


def test_group_that_cannot_be_had_is_refused_with_the_remedy(top: Path) -> None:
    (top / "cgroup.controllers").write_text("cpu\n")
    for cgroups in (Cgroups(None), Cgroups(top), Cgroups(top / "missing")):
        with pytest.raises(PortError, match="Delegate=yes") as caught:
            cgroups.make("t", Ceiling(memory=1))
        assert (caught.value.permanent, caught.value.reason) == (True, Reason.PRECHECK)
    assert Cgroups(None).find("t") is None
    assert Cgroups(top).find("t") is None


def test_tree_that_may_not_be_changed_is_no_tree_of_ours(top: Path) -> None:
    (top / "cgroup.subtree_control").unlink()
    (top / "cgroup.subtree_control").mkdir()
    assert not Cgroups(top).has(ALL)


def test_group_whose_limits_cannot_be_set_is_not_used(top: Path) -> None:
    group = top / "polysync-run-t"
    (group / "memory.max").mkdir(parents=True)
    with pytest.raises(PortError, match="cannot make a control group"):
        Cgroups(top).make("t", Ceiling(memory=1))


def test_figures_are_read_where_there_are_any(tmp_path: Path) -> None:
    group = Group(tmp_path)
    assert (group.peak(), group.cpu_seconds(), group.out_of_memory()) == (None, None, False)
    (tmp_path / "memory.peak").write_text("4096\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 1\nodd\n")
    (tmp_path / "memory.events").write_text("low 0\noom_kill 1\n")
    assert (group.peak(), group.cpu_seconds(), group.out_of_memory()) == (4096, 1.5, True)
    assert not group.remove()


def test_group_that_is_gone_is_removed() -> None:
    group = Group(Path("/nonexistent/group"))
    group.kill()
    assert group.remove()


async def test_group_is_killed_in_one_stroke(tmp_path: Path) -> None:
    """Who left the session, the mark and the group of processes behind is still in the control group."""
    mounts, membership = Path("/proc/self/mountinfo").read_text(), Path("/proc/self/cgroup").read_text()  # noqa: ASYNC240 - in memory
    top = own_group(mounts, membership)
    if top is None or not os.access(top, os.W_OK) or not os.access(top / "cgroup.procs", os.W_OK):
        pytest.skip("no part of a tree of version 2 is ours")
    group = Group(top / f"polysync-run-{os.getpid()}")
    group.path.mkdir()
    try:
        script = f"""echo 0 > {group.path}/cgroup.procs
            env -i setsid /bin/sh -c 'trap "" TERM; echo $$ > {tmp_path}/escaped; while :; do sleep 1; done' & wait"""
        with session("cgroup", script) as (process, shim):
            await until(lambda: number_in(tmp_path / "escaped") > 0)
            assert not group.remove()
            assert await stop(Target(shim, "cgroup", group), Signal.TERM, timedelta()) == ()
            assert process.wait() == 137
        await until(group.remove)
    finally:
        group.kill()
        await until(group.remove)


def test_host_is_asked_without_trouble() -> None:
    assert isinstance(host_cgroups(), Cgroups)
