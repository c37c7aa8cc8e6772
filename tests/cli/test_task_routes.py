"""Tasks and what stands around them over the API, beside a real daemon."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.asking import TASKS, Asking, asking, tasks_daemon, terminal_in
from tests.cli.terminal import Terminal
from tests.service.daemons import READY, daemon

pytestmark = pytest.mark.slow


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


def test_tasks_are_listed_by_name_and_sieved(api: Asking) -> None:
    everything = [one["name"] for one in api.get("tasks?all=1")["items"]]
    assert everything == sorted(everything)
    assert {"secret", "backup"} <= {*everything}
    assert "base" not in everything
    for query, wanted in {
        "": [name for name in everything if name != "secret"],
        "?match=backup*": ["backup", "backup-far"],
        "?match=backup": ["backup"],
        "?match=secret": [],
        "?group=Night*": ["backup", "backup-far"],
        "?group=Night": [],
        "?tag=team": ["backup"],
        "?tag=team=ops": ["backup"],
        "?tag=team=dev": [],
        "?tag=night=": ["backup"],
    }.items():
        assert [one["name"] for one in api.get(f"tasks{query}")["items"]] == wanted, query


def test_pages_of_tasks_follow_one_another(api: Asking) -> None:
    names: list[str] = []
    cursor = ""
    while True:
        page = api.get(f"tasks?limit=3{cursor}")
        names += [one["name"] for one in page["items"]]
        if page["next"] is None:
            break
        assert len(page["items"]) == 3
        cursor = f"&cursor={page['next']}"
    assert names == [one["name"] for one in api.get("tasks")["items"]]


def test_a_task_tells_its_last_run_and_how_it_did(api: Asking) -> None:
    good, bad = api.ended("report"), api.ended("report", parameters={"day": "bad"})
    found = api.get("tasks/report")
    assert (good["state"], bad["state"]) == ("succeeded", "failed")
    assert (found["last"]["id"], found["last"]["state"], found["last"]["end_reason"]) == (
        bad["id"],
        "failed",
        "exit_code",
    )
    assert found["outcomes"][-2:] == ["succeeded", "failed"]
    assert found["last"]["duration"] >= 0
    assert found["last_success_at"] is not None
    listed = api.get("tasks?match=report")["items"][0]
    assert listed == {name: value for name, value in found.items() if name != "definition"}

    stats = api.get("tasks/report/stats?window=1h")
    assert stats["counts"] == {"succeeded": 1, "failed": 1}
    assert (stats["success_rate"], stats["rows"], stats["complete"]) == (0.5, 2, True)
    assert stats["duration"]["max"] >= stats["duration"]["p50"] > 0
    assert api.get("tasks/after/stats")["success_rate"] in {None, 1.0}


def test_a_run_under_way_is_told_as_it_is(api: Asking) -> None:
    first, second = api.post("tasks/long/run"), api.post("tasks/long/run")
    api.until(first["id"], "running")
    found = api.get("tasks/long")
    assert (found["running"], found["queued"], found["last"]["id"]) == (1, 1, second["id"])
    assert found["last"]["state"] == "queued"
    few, often = api.get("contention")["items"]
    assert (few["name"], few["running"], few["waiting"], few["left"]) == ("few", 1, 1, None)
    assert (often["running"], often["left"], often["window"]) == (0, 5, 3600.0)
    assert {one["name"]: one["running"] for one in api.get("platforms")["items"]} == {"far": 0, "local": 1}
    assert api.get(f"runs/{second['id']}/why")["waiting_for"][0]["kind"] == "contention"
    for run in (second, first):
        api.post(f"runs/{run['id']}/stop")
    api.until(first["id"], "cancelled")


def test_the_definition_names_the_place_of_each_value(api: Asking, folder: Path) -> None:
    values = {one["key"]: one for one in api.get("tasks/report")["definition"]}
    assert (values["run"]["origin"], values["run"]["path"]) == ("task", str(folder / "polysync.toml"))
    assert TASKS.splitlines()[values["run"]["line"] - 1].startswith("run = ")
    assert values["parameters.key"]["value"] == "***"
    assert (values["nice"]["value"], values["nice"]["origin"]) == (None, "default")


def test_what_stands_around_the_tasks(api: Asking) -> None:
    assert api.get("vaults")["items"] == [{"name": "main", "type": "env"}]
    (job,) = api.get("jobs")["items"]
    assert (job["name"], job["title"], job["parameters"]["key"]["default"]) == ("etl", "Extract", "***")
    assert [one["name"] for one in api.get("jobs?all=1")["items"]] == ["etl", "hidden"]
    graph = api.get("graph?task=after")
    assert [node["name"] for node in graph["nodes"]] == ["backup", "after"]
    assert graph["edges"] == [{"from": "backup", "to": "after", "on": "success", "when": None}]
    assert "secret" not in [node["name"] for node in api.get("graph")["nodes"]]
    assert "secret" in [node["name"] for node in api.get("graph?all=1")["nodes"]]
    assert api.get("graph?task=base") == {"nodes": [], "edges": []}
    far, local = api.get("platforms")["items"]
    assert (far["max_running"], far["labels"], local["max_running"]) == (2, {"gpu": True}, None)


def test_the_graph_is_the_one_of_the_verb(api: Asking, here: Terminal) -> None:
    assert here.polysync("graph", "--format", "json").data == api.get("graph")


def test_unknown_tasks_are_refused_with_a_guess(api: Asking) -> None:
    for route in ("", "/next", "/stats", "/conditions", "/slots?at=2026-01-01T00:00:00Z"):
        assert 'did you mean "backup"' in api.refused("GET", f"tasks/bakup{route}", 404), route
    for word in ("pause", "resume", "skip-next"):
        assert "no task bakup" in api.refused("POST", f"tasks/bakup/{word}", 404)
    assert "no task" in api.refused("GET", "graph?task=nothing", 404)


def test_coming_slots_are_those_of_next(api: Asking, here: Terminal) -> None:
    told = api.get("tasks/backup/next?n=3&after=2026-06-01T00:00:00Z")["items"]
    asked = here.polysync("next", "backup", "--from", "2026-06-01", "-n", "3", "--json").data["items"]
    assert [one["at"] for one in told] == [one["at"] for one in asked]
    assert [one["runs"] for one in told] == [True] * 3
    assert api.get("tasks/deploy/next")["items"] == []
    assert "n: not a whole number" in api.refused("GET", "tasks/backup/next?n=0", 422)


def test_not_everything_can_be_done_again(here: Terminal, api: Asking) -> None:
    waits = api.post("tasks/deploy/run")["id"]
    assert "is not over" in api.refused("POST", f"runs/{waits}/rerun", 409)
    assert "is not over" in api.refused("POST", f"runs/{waits}/archive", 409)
    here.polysync("deny", str(waits))
    none = here.polysync("rerun", "shy")
    assert (none.status, "shy has no run yet" in none.err) == (3, True)


def test_api_trigger_holds_for_reruns_too(tmp_path: Path) -> None:
    config = '[tasks.shy]\nrun_on_start = true\nrun = "true"\napi_trigger = false\n'
    with daemon(tmp_path, config=config) as running:
        running.until("run.succeeded")
        terminal = Terminal(tmp_path)
        said = terminal.polysync("rerun", "1")
        assert (said.status, "API triggering disabled for this task" in said.err) == (4, True)


def test_shutdown_ends_the_daemon_as_it_says(tmp_path: Path) -> None:
    with daemon(tmp_path, config='[tasks.long]\nrun = "sleep 60"\n') as running:
        running.until(READY)
        with asking(tmp_path) as api:
            run = api.post("tasks/long/run")["id"]
            api.until(run, "running")
            assert api.post("shutdown", mode="stop") == {"mode": "stop"}
        assert running.until("polysync ends")["tasks"] == "stop"
        assert running.process.wait(20) == 0
        told = running.said()[1]
        assert "run.cancelled" in told or any(line["event"] == "run.cancelled" for line in running.lines)
    with daemon(tmp_path) as again:
        again.until(READY)
        terminal = Terminal(tmp_path)
        ended = terminal.polysync("run", "1", "--json").data
        assert (ended["state"], ended["end_reason"]) == ("cancelled", "shutdown")
        entries = terminal.polysync("audit", "--json").data["items"]
        assert "shutdown" in [entry["verb"] for entry in entries]


def test_pauses_survive_a_restart(tmp_path: Path) -> None:
    config = '[tasks.work]\ncron = "0 3 * * *"\nrun = "true"\n'
    terminal = Terminal(tmp_path)
    with daemon(tmp_path, config=config) as running:
        running.until(READY)
        assert terminal.polysync("pause", "work", "--reason", "stays").status == 0
        os.kill(running.process.pid, 9)
        running.process.wait(10)
    with daemon(tmp_path) as again:
        again.until(READY)
        task = terminal.polysync("tasks", "work", "--json").data["items"][0]
        assert (task["paused"], task["pause_reason"], task["next_at"]) == (True, "stays", None)
