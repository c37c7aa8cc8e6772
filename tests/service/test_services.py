"""Services from outside: real daemons, real processes, and every way in which either of them may go."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from polysync.api.client import Client
from polysync.cli.outpour import data_of
from polysync.daemon.inbox import Asked
from polysync.daemon.minutes import minute
from polysync.domain.effects import Answer
from polysync.domain.inputs import SetService
from polysync.domain.values import Role
from polysync.ports import Asker
from tests.adapters_local.waiting_for import until_now
from tests.faults import fault
from tests.service.daemons import READY, Daemon, daemon

HOLD = "while :; do sleep 0.05; done"  # obeys TERM
QUICK = 'restart_delay = "50ms"\ngraceful_stop = "5s"\n'


class Place:
    """A folder with a configuration, whoever serves it now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "polysync.toml"

    def write(self, text: str) -> None:
        """Another configuration."""
        self.config.write_text(text)

    @contextmanager
    def served(self, *, leave: bool = False) -> Iterator[Daemon]:
        """A daemon that is ready."""
        with daemon(self.folder, leave=leave) as running:
            running.until(READY)
            yield running

    def ask(self, method: str, target: str) -> Any:
        """What the daemon answers."""
        with Client(str(self.folder / ".polysync" / "polysync.sock")) as client:
            answer = client.request(method, target, b"{}" if method == "POST" else None)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def services(self) -> Mapping[str, Mapping[str, Any]]:
        """Every service as it stands, by name."""
        return {one["name"]: one for one in self.ask("GET", "/api/services")["items"]}

    def say(self, name: str, word: str) -> None:
        """An operator's word."""
        self.ask("POST", f"/api/services/{name}/{word}")

    def pids(self, name: str) -> list[int]:
        """The processes of a service, once those of all that run are stored."""
        found = self.until(name, lambda one: all(life["pid"] for life in one["instances"] if life["since"]))
        return [life["pid"] for life in found["instances"] if life["pid"]]

    def until(self, name: str, holds: Callable[[Mapping[str, Any]], object]) -> Mapping[str, Any]:
        """A service once something holds of it."""
        found: list[Mapping[str, Any]] = []

        def look() -> bool:
            found[:] = [self.services()[name]]
            return bool(holds(found[0]))

        try:
            until_now(look)
        except TimeoutError:
            raise AssertionError(f"never came to be: {found}") from None
        return found[0]

    def until_state(self, name: str, state: str) -> Mapping[str, Any]:
        """A service once it is in a state."""
        return self.until(name, lambda one: one["state"] == state)

    def said(self, name: str) -> list[str]:
        """The lines of a file that services write."""
        file = self.folder / name
        return file.read_text().split("\n")[:-1] if file.exists() else []

    def until_said(self, name: str, *lines: str) -> None:
        """Wait until a file that services write holds these lines, in any order, and no other."""
        try:
            until_now(lambda: sorted(self.said(name)) == sorted(lines))
        except TimeoutError:
            raise AssertionError(f"{self.said(name)}, and not {lines}") from None


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def service(name: str, run: str = HOLD, more: str = "") -> str:
    return f"[services.{name}]\nrun = '''echo {name} >> began; {run}'''\n{QUICK}{more}\n"


@pytest.mark.parametrize(
    ("request_", "verb"),
    [
        (SetService("web", up=True), "service start"),
        (SetService("web", up=False), "service stop"),
        (SetService("web", up=True, restart=True), "service restart"),
    ],
)
async def test_an_operators_word_is_kept_in_the_audit(request_: SetService, verb: str) -> None:
    asked = Asked(request_, Asker("anna", Role.OPERATOR), asyncio.get_running_loop().create_future())
    kept = minute(asked, Answer("key"), datetime(2026, 6, 10, tzinfo=UTC))
    assert (kept.actor, kept.verb, kept.subject, kept.outcome) == ("anna", verb, "service web", "done")


# ---- what is up, and stays so


@fault("F3")
@pytest.mark.slow
def test_it_outlives_its_daemon_and_is_never_started_twice(place: Place) -> None:
    place.write(service("web") + service("lazy", more="autostart = false"))
    with place.served(leave=True) as first:
        place.until_state("web", "running")
        assert place.services()["lazy"]["state"] == "stopped"
        pids = place.pids("web")
        first.process.kill()
    assert all(map(lives, pids))
    with place.served(leave=True) as second:
        assert place.until_state("web", "running")["instances"][0]["restarts"] == 0
        assert place.pids("web") == pids
        assert second.end() == 0
    with place.served():
        place.until_state("web", "running")
        assert place.pids("web") == pids
        place.say("web", "stop")
        place.until_state("web", "stopped")
        assert not any(map(lives, pids))
    assert place.said("began") == ["web"]


@pytest.mark.slow
def test_an_operators_word_holds_over_restarts(place: Place) -> None:
    place.write(service("web") + service("lazy", more="autostart = false"))
    with place.served(leave=True) as first:
        place.until_state("web", "running")
        place.until_said("began", "web")
        place.say("web", "stop")
        place.say("lazy", "start")
        place.until_state("web", "stopped")
        place.until_state("lazy", "running")
        place.until_said("began", "lazy", "web")
        first.process.kill()
    with place.served():
        assert place.until_state("lazy", "running")["wanted"]
        assert (place.services()["web"]["state"], place.services()["web"]["why"]) == ("stopped", "stopped")
        place.say("web", "start")
        place.until_state("web", "running")
        place.until_said("began", "lazy", "web", "web")


@pytest.mark.slow
def test_one_that_dies_is_up_again_whether_somebody_looks_or_not(place: Place) -> None:
    place.write(service("web"))
    with place.served(leave=True) as first:
        place.until_state("web", "running")
        one = place.pids("web")[0]
        place.until_said("began", "web")
        os.killpg(one, signal.SIGKILL)
        place.until("web", lambda found: found["instances"][0]["restarts"] == 1 and found["state"] == "running")
        until_now(lambda: place.pids("web") not in ([], [one]))
        (two,) = place.pids("web")
        place.until_said("began", "web", "web")
        first.process.kill()
        first.process.wait()
    os.killpg(two, signal.SIGKILL)
    with place.served():
        place.until("web", lambda found: found["instances"][0]["restarts"] == 2 and found["state"] == "running")
        until_now(lambda: len({one, two, *place.pids("web")}) == 3)
        place.until_said("began", "web", "web", "web")


@pytest.mark.slow
def test_what_fails_again_and_again_is_given_up_until_somebody_wants_it(place: Place) -> None:
    more = "restart_attempts = 4\nrestart_max_delay = '200ms'"
    place.write(service("bad", "exit 3", more) + service("once", "exit 0", "restart = 'on_failure'"))
    with place.served() as running:
        place.until_state("bad", "fatal")
        found = place.until("bad", lambda one: one["instances"][0]["exit_code"] == 3)["instances"][0]
        assert (found["state"], found["failures"], found["next_start_at"]) == ("fatal", 4, None)
        running.until("service.fatal")
        assert place.until_state("once", "ended")["instances"][0]["restarts"] == 0
        until_now(lambda: all(one["ended_at"] for one in place.ask("GET", "/api/runs?task=bad")["items"]))
        lives_of_it = place.ask("GET", "/api/runs?task=bad")["items"][::-1]
        starts = [one["created_at"] for one in lives_of_it]
        ends = [one["ended_at"] for one in lives_of_it]
        waits = [after(starts[number + 1], ends[number]) for number in range(3)]
        assert [wait >= least for wait, least in zip(waits, (0.05, 0.1, 0.2), strict=True)] == [True] * 3
        assert {one["trigger"] for one in lives_of_it} == {"service"}
        place.say("bad", "start")
        place.until("bad", lambda one: one["instances"][0]["run_id"] > lives_of_it[-1]["id"])
        place.until_state("bad", "fatal")
    assert place.said("began").count("bad") == 8
    assert place.said("began").count("once") == 1


def after(later: str, earlier: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


# ---- health


def free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port: int = line.getsockname()[1]
        return port


@pytest.mark.slow
def test_one_that_is_not_well_gets_another_life(place: Place) -> None:
    """A real server, asked over HTTP; the page it is asked for goes away."""
    port = free_port()
    server = f"touch up; exec {sys.executable} -m http.server --bind 127.0.0.1 {port}"
    check = f'health_check = {{ http = "http://127.0.0.1:{port}/up", every = "1s", retries = 1 }}'
    place.write(service("web", server, check) + service("app", more='depends_on = "web"'))
    with place.served(leave=True) as first:
        assert place.services()["app"]["waits_for"] == ["web"]
        place.until("web", lambda one: one["instances"] and one["instances"][0]["well"])
        place.until_state("app", "running")
        before = place.pids("web")
        first.process.kill()
    with place.served():  # adopted, it is looked at again
        place.until("web", lambda one: one["instances"] and one["instances"][0]["well"])
        assert place.pids("web") == before
        (place.folder / "up").unlink()
        ill = place.until("web", lambda one: one["instances"][0]["well"] is False)
        assert (ill["state"], ill["instances"][0]["state"]) == ("degraded", "unwell")
        assert ill["instances"][0]["text"] == "it answers 404"
        place.until("web", lambda one: one["instances"][0]["restarts"] == 1 and one["instances"][0]["well"])
        assert place.pids("web") != before
        ended = place.ask("GET", "/api/runs?task=web&limit=2")["items"][1]
        assert (ended["state"], ended["end_reason"]) == ("failed", "unhealthy")
        assert ended["messages"] == [{"code": "unhealthy", "text": "it answers 404", "error": True}]


@pytest.mark.slow
def test_a_check_may_be_a_command_that_knows_what_the_service_knows(place: Place) -> None:
    check = (
        'env = { WHO = "me" }\nworking_dir = "sub"\n'
        'health_check = { run = "test $WHO$POLYSYNC_INSTANCE = me1 && test -e here", every = "1s" }'
    )
    (place.folder / "sub").mkdir()
    place.write(service("web", f"touch here; {HOLD}", check))
    with place.served():
        assert place.until("web", lambda one: one["instances"] and one["instances"][0]["well"])["check"] == "run"


# ---- order


ORDER = "trap 'sleep 0.2; echo {0} >> gone; exit' TERM; echo {0} >> order;" + HOLD


def quoted(script: str) -> str:
    return json.dumps(script)


@pytest.mark.slow
def test_they_start_and_stop_in_the_order_of_their_needs(place: Place) -> None:
    def ordered(name: str, *needs: str) -> str:
        return f"[services.{name}]\nrun = {quoted(ORDER.format(name))}\ndepends_on = {json.dumps(needs)}\n"

    section = '[daemon]\non_shutdown = "stop"\n'
    place.write(section + ordered("app", "db", "cache") + ordered("cache", "db") + ordered("db"))
    with place.served() as running:
        place.until_state("app", "running")
        pids = [pid for name in ("app", "cache", "db") for pid in place.pids(name)]
        until_now(lambda: len(place.said("order")) == 3)  # now all of them hear a signal
        assert begun(place) == ["db", "cache", "app"]
        assert running.end() == 0
        assert not any(map(lives, pids))
    assert place.said("gone") == ["app", "cache", "db"]
    with place.served():  # they were stopped for the daemon's sake, and nobody wants them down
        place.until_state("app", "running")
        until_now(lambda: len(place.said("order")) == 6)
        assert begun(place) == ["db", "cache", "app"]


def begun(place: Place) -> list[str]:
    """The services in the order in which they began."""
    return sorted(place.services(), key=lambda name: str(place.services()[name]["instances"][0]["since"]))


@pytest.mark.slow
def test_what_does_not_stop_in_time_is_left_and_ended_by_the_next_daemon(place: Place) -> None:
    stubborn = quoted(f"trap '' TERM; echo up >> order; {HOLD}")
    section = '[daemon]\non_shutdown = "stop"\nshutdown_timeout = "300ms"\n'
    place.write(section + f"[services.web]\nrun = {stubborn}\ngraceful_stop = '1500ms'\n")
    with place.served(leave=True) as first:
        place.until_state("web", "running")
        until_now(lambda: place.said("order"))
        before = place.pids("web")
        assert first.end() == 0
    assert all(map(lives, before))
    with place.served():
        place.until("web", lambda one: one["state"] == "running" and one["instances"][0]["run_id"] == 2)
        assert not any(map(lives, before))
        assert place.pids("web") != before


# ---- instances, and a file that changes


@pytest.mark.slow
def test_every_instance_knows_its_number_and_their_count_may_change(place: Place) -> None:
    def written(count: int) -> str:
        return service("web", f"echo $POLYSYNC_INSTANCE >> numbers; {HOLD}", f"instances = {count}")

    place.write(written(3))
    with place.served() as running:
        place.until_state("web", "running")
        until_now(lambda: sorted(place.said("numbers")) == ["1", "2", "3"])
        one, two, three = place.pids("web")
        assert [found["number"] for found in place.services()["web"]["instances"]] == [1, 2, 3]
        place.write(written(1))
        running.process.send_signal(signal.SIGHUP)
        until_now(lambda: place.pids("web") == [one])
        until_now(lambda: not lives(two) and not lives(three))
        place.write(written(2))
        running.process.send_signal(signal.SIGHUP)
        until_now(lambda: len(place.pids("web")) == 2)
        assert place.pids("web")[0] == one


@pytest.mark.slow
def test_a_changed_file_touches_only_what_it_changes(place: Place) -> None:
    place.write(service("same") + service("other", f": old; {HOLD}", "instances = 2") + service("gone"))
    with place.served() as running:
        for name in ("same", "other", "gone"):
            place.until_state(name, "running")
        place.until_said("began", "same", "other", "other", "gone")
        same, other, gone = (place.pids(name) for name in ("same", "other", "gone"))
        place.write(
            service("same", more="title = 'Another title'")
            + service("other", f": new; {HOLD}", "instances = 2")
            + service("new")
        )
        running.process.send_signal(signal.SIGHUP)
        place.until("other", lambda one: one["state"] == "running" and not set(place.pids("other")) & set(other))
        until_now(lambda: "new" in place.services() and place.services()["new"]["state"] == "running")
        assert place.pids("same") == same
        assert place.services()["same"]["title"] == "Another title"
        until_now(lambda: "gone" not in place.services())
        assert not any(map(lives, (*gone, *other)))
        place.until_said("began", "same", *["other"] * 4, "gone", "new")


@pytest.mark.slow
def test_its_output_goes_on_over_an_upgrade(place: Place) -> None:
    """A new daemon on the home: what the service says before, meanwhile and afterwards is in one log."""
    place.write(service("web", "n=0; while :; do n=$((n+1)); echo line $n; sleep 0.05; done"))
    with place.served(leave=True) as first:
        place.until_state("web", "running")
        assert first.end() == 0
    with place.served():
        life = place.services()["web"]["instances"][0]
        until_now(lambda: len(output(place, life["log"])) > 20)
        found = output(place, life["log"])
        assert found == [f"line {number}" for number in range(1, len(found) + 1)]


def output(place: Place, log: str) -> list[str]:
    with Client(str(place.folder / ".polysync" / "polysync.sock")) as client:
        body = client.request("GET", log, None, {"Accept": "application/x-ndjson"}).body
    return b"".join(data_of(json.loads(line)) for line in body.splitlines()).decode().splitlines()
