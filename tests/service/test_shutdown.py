"""The end of a daemon: what it leaves, what it stops, and that it never takes longer than it may."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from polysync.api.client import Client
from tests.chaos.scenes import ask, ended, run_of, said, started
from tests.chaos.site import Site, monotonic, until

pytestmark = pytest.mark.slow
DAEMON = '[daemon]\non_shutdown = "{how}"\nshutdown_timeout = "{budget}"\n'
TASKS = """\
[tasks.polite]
run = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done"
graceful_stop = "30s"
[tasks.stubborn]
run = "trap '' TERM; echo up; while :; do sleep 0.1; done"
graceful_stop = "{grace}"
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.clear()


def configure(site: Site, how: str, budget: str = "20s", grace: str = "60s") -> None:
    site.configure(DAEMON.format(how=how, budget=budget) + TASKS.format(grace=grace))


def begun(site: Site, task: str) -> int:
    """A run that is up: before it says so, it has no trap."""
    number = ask(site, task)
    assert until(lambda: _is_up(site, number), 20)
    return number


def _is_up(site: Site, number: int) -> bool:
    with Client(str(site.socket)) as client:
        return client.request("GET", f"/api/runs/{number}/log").body == b"up\n"


def test_what_is_left_goes_on_and_is_found_again(site: Site) -> None:
    configure(site, "detach", budget="0s")
    first = started(site)
    runs = [begun(site, "polite"), begun(site, "stubborn")]
    before = monotonic()
    assert site.end(first) == 0
    assert monotonic() - before < 5
    assert len(site.alive()) == 2
    second = started(site)
    assert [run_of(site, number)["state"] for number in runs] == ["running"] * 2
    assert site.end(second) == 0


def test_what_is_stopped_gets_its_grace_and_ends_for_that_reason(site: Site) -> None:
    configure(site, "stop", grace="500ms")
    first = started(site)
    polite, stubborn = begun(site, "polite"), begun(site, "stubborn")
    before = monotonic()
    assert site.end(first) == 0
    assert monotonic() - before < 10
    assert not site.alive()
    second = started(site)
    for number in (polite, stubborn):
        run = run_of(site, number)
        assert (run["state"], run["end_reason"]) == ("cancelled", "shutdown"), run
    assert site.end(second) == 0


def test_the_budget_ends_the_patience_and_the_stop_goes_on_at_the_next_start(site: Site) -> None:
    configure(site, "stop", budget="1s", grace="3s")
    first = started(site)
    number = begun(site, "stubborn")
    before = monotonic()
    assert site.end(first) == 0
    assert 0.9 < monotonic() - before < 8
    second = started(site)
    run = ended(site, number)
    assert (run["state"], run["end_reason"]) == ("cancelled", "shutdown"), run
    assert not site.alive()
    assert site.end(second) == 0


def test_whoever_insists_does_not_wait_for_the_budget(site: Site) -> None:
    configure(site, "stop", budget="1h", grace="1h")
    first = started(site)
    begun(site, "stubborn")
    first.send_signal(signal.SIGTERM)
    assert until(lambda: "polysync ends" in said(site), 20)
    before = monotonic()
    assert site.end(first) == 0
    assert monotonic() - before < 8
