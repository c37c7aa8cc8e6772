"""Signals by the thousand: those that mean nothing end nothing, and those that end the daemon end it once and well."""

from __future__ import annotations

import random
import signal
import subprocess
from contextlib import suppress

import pytest

from tests.chaos.scenes import EACH_SECOND, ask, ended, said, slots, started, unbroken
from tests.chaos.site import Site, until
from tests.faults import fault
from tests.seeds import seed_of

pytestmark = pytest.mark.slow
MEANINGLESS = (signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGPIPE, signal.SIGWINCH)
ENDING = (signal.SIGTERM, signal.SIGINT)
CONFIG = EACH_SECOND + '[tasks.long]\nrun = "read word <gate; exit 9"\n'


def storm(
    process: subprocess.Popen[bytes], dice: random.Random, numbers: tuple[signal.Signals, ...], count: int
) -> None:
    """Send that many, as fast as they go."""
    with suppress(ProcessLookupError):
        for _ in range(count):
            process.send_signal(dice.choice(numbers))


@fault("F50")
def test_signals_that_mean_nothing_end_nothing(site: Site) -> None:
    site.configure(CONFIG)
    dice, process = random.Random(seed_of("signals")), started(site)
    assert until(lambda: len(slots(site)) >= 1, 20)
    for _ in range(20):
        storm(process, dice, MEANINGLESS, 500)
        assert process.poll() is None, said(site)
    count = len(slots(site))
    assert until(lambda: len(slots(site)) >= count + 2, 20)
    assert unbroken(slots(site))
    assert site.end(process) == 0
    assert "Traceback" not in said(site)


@fault("F50")
def test_a_storm_ends_it_once_and_well_at_whatever_moment_and_leaves_the_work(site: Site) -> None:
    site.configure(CONFIG)
    (site.folder / "gate").unlink(missing_ok=True)
    subprocess.run(["mkfifo", str(site.folder / "gate")], check=True)  # noqa: S607 - as everywhere
    dice = random.Random(seed_of("signals"))
    first = started(site)
    number = ask(site, "long")
    assert until(lambda: len(site.alive()) >= 1, 20)
    for turn in range(4):
        process = first if not turn else started(site)
        while process.poll() is None:
            storm(process, dice, (*ENDING, *MEANINGLESS), 50)
        assert process.returncode == 0, said(site)
    words = said(site)
    assert (words.count("polysync ends"), words.count("polysync ended")) == (4, 4)
    assert "Traceback" not in words
    last = started(site)
    (site.folder / "gate").write_text("")
    assert ended(site, number)["exit_code"] == 9
    assert site.end(last) == 0
