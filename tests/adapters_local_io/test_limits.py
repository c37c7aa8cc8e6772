"""Limits and users, on real processes: what was asked for holds in the command, or the command never runs."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from polysync.adapters.local import launch
from polysync.adapters.local.cgroup import Cgroups
from polysync.adapters.local.environment import account_of, base_environment
from polysync.adapters.local.limits import Launch, Place, hand_over, plan
from polysync.domain.report import Report, Reported
from polysync.domain.run import Reason
from polysync.domain.task import Process
from polysync.domain.values import EnvBase
from polysync.ports import PortError
from tests.faults import fault

NOBODY = "nobody"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
NONE = Cgroups(None)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A folder of an attempt, with a way for others to it."""
    files = tmp_path / "home" / "runs" / "7" / "1"
    files.mkdir(parents=True)
    files.chmod(0o700)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and len(folder.parts) > 2:
            folder.chmod(folder.stat().st_mode | 0o011)
    return Place(token="t", files=files, directory=str(tmp_path), top=tmp_path / "home")  # noqa: S106 - the mark of an attempt


def run(start: Launch, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*start.before, *argv], env={"PATH": os.defpath, **environment}, capture_output=True, text=True, check=False
    )


def said(place: Place) -> Reported:
    report = Report()
    report.feed((place.files / "report").read_bytes())
    report.finish()
    return report.folded()


def refused(process: Process, place: Place, **options: Any) -> PortError:
    with pytest.raises(PortError) as caught:
        plan(process, place, NONE, **options)
    assert caught.value.permanent
    return caught.value


def test_plain_process_has_nothing_before_it(place: Place) -> None:
    assert plan(Process(), place, NONE) == Launch()


def test_mask_alone_costs_a_shell_and_no_more(place: Place) -> None:
    start = plan(Process(umask="027"), place, NONE)
    assert start.before[0] == "/bin/sh"
    assert run(start, "/bin/sh", "-c", 'umask; echo "$@"', "x", "a b", "$c").stdout == "0027\na b $c\n"


def test_niceness_and_mask_hold_in_the_command(place: Place) -> None:
    start = plan(Process(nice=7, umask="077"), place, NONE)
    assert run(start, "/bin/sh", "-c", "umask; nice; pwd").stdout == f"0077\n7\n{place.directory}\n"


def test_command_gets_exactly_its_environment_and_default_signals(place: Place) -> None:
    start = plan(Process(nice=1), place, NONE)
    assert run(start, "env", A="1", B="x=y").stdout.splitlines() == [f"PATH={os.defpath}", "A=1", "B=x=y"]
    plain = subprocess.run(["/bin/grep", "SigIgn", "/proc/self/status"], capture_output=True, text=True, check=True)
    assert run(start, "grep", "SigIgn", "/proc/self/status").stdout == plain.stdout


def test_command_has_its_own_exit_code(place: Place) -> None:
    start = plan(Process(nice=1), place, NONE)
    assert run(start, "/bin/sh", "-c", "exit 126").returncode == 126
    assert said_nothing(place)


def said_nothing(place: Place) -> bool:
    report = place.files / "report"
    return not report.exists() or report.read_bytes() == b""


@fault("F40")
@pytest.mark.parametrize(
    ("changes", "argv", "words"),
    [
        ({}, ["/nonexistent/program"], "cannot execute /nonexistent/program: No such file or directory"),
        ({}, ["nonexistent-program"], "cannot execute nonexistent-program: No such file or directory"),
        ({"directory": "/nonexistent"}, ["true"], "cannot run in the working directory /nonexistent: No such file"),
        ({"directory": '/a"b\\c\né'}, ["true"], "cannot run in the working directory /a?b?c?é"),
    ],
)
def test_start_that_fails_is_told_apart_from_a_command_that_fails(
    place: Place, changes: dict[str, Any], argv: list[str], words: str
) -> None:
    wanted = Place(token="t", files=place.files, top=place.top, directory=changes.get("directory", place.directory))  # noqa: S106 - the mark of an attempt
    done = run(plan(Process(nice=1), wanted, NONE), *argv)
    assert done.returncode == 126
    assert (said(place).start_failed or "").startswith(words)


def test_program_that_may_not_be_executed_is_a_failed_start(place: Place) -> None:
    (place.files / "data").touch(0o600)
    run(plan(Process(nice=1), place, NONE), str(place.files / "data"))
    assert said(place).start_failed == f"cannot execute {place.files}/data: Permission denied"


def test_user_needs_root(place: Place) -> None:
    other = next(entry.pw_name for entry in pwd.getpwall() if entry.pw_uid != os.geteuid())
    error = refused(Process(user=other), place, root=False)
    assert error.reason is Reason.START_FAILED
    assert f"only root can run as {other}" in str(error)


@fault("F40")
@pytest.mark.parametrize("user", ["no-such-user", f"{NOBODY}:no-such-group"])
def test_user_who_does_not_exist_is_refused(place: Place, user: str) -> None:
    error = refused(Process(user=user), place)
    assert error.reason is Reason.START_FAILED
    assert user in str(error)


@pytest.mark.parametrize("process", [Process(memory_max=1 << 30), Process(cpu_max=1.5)])
def test_limit_that_needs_a_control_group_is_refused_without_one(place: Place, process: Process) -> None:
    error = refused(process, place)
    assert error.reason is Reason.PRECHECK
    assert "Delegate=yes" in str(error)


@as_root
def test_number_of_processes_is_refused_where_it_would_not_hold(place: Place) -> None:
    assert refused(Process(max_processes=5), place).reason is Reason.PRECHECK
    assert refused(Process(max_processes=5, user="root"), place).reason is Reason.PRECHECK


def test_number_of_processes_holds_by_user_where_nothing_better_is(place: Place) -> None:
    assert "processes=100" in plan(Process(max_processes=100), place, NONE, root=False).before


@as_root
class TestAnotherUser:
    def test_command_is_theirs_for_good(self, place: Place) -> None:
        start = plan(Process(user=NOBODY), place, NONE)
        entry = pwd.getpwnam(NOBODY)
        assert start.account is not None
        script = "id -u; id -g; id -G; grep -E 'NoNewPrivs|CapEff' /proc/self/status"
        lines = run(start, "/bin/sh", "-c", script).stdout.split()
        assert lines[:2] == [str(entry.pw_uid), str(entry.pw_gid)]
        assert lines[-4:] == ["CapEff:", "0000000000000000", "NoNewPrivs:", "1"]

    def test_group_may_be_named(self, place: Place) -> None:
        group = next(entry for entry in grp.getgrall() if entry.gr_gid not in {0, pwd.getpwnam(NOBODY).pw_gid})
        start = plan(Process(user=f"{NOBODY}:{group.gr_name}"), place, NONE)
        assert run(start, "id", "-g").stdout.strip() == str(group.gr_gid)

    def test_report_can_be_written_and_nothing_else_of_ours(self, place: Place) -> None:
        (place.files / "params.json").write_text("{}")
        (place.files / "t.status").touch(0o600)
        start = plan(Process(user=NOBODY), place, NONE)
        script = f"""cd {place.files}; echo heartbeat >> report; cat params.json
            echo x >> t.status; mv report other; ls ."""
        done = run(start, "/bin/sh", "-c", script)
        assert done.stdout == "{}"
        assert said(place).heartbeat
        assert (place.files / "t.status").read_bytes() == b""

    def test_working_directory_is_entered_with_their_rights(self, place: Place, tmp_path: Path) -> None:
        (tmp_path / "private").mkdir(0o700)
        wanted = Place(token="t", files=place.files, top=place.top, directory=str(tmp_path / "private"))  # noqa: S106 - the mark of an attempt
        assert run(plan(Process(user=NOBODY), wanted, NONE), "true").returncode == 126
        assert "Permission denied" in (said(place).start_failed or "")

    def test_fork_bomb_stays_within_its_limit(self, place: Place) -> None:
        start = plan(Process(user=NOBODY, max_processes=12), place, NONE)
        script = "i=0; while [ $i -lt 40 ]; do sleep 1 2>/dev/null & i=$((i+1)); done; echo done"
        done = run(start, "/bin/sh", "-c", script)
        assert "fork" in done.stderr.lower()

    def test_home_that_they_cannot_pass_is_refused_with_the_remedy(self, place: Place) -> None:
        place.top.chmod(0o700)
        error = refused(Process(user=NOBODY), place)
        assert error.reason is Reason.PRECHECK
        assert str(error).endswith(f"chmod o+x {place.top}")

    def test_link_in_place_of_a_spool_is_not_given_away(self, place: Place, tmp_path: Path) -> None:
        (tmp_path / "secret").touch(0o600)
        (place.files / "out").symlink_to(tmp_path / "secret")
        account = account_of(NOBODY)
        assert account is not None
        with pytest.raises(OSError, match="out"):
            hand_over(place.files, place.top, account)
        assert (tmp_path / "secret").stat().st_uid == 0

    def test_raising_priority_needs_root(self, place: Place) -> None:
        user = Place(token="t", files=place.files, top=place.top, directory="/")  # noqa: S106 - the mark of an attempt
        start = plan(Process(user=NOBODY, nice=-5), user, NONE)
        assert run(start, "nice").stdout == "-5\n"  # set before the rights are given up
        assert stat.S_IMODE(place.files.stat().st_mode) & 0o066 == 0


class TestEnvironment:
    def test_inherited_one_keeps_what_is_the_users_and_drops_what_is_the_daemons(self) -> None:
        given = {
            "PATH": "/bin",
            "LD_PRELOAD": "/x.so",
            "LC_ALL": "C",
            **dict.fromkeys(
                ("NOTIFY_SOCKET", "LISTEN_FDS", "WATCHDOG_USEC", "POLYSYNC_TOKEN", "POLYSYNC_DATA", "TRACEPARENT"), "x"
            ),
        }
        found = base_environment(EnvBase.INHERIT, environ=given)
        assert found == {"PATH": "/bin", "LD_PRELOAD": "/x.so", "LC_ALL": "C"}

    def test_inherited_one_of_another_user_speaks_of_that_user(self) -> None:
        given = {"PATH": "/bin", "HOME": "/root", "XDG_RUNTIME_DIR": "/run/user/0", "SSH_AUTH_SOCK": "/x", "MAIL": "m"}
        found = base_environment(EnvBase.INHERIT, NOBODY, given)
        entry = pwd.getpwnam(NOBODY)
        assert found == {
            "PATH": "/bin",
            "HOME": entry.pw_dir,
            "USER": NOBODY,
            "LOGNAME": NOBODY,
            "SHELL": entry.pw_shell,
        }

    def test_clean_one_holds_six_names(self) -> None:
        found = base_environment(EnvBase.CLEAN, environ={"LD_PRELOAD": "x", "LANG": "de_DE.UTF-8", "PYTHONPATH": "y"})
        assert sorted(found) == ["HOME", "LANG", "LOGNAME", "PATH", "SHELL", "USER"]
        assert found["LANG"] == "de_DE.UTF-8"
        assert found["HOME"] == pwd.getpwuid(os.geteuid()).pw_dir
        other = base_environment(EnvBase.CLEAN, NOBODY, {})
        assert (other["LANG"], other["USER"]) == ("C.UTF-8", NOBODY)
        assert "sbin" not in other["PATH"]

    def test_environment_of_this_process_is_the_default(self) -> None:
        assert base_environment(EnvBase.INHERIT)["PATH"] == os.environ["PATH"]

    def test_numbers_name_users_too(self) -> None:
        entry = pwd.getpwnam(NOBODY)
        account = account_of(f"{entry.pw_uid}:{entry.pw_gid}")
        assert account == account_of(NOBODY)
        assert account_of(None) is None


class TestSteps:
    """The steps that can be taken inside this process without changing it, or that fail before they do."""

    def test_control_group_is_entered_by_one_write(self, tmp_path: Path) -> None:
        launch.join_group(str(tmp_path), {})
        assert (tmp_path / "cgroup.procs").read_text() == "0"

    def test_what_is_set_already_may_be_set_again(self) -> None:
        mask = os.umask(0o022)
        try:
            launch.set_umask("027", {})
            assert os.umask(0) == 0o027
        finally:
            os.umask(mask)
        launch.set_nice(str(os.getpriority(os.PRIO_PROCESS, 0)), {})

    def test_step_without_effect_is_refused(self) -> None:
        """A kernel or a container may accept a call and do nothing."""
        with pytest.raises(launch.Refused, match="nice could not be set: it is 3, and was to be 5"):
            launch.check("nice", 3, 5)

    def test_folder_that_is_not_there_is_refused(self) -> None:
        with pytest.raises(launch.Refused, match="cannot run in the working directory /nonexistent"):
            launch.enter("/nonexistent", {})

    def test_environment_is_the_one_of_the_start(self) -> None:
        assert launch.given_environment()[b"PATH"]

    def test_line_of_the_report_is_always_one_json_object(self) -> None:
        report = Report()
        report.feed(launch.line('a "quoted" \\ path\nwith é 🙂 and \udcff'))
        assert report.folded().problems == ()
        assert report.folded().start_failed == "a ?quoted? ? path?with é 🙂 and ?"


def test_launcher_runs_alone() -> None:
    """It may not need polysync: it runs isolated, for another user."""
    launcher = Path(plan.__code__.co_filename).with_name("launch.py")
    text = launcher.read_text()
    assert "import polysync" not in text
    assert "from polysync" not in text
