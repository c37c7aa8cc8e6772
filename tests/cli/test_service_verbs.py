"""`polysync service` and `polysync services`, beside a real daemon, and their tables by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from polysync.cli.service import in_order
from polysync.cli.services import note_on, state_cell
from polysync.clock import SystemClock
from polysync.domain.render import ASCII, UNICODE
from tests.adapters_local.waiting_for import until_now
from tests.cli.terminal import Terminal
from tests.service.daemons import READY, daemon

pytestmark = pytest.mark.slow

HOLD = "while :; do sleep 0.05; done"
SERVICES = f"""
[services.web]
run = "{HOLD}"
[services.worker]
run = "{HOLD}"
instances = 2
[services.work-log]
run = "{HOLD}"
autostart = false
[services.bad]
run = "exit 3"
autostart = false
restart_delay = "60s"
[services.shy]
run = "{HOLD}"
unlisted = true
[services.off]
run = "true"
enabled = false
[services.ill]
run = "{HOLD}"
autostart = false
health_check = {{ run = "echo no; exit 4", every = "1s", retries = 50 }}
[services.needy]
run = "{HOLD}"
autostart = false
depends_on = "bad"
[services.stubborn]
run = "trap '' TERM; {HOLD}"
graceful_stop = "60s"
autostart = false
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("services")
    with daemon(folder, config=SERVICES) as running:
        running.until(READY)
        yield folder


@pytest.fixture
def here(folder: Path) -> Terminal:
    terminal = Terminal(folder)
    terminal.now = SystemClock().read().wall
    return terminal


def states(here: Terminal) -> dict[str, str]:
    return {one["name"]: one["state"] for one in here.polysync("services", "--all", "--json").data["items"]}


def one(here: Terminal, name: str) -> dict[str, Any]:
    return next(one for one in here.polysync("services", "--all", "--json").data["items"] if one["name"] == name)


def up(here: Terminal, *names: str) -> None:
    """Wait until they run."""
    until_now(lambda: all(states(here)[name] == "running" for name in names))


def test_they_are_listed_in_a_table_that_fits(here: Terminal) -> None:
    up(here, "web", "worker")
    here.columns = 80
    said = here.polysync("services")
    assert said.status == 0
    assert said.lines[0].split() == ["Service", "State", "For", "Run", "Pid", "Restarts", "Note"]
    assert all(len(line) <= 80 for line in said.lines)
    rows = {line.split()[0]: line for line in said.lines[1:]}
    assert {"web", "worker/1", "worker/2", "off", "bad"} <= rows.keys()
    assert "shy" not in rows
    assert "✓ running" in rows["web"]
    assert "enabled = false" in rows["off"]
    assert here.polysync("service", "list").out == said.out
    assert "shy" in here.polysync("service", "list", "--all").out


def test_a_word_is_carried_out_and_waited_for(here: Terminal) -> None:
    up(here, "web", "worker")
    said = here.polysync("service", "stop", "web", "worker", "--json")
    assert said.status == 0
    assert [(found["name"], found["state"]) for found in said.data["items"]] == [
        ("web", "stopped"),
        ("worker", "stopped"),
    ]
    said = here.polysync("service", "start", "we", "work*")
    assert said.status == 0
    assert [line.split()[0] for line in said.lines[1:]] == ["web", "work-log", "worker/1", "worker/2"]
    assert all("running" in line for line in said.lines[1:])
    before = {found["number"]: found["run_id"] for found in one(here, "worker")["instances"]}
    said = here.polysync("service", "restart", "worker", "--json")
    assert said.status == 0
    after = {found["number"]: found["run_id"] for found in said.data["items"][0]["instances"]}
    assert after.keys() == before.keys()
    assert all(after[number] > before[number] for number in before)
    assert said.data["items"][0]["state"] == "running"
    assert here.polysync("service", "stop", "work-log", "-q").out == ""


def test_whoever_does_not_wait_is_told_at_once(here: Terminal) -> None:
    here.polysync("service", "start", "stubborn")
    said = here.polysync("service", "stop", "stubborn", "--no-wait", "--json")
    assert (said.status, said.data["items"][0]["state"]) == (0, "stopping")
    said = here.polysync("service", "stop", "stubborn", "--timeout", "200ms")
    assert said.status == 124
    assert "stopping" in said.out


def test_those_that_are_needed_come_first() -> None:
    needs = {"web": ["api", "db"], "api": ["cache", "db"], "db": [], "cache": ["db"], "odd": ["even"], "even": ["odd"]}
    assert in_order(["web", "api", "cache", "db"], needs) == ["db", "cache", "api", "web"]
    assert in_order(["web", "db"], needs) == ["db", "web"]  # also past one that is not meant
    assert in_order(["gone", "web"], needs) == ["gone", "web"]
    assert in_order(["odd", "even"], needs) == ["even", "odd"]


def test_stopped_together_they_stop_in_the_order_of_their_needs(tmp_path: Path) -> None:
    """By their names the one that others need would be the first."""
    slow = f"trap 'sleep 0.3; exit' TERM; {HOLD}"
    config = f"""
[services.base]
run = "{HOLD}"
[services.middle]
run = "{slow}"
depends_on = ["base"]
[services.top]
run = "{slow}"
depends_on = ["middle"]
"""
    with daemon(tmp_path, config=config) as running:
        running.until(READY)
        here = Terminal(tmp_path)
        up(here, "base", "middle", "top")
        assert here.polysync("service", "stop", "*").status == 0
        ended = {one["task"]: one["ended_at"] for one in here.polysync("runs", "--json").data["items"]}
    assert ended["top"] < ended["middle"] < ended["base"]


def test_one_that_ends_again_at_once_is_no_success(here: Terminal) -> None:
    said = here.polysync("service", "start", "bad")
    assert said.status == 1
    assert "backoff" in said.out
    assert "exit 3" in said.out
    assert "in 1m" in said.out or "in 59s" in said.out
    assert here.polysync("service", "stop", "bad").status == 0


def test_one_that_waits_for_another_is_not_waited_for(here: Terminal) -> None:
    said = here.polysync("service", "start", "needy")
    assert said.status == 0
    assert "waits for bad" in said.out
    assert here.polysync("service", "stop", "needy").status == 0


@pytest.mark.slow
def test_one_that_is_not_well_is_no_success(here: Terminal) -> None:
    said = here.polysync("service", "start", "ill")
    assert said.status == 1
    assert "unwell" in said.out
    assert "exit 4: no" in said.out
    assert here.polysync("service", "stop", "ill").status == 0


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("start", "wed"), 3, "did you mean web?"),
        (("stop", "x*"), 3, "no name matches"),
        (("stop", "w"), 3, "it could be"),
        (("start", "off"), 4, "off is disabled"),
        (("start", "web", "--timeout", "soon"), 2, "--timeout"),
        (("start",), 2, "NAME"),
        ((), 2, "polysync service --help"),
        (("strat", "web"), 2, "did you mean start?"),
        (("pause", "web"), 2, "has no part pause"),
    ],
)
def test_what_cannot_be_done_says_why(here: Terminal, words: tuple[str, ...], status: int, said: str) -> None:
    found = here.polysync("service", *words)
    assert found.status == status
    assert said in found.err


def test_those_that_can_be_are_done_also_where_others_refuse(here: Terminal) -> None:
    up(here, "web")
    found = here.polysync("service", "start", "off", "web", "--json")
    assert found.status == 4
    assert found.data["error"]["code"] == "conflict"
    assert [service["name"] for service in found.data["items"]] == ["web"]


def test_nobody_there_is_told(tmp_path: Path) -> None:
    assert Terminal(tmp_path).polysync("services").status == 5


def test_no_services_are_no_table(tmp_path: Path) -> None:
    with daemon(tmp_path, config='[tasks.t]\nrun = "true"\n') as running:
        running.until(READY)
        said = Terminal(tmp_path).polysync("services")
    assert (said.status, said.out, said.err) == (0, "", "no services\n")


def test_every_state_has_its_mark() -> None:
    found = {state: state_cell(state, UNICODE).text for state in ("running", "fatal", "stopped", "waiting")}
    assert found == {"running": "✓ running", "fatal": "✗ fatal", "stopped": "~ stopped", "waiting": "· waiting"}
    assert state_cell("running", ASCII).text == "+ running"


def described(**values: Any) -> Callable[..., str]:
    service = {"wanted": True, "why": "", "waits_for": [], "instances": [], **values}
    return lambda **found: note_on(service, found)


def test_a_note_says_what_else_there_is() -> None:
    plain = described()
    assert plain(state="running") == ""
    assert plain(state="waiting") == "waits for its turn, or for free disk"
    assert plain(state="backoff", exit_code=3, failures=2) == "exit 3; 2 fast failures"
    assert plain(state="backoff", exit_code=0, failures=1) == "1 fast failure"
    assert plain(state="backoff", signal="TERM") == "SIGTERM"
    assert plain(state="backoff", error="there is no user x") == "there is no user x"
    assert plain(state="unwell", well=False, text="exit 1:\nno") == "exit 1: no"
    assert plain(state="unwell", well=False, text="") == "its check fails"
    assert plain(state="running", trouble="the vault is closed") == "cannot be checked: the vault is closed"
    assert plain(state="running", outdated=True).startswith("gets its new definition")
    assert described(waits_for=["db", "mq"])(state="waiting") == "waits for db, mq"
    assert described(waits_for=["db"])(state="running") == ""
    assert described(wanted=False, why="removed")() == "no longer in the file"
