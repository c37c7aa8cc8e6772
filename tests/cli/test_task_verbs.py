"""Words about tasks, their schedules and their runs at the command line, beside a real daemon."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from polysync.cli.reasons import AHEAD, BLOCKERS, LACKS, REASONS, STANDS, standing_sentence
from polysync.domain.run import REASONS as ENDS
from polysync.domain.run import Blocker, Lack, Reason, State
from tests.cli.asking import Asking, asking, tasks_daemon, terminal_in
from tests.cli.terminal import Terminal


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with tasks_daemon(tmp_path_factory.mktemp("tasks")) as folder:
        yield folder


@pytest.fixture
def here(folder: Path) -> Terminal:
    return terminal_in(folder)


@pytest.fixture
def api(folder: Path) -> Iterator[Asking]:
    with asking(folder) as opened:
        yield opened


def test_pause_and_resume_tell_when_it_goes_on(here: Terminal, api: Asking) -> None:
    until = here.now + timedelta(days=2)
    paused = here.polysync("pause", "backup", "--until", "+2d", "--reason", "new disks")
    assert paused.status == 0
    assert f"paused until {until:%Y-%m-%d %H:%M:%S}" in paused.out
    assert "new disks" in paused.out

    found = api.get("tasks/backup")
    assert (found["paused"], found["pause_reason"]) == (True, "new disks")
    assert found["paused_by"]
    assert found["next_at"] > found["paused_until"]
    slots = api.get("tasks/backup/next?n=4")["items"]
    assert [one["reason"] for one in slots[:2]] == ["paused", "paused"]
    assert slots[3]["runs"]
    assert "the task is paused" in here.polysync("why", "backup", slots[0]["at"]).out

    assert here.polysync("resume", "back", "--json").status == 3  # it could be two
    both = here.polysync("resume", "backup*", "--json").data["items"]
    assert [(one["name"], one["paused"]) for one in both] == [("backup", False), ("backup-far", False)]
    assert "is over already" in api.refused("POST", "tasks/backup/pause", 422, until="2020-01-01T00:00:00Z")


def test_skip_next_counts_and_is_told(here: Terminal, api: Asking) -> None:
    slots = [one["at"] for one in api.get("tasks/backup-far/next?n=3")["items"]]
    assert "skips the next one" in here.polysync("skip-next", "backup-far").out
    assert "skips the next 2" in here.polysync("skip-next", "backup-far").out
    assert api.get("tasks/backup-far")["next_at"] == slots[2]
    why = here.polysync("why", "backup-far", slots[1])
    assert "will not run" in why.out
    assert AHEAD["skip_next"] in why.out
    assert "it will run" in here.polysync("why", "backup-far", slots[2]).out

    mixed = here.polysync("skip-next", "backup-far", "deploy", "--json")
    assert (mixed.status, mixed.data["error"]["message"]) == (4, "deploy has no schedule")
    assert [one["name"] for one in mixed.data["items"]] == ["backup-far"]


def test_several_refusals_are_all_told(here: Terminal) -> None:
    said = here.polysync("skip-next", "deploy", "letter")
    assert said.status == 4
    assert "deploy has no schedule" in said.err
    assert "letter has no schedule" in said.err


def test_names_are_guessed_at(here: Terminal) -> None:
    assert 'did you mean "backup"' in here.polysync("pause", "bakup").err
    assert here.polysync("pause", "bakup").status == 3
    ambiguous = here.polysync("pause", "l")
    assert (ambiguous.status, "letter, long" in ambiguous.err) == (3, True)
    assert "polysync tasks --all" in here.polysync("pause", "x*").err
    assert here.polysync("pause", "").status == 3


def test_tasks_in_a_table(here: Terminal, api: Asking) -> None:
    api.ended("report", parameters={"day": "bad"})
    api.ended("report")
    here.columns = 200
    said = here.polysync("tasks")
    (line,) = [line for line in said.lines if line.startswith("report ")]
    assert "✓ succeeded" in line
    assert "✗·" in line
    assert said.lines[0] == "Nightly"
    assert not any(line.startswith("secret") for line in said.lines)
    assert [line.split()[0] for line in here.polysync("tasks", "sec").lines] == ["Task", "secret"]
    assert here.polysync("tasks", "nothing-like-it").err.strip() == "no task is like that"
    names = [one["name"] for one in here.polysync("tasks", "--group", "Nightly", "--json").data["items"]]
    assert names == ["backup", "backup-far"]


def test_tasks_fit_a_narrow_terminal(here: Terminal) -> None:
    here.polysync("pause", "long", "--reason", "because " * 20)
    here.columns, here.charset = 80, "ascii"
    lines = here.polysync("tasks").lines
    here.polysync("resume", "long")
    assert max(map(len, lines)) <= 80
    assert any("paused" in line for line in lines if line.startswith("long"))


def test_approve_deny_and_request_changes(here: Terminal, api: Asking) -> None:
    first = api.post("tasks/deploy/run")["id"]
    why = here.polysync("why", str(first)).out
    assert "a person has to agree" in why
    assert "something else" not in why
    approved = here.polysync("approve", str(first), "--comment", "fine")
    assert (approved.status, f"run {first}  deploy" in approved.out) == (0, True)
    assert api.until(first, "succeeded")["comment"] == "fine"
    assert "with the comment: fine" in here.polysync("why", str(first)).out
    assert "comment         fine" in here.polysync("run", str(first)).lines

    second = api.post("tasks/deploy/run")["id"]
    held = api.post("tasks/deploy/run", hold=True)["id"]  # newer, and does not wait for anybody's word yet
    denied = here.polysync("deny", "deploy", "--json").data["items"][0]
    assert (denied["id"], denied["state"], denied["end_reason"]) == (second, "failed", "denied")
    api.post(f"runs/{held}/stop")
    again = here.polysync("deny", str(second))
    assert (again.status, "is over" in again.err) == (4, True)
    assert here.polysync("approve", "999").status == 3

    letter = api.post("tasks/letter/run")["id"]
    api.until(letter, "waiting")
    assert here.polysync("request-changes", "letter", "--comment", "shorter").status == 0
    for _ in range(2000):
        if api.get(f"runs/{letter}")["attempt"] == 2:
            break
    api.until(letter, "waiting")
    assert here.polysync("request-changes", "letter").status == 4
    assert here.polysync("approve", "letter").status == 0
    assert api.until(letter, "succeeded")["attempt"] == 2
    assert "draft shorter" in here.polysync("logs", str(letter), "--attempt", "2").out


def test_rerun_has_the_parameters_and_the_tags_of_the_run_before(here: Terminal, api: Asking) -> None:
    before = api.ended("report", parameters={"day": "bad"}, tags={"asked-by": "ada"}, correlation_id="together")
    made = here.polysync("rerun", str(before["id"]), "--json").data
    assert (made["rerun_of"], made["trigger"], made["tags"]) == (before["id"], "rerun", {"asked-by": "ada"})
    assert made["parameters"] == {"day": "bad", "key": "***"}
    assert made["correlation_id"] == "together"
    assert api.until(made["id"], "failed")["exit_code"] == 1

    followed = here.polysync("rerun", "report", "-p", "day=good", "--tag", "why=again", "--follow")
    assert (followed.status, followed.out) == (0, "good for *******\n")  # masked in its log, and there in its work
    newest = api.get("runs?task=report&limit=1")["items"][0]
    assert (newest["rerun_of"], newest["tags"]) == (made["id"], {"asked-by": "ada", "why": "again"})
    api.until(int(here.polysync("rerun", str(before["id"])).out), "failed")
    assert here.polysync("rerun", "report", "-p", "dya=x").status == 2


def test_archived_runs_leave_the_lists(here: Terminal, api: Asking) -> None:
    run = api.ended("here")["id"]
    assert here.polysync("archive", str(run)).status == 0
    assert api.get(f"runs/{run}")["archived"] is True

    def shown(*words: str) -> bool:
        items = here.polysync("runs", "--task", "here", "--json", *words).data["items"]
        return run in [one["id"] for one in items]

    assert not shown()
    assert shown("--archived")
    assert here.polysync("archive", str(run), "--undo").status == 0
    assert shown()
    assert here.polysync("archive", "999").status == 3


def test_why_tells_the_end_of_a_run(here: Terminal, api: Asking) -> None:
    run = api.ended("here")["id"]
    assert REASONS["exit_code"] in here.polysync("why", str(run)).out
    assert here.polysync("why", str(run), "--json").data["state"] == "failed"
    held = here.polysync("exec", "here", "--hold").out.strip()
    assert STANDS["held"] in here.polysync("why", "here").out
    later = here.polysync("exec", "here", "--at", "+1h", "--detach").out.strip()
    assert "due " in here.polysync("why", later).out
    here.polysync("stop", held, later)


def test_why_tells_of_days_and_of_times_without_a_slot(here: Terminal, api: Asking) -> None:
    tomorrow = here.polysync("why", "shy", "tomorrow")
    assert [line.split()[1] for line in tomorrow.lines if not line.startswith(" ")] == ["04:00:00"]
    none = here.polysync("why", "shy", f"{here.now + timedelta(days=1):%Y-%m-%d}", "12:34")
    assert "no slot then" in none.out
    assert "the slot after:" in none.out
    unknown = here.polysync("why", "shy", "2020-01-05")
    assert "nothing is written down" in unknown.out
    assert (
        "it has no schedule" in here.polysync("why", "deploy", "now").out
        or "has no schedule" in here.polysync("why", "deploy", "now").out
    )
    assert "deploy has no schedule" in here.polysync("why", "deploy", "today").out
    assert here.polysync("why", "12", "today").status == 2
    assert here.polysync("why", "shy", "someday").status == 2
    data = here.polysync("why", "shy", "tomorrow", "--json").data
    assert [one["fate"] for one in data["items"]] == ["coming"]
    assert "until" in api.refused("GET", "tasks/shy/slots?at=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", 422)
    assert api.get("tasks/shy/slots?at=2020-01-01T00:00:00Z&until=2024-01-01T00:00:00Z")["more"] is True
    assert "calendar" in api.refused("GET", "tasks/shy/slots?at=0001-01-01T00:00:00Z", 422)


def test_test_runs_it_as_the_scheduler_would_and_shows_the_differences(here: Terminal, folder: Path) -> None:
    here.env |= {"SHELL": "/bin/zsh", "PATH": "/only/here", "MINE": "1"}
    said = here.polysync("test", "here", "--as-scheduled")
    assert said.status == 4
    assert "here: set" in said.out
    assert str(folder) in said.out
    for words in ("umask", "027", "/only/here", "MINE", "HERE", "terminal"):
        assert words in said.err, words
    assert (
        here.polysync("runs", "--tag", "test=as-scheduled", "--limit", "1", "--json").data["items"][0]["task"] == "here"
    )

    data = here.polysync("test", "here", "--as-scheduled", "--json")
    assert (data.status, data.data["run"]["exit_code"]) == (4, 4)
    assert data.data["differences"]["umask"]["task"] == "027"
    dry = here.polysync("test", "here", "--as-scheduled", "--dry-run", "--json")
    assert (dry.status, dry.data["run"]) == (0, None)
    assert dry.data["conditions"]["variables"]["HERE"] is None


def test_test_says_why_it_could_not(here: Terminal) -> None:
    assert here.polysync("test", "here").status == 2
    shy = here.polysync("test", "shy", "--as-scheduled")
    assert (shy.status, "API triggering disabled for this task" in shy.err) == (125, True)
    assert here.polysync("test", "heer", "--as-scheduled").status == 125


def test_top_looks_once_where_nobody_watches(here: Terminal, api: Asking) -> None:
    run = api.post("tasks/long/run")["id"]
    api.until(run, "running")
    here.columns = 80
    said = here.polysync("top")
    assert said.status == 0
    assert max(map(len, said.lines)) <= 80
    assert "1 running" in said.out
    rows = [line.split() for line in said.lines[4:]]
    assert (rows[0][0], rows[0][1]) == (str(run), "long")  # what runs stands above what ended
    data = here.polysync("top", "--json").data
    assert data["runs"][0]["id"] == run
    assert data["status"]["runs"]["running"] == 1
    twice = here.polysync("top", "-n", "2", "--every", "1ms")
    assert twice.out.count("polysync 0") == 2
    assert here.polysync("top", "--every", "soon").status == 2
    api.post(f"runs/{run}/stop")


def test_every_reason_has_its_sentence() -> None:
    assert {*REASONS} == {reason.value for reason in Reason}
    assert {*LACKS} == {lack.value for lack in Lack}
    assert {*BLOCKERS} == {blocker.value for blocker in Blocker}
    assert {*AHEAD} <= {*REASONS}
    for state in State:
        reason = next(iter(ENDS.get(state, ())), None)
        assert standing_sentence({"state": state.value, "end_reason": reason}), state
