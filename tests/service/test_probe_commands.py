"""Looks at services by commands beside them: real ones, and every way in which they can fail."""

from __future__ import annotations

import os
import pwd
import resource
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from polysync.adapters.local.inquiry import KEPT, Inquiries
from polysync.daemon.probes import WORDS, Prober
from polysync.daemon.spawn import Tasks
from polysync.domain.settings import HealthCheck
from polysync.domain.task import Process
from polysync.domain.values import Command, EnvBase
from polysync.ports import NoRoom, PortError, Secret, Work
from tests.adapters_local.waiting_for import until
from tests.daemon.virtual import passing
from tests.service.looking import BRIEFLY, HOME, PATIENTLY, WELL, asked, unwell, work

pytestmark = pytest.mark.slow

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
async def prober() -> AsyncIterator[Prober]:
    made = Prober(HOME)
    yield made
    made.close()


def script(text: str, timeout: timedelta = PATIENTLY) -> HealthCheck:
    return HealthCheck(run=text, timeout=timeout)


async def test_a_command_runs_where_the_service_runs(prober: Prober, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    process = Process(working_dir="here", umask="027")
    wanted = work(tmp_path, process, PORT="8080", TOKEN=Secret("hush hush"))
    text = '[ "$PORT" = 8080 ] && [ "$TOKEN" = "hush hush" ] && pwd > place && [ "$(umask)" = 0027 ]'
    assert await asked(prober, script(text), wanted) == WELL
    assert (tmp_path / "here" / "place").read_text() == f"{tmp_path}/here\n"
    assert await asked(prober, HealthCheck(command=("test", "-e", "place")), wanted) == WELL


async def test_nothing_marks_it_as_part_of_the_attempt(prober: Prober, tmp_path: Path) -> None:
    """Else it would be hunted with what is left of a service that died."""
    assert await asked(prober, script('env > found; [ -z "$POLYSYNC_TOKEN$POLYSYNC_REPORT" ]'), work(tmp_path)) == WELL
    clean = work(tmp_path, Process(env_base=EnvBase.CLEAN), ONLY="this")
    assert await asked(prober, script('[ -z "$PYTEST_CURRENT_TEST" ] && [ "$ONLY" = this ]'), clean) == WELL


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (script("exit 3"), "exit 3"),
        (script("echo first; echo the database is away >&2; exit 1"), "exit 1: first\nthe database is away"),
        (script("kill -SEGV $$"), "killed by SIGSEGV"),
        (script("printf '\\377'; exit 1"), "exit 1: \N{REPLACEMENT CHARACTER}"),
    ],
)
async def test_it_says_how_it_ended(prober: Prober, check: HealthCheck, text: str, tmp_path: Path) -> None:
    assert await asked(prober, check, work(tmp_path)) == unwell(text)


async def test_what_cannot_be_executed_is_told(prober: Prober, tmp_path: Path) -> None:
    found = await asked(prober, HealthCheck(command=("/no/such/program",)), work(tmp_path))
    assert not found.well
    assert found.text.startswith("exit 127: ")
    found = await asked(prober, script("true"), work(tmp_path, Process(working_dir="nowhere")))
    assert not found.well
    assert "nowhere" in found.text


@pytest.mark.parametrize(
    ("check", "process", "said"),
    [
        (script("true"), Process(user="nobody-of-that-name"), "there is no user"),
        (HealthCheck(command=("true", "x" * 200_000)), Process(), "Argument list too long"),
        (HealthCheck(command=("true", "\0")), Process(), "null"),
    ],
)
async def test_what_can_never_be_asked_is_not_well(
    prober: Prober, check: HealthCheck, process: Process, said: str, tmp_path: Path
) -> None:
    found = await asked(prober, check, work(tmp_path, process))
    assert not found.well
    assert said in found.text


async def test_its_time_is_limited_and_nothing_of_it_stays(prober: Prober, tmp_path: Path) -> None:
    text = "echo waits; sleep 100 & echo $! > child; echo $$ > self; wait"
    wanted = work(tmp_path)
    found = await asked(prober, script(text, timedelta(seconds=1)), wanted)
    assert found == unwell("no answer within 1s: waits")
    await until(lambda: not lives(tmp_path / "child"))
    await until(lambda: not lives(tmp_path / "self"))
    assert await asked(prober, script("true"), wanted) == WELL


def lives(file: Path) -> bool:
    """Whether the process whose number the file holds is still there."""
    try:
        state = Path(f"/proc/{file.read_text().strip()}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


async def test_a_child_that_keeps_its_output_open_is_not_waited_for(prober: Prober, tmp_path: Path) -> None:
    assert await asked(prober, script("sleep 100 & echo $! > child"), work(tmp_path)) == WELL
    await until(lambda: not lives(tmp_path / "child"))


async def test_only_its_last_words_are_kept_and_no_secret_among_them(prober: Prober, tmp_path: Path) -> None:
    secret = "correct horse battery"  # noqa: S105 - it opens nothing
    text = 'i=0; while [ $i -lt 3000 ]; do echo "line $i $TOKEN"; i=$((i+1)); done; exit 1'
    found = await asked(prober, script(text), work(tmp_path, TOKEN=Secret(secret)))
    assert found.text.endswith(f"line 2999 {'*' * len(secret)}")
    assert "horse" not in found.text
    assert "battery" not in found.text
    assert WORDS - 100 < len(found.text) < WORDS + 100


async def test_a_flood_of_words_is_over_at_its_time(prober: Prober, tmp_path: Path) -> None:
    found = await asked(prober, script("yes", BRIEFLY), work(tmp_path))
    assert found.text.startswith("no answer within 300ms: y")


async def test_a_look_that_is_given_up_leaves_nothing(prober: Prober, tmp_path: Path) -> None:
    failed: list[BaseException] = []
    tasks = Tasks(failed.append)
    tasks.spawn(asked(prober, script("echo $$ > self; exec sleep 100"), work(tmp_path)), "looking")
    await until(lambda: (tmp_path / "self").exists() and (tmp_path / "self").read_text())
    await tasks.close()
    await until(lambda: not lives(tmp_path / "self"))
    before = children()
    for turns in range(1, 8):  # given up while it is just being started
        tasks.spawn(asked(prober, script("sleep 100"), work(tmp_path)), "looking")
        for _ in range(turns):
            await passing()
        await tasks.close()
    assert failed == []
    await until(lambda: children() <= before)
    assert await asked(prober, script("true"), work(tmp_path)) == WELL
    prober.forget("t")


def children() -> set[int]:
    """The children of this process, the dead ones too."""
    found = (place.read_text() for place in Path("/proc/self/task").glob("*/children"))
    return {int(pid) for words in found for pid in words.split()}


async def test_what_is_kept_of_a_flood_is_bounded(tmp_path: Path) -> None:
    inquiries = Inquiries(HOME)
    flood = Command(script="yes | head -c 1000000; printf end; exit 1")
    ended = await inquiries.ask(work(tmp_path), flood, PATIENTLY)
    inquiries.close()
    assert (ended.status, len(ended.words), ended.words[-3:]) == (1, KEPT, b"end")


async def test_trouble_with_what_it_needs_is_no_verdict(prober: Prober) -> None:
    async def prepare() -> Work:
        raise PortError("the vault is closed")

    with pytest.raises(PortError, match="closed"):
        await prober.look(script("true"), prepare)


async def test_a_host_without_room_is_no_verdict(prober: Prober, tmp_path: Path) -> None:
    assert await asked(prober, script("true"), work(tmp_path)) == WELL  # its threads are there
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        with pytest.raises(NoRoom):
            await asked(prober, script("true"), work(tmp_path))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert await asked(prober, script("true"), work(tmp_path)) == WELL


@as_root
async def test_it_is_asked_as_the_user_of_the_service(prober: Prober, tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and len(folder.parts) > 2:
            folder.chmod(folder.stat().st_mode | 0o011)
    process = Process(user="nobody", nice=3, umask="077")
    text = (
        f'[ "$(id -u)" = {nobody.pw_uid} ] && [ "$(nice)" = 3 ] && [ "$(umask)" = 0077 ] && [ "$(pwd)" = "{tmp_path}" ]'
    )
    assert await asked(prober, script(text), work(tmp_path, process)) == WELL
    (tmp_path / "closed").mkdir(mode=0o700)
    found = await asked(prober, script("true"), work(tmp_path, Process(user="nobody", working_dir="closed")))
    assert "cannot run in the working directory" in found.text
