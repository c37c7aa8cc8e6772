"""The plan of a reload: what comes, goes and changes, and which firings move."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from polysync.config.diff import Change, Moved, Plan, plan
from polysync.domain.definition import definition_data, definition_hash
from tests.config.reading import fine

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OLD = """\
[tasks.a]
run = "x"
cron = "0 3 * * *"
[tasks.b]
run = "y"
env = { A = "1", B = "1" }
[tasks.gone]
run = "z"
[services.s]
run = "s"
"""


def planned(new: str, old: str = OLD, env: dict[str, str] | None = None, **more: Any) -> Plan:
    return plan(fine(old, env), fine(new, env), NOW, **more)


def test_the_same_file_changes_nothing() -> None:
    assert planned(OLD) == Plan()
    assert planned(OLD).empty


def test_tables_come_and_go() -> None:
    found = planned(
        OLD.replace("[tasks.gone]", "[tasks.new]").replace('"z"', '"zz"')
        + "[contention.c]\ntype='concurrency'\nmax=1\n"
    )
    assert found.added == ("tasks.new", "contention.c")
    assert found.removed == ("tasks.gone",)
    assert not found.empty


def test_a_task_under_another_name_is_renamed() -> None:
    found = planned(OLD.replace("tasks.gone", "tasks.came"))
    assert (found.renamed, found.added, found.removed) == ((("gone", "came"),), (), ())


def test_a_changed_key_shows_old_and_new() -> None:
    found = planned(OLD.replace('B = "1"', 'C = "2"').replace('run = "s"', 'run = "t"\ninstances = 2'))
    assert found.changed == (
        Change("tasks.b", "env.B", "1", None),
        Change("tasks.b", "env.C", None, "2"),
        Change("services.s", "run", "s", "t"),
        Change("services.s", "instances", 1, 2),
    )


def test_a_secret_is_never_shown() -> None:
    notifier = "[[notifier]]\nid='n'\ntype='ntfy'\ntoken='abc'\nurl='${env:U}'\n"
    task = "[tasks.t]\nrun='x'\nparameters.p = { value = 'abc', sensitive = true }\nenv.API_TOKEN='abc'\n"
    found = planned(
        (notifier + task).replace("abc", "xyz").replace("${env:U}", "${env:V}"),
        notifier + task,
        {"U": "secret-u", "V": "secret-v"},
    )
    said = json.dumps(found.to_data())
    assert not any(word in said for word in ("abc", "xyz", "secret-u", "secret-v"))
    assert {change.key for change in found.changed} == {"parameters.p", "env.API_TOKEN", "options.token", "options.url"}
    assert Change("notifier.n", "options.url", "${env:U}", "${env:V}") in found.changed


def test_notifiers_and_routes_are_compared_too() -> None:
    one, route = "[[notifier]]\nid='n'\ntype='ntfy'\n", "[[route]]\nnotifiers=['inapp']\n"
    assert planned(one + route, "").added == ("notifier.n",)
    assert planned(one + route, "").changed[0].table == "route"
    assert planned("", one).removed == ("notifier.n",)


def test_what_needs_a_restart_is_named() -> None:
    found = planned("[daemon]\ndata_dir = 'x'\nmax_running = 5\n[api]\ntls_cert='a'\ntls_key='b'\n", "")
    assert found.restart_only == ("daemon.data_dir",)


def test_a_changed_schedule_moves_the_next_firing() -> None:
    found = planned(OLD.replace("0 3 * * *", "0 4 * * *"))
    assert found.moved == (Moved("a", datetime(2026, 3, 2, 3, tzinfo=UTC), datetime(2026, 3, 2, 4, tzinfo=UTC)),)
    assert planned(OLD.replace("0 3 * * *", "0 3 * * mon-sun")).moved == ()
    assert planned(OLD.replace('cron = "0 3 * * *"\n', "")).moved[0].new_at is None
    assert planned(OLD + "enabled = true\n").moved == ()
    assert planned(OLD.replace('"x"', '"x"\nenabled = false')).moved[0].new_at is None
    assert planned(OLD.replace('"x"', '"x"\nmode = "template"')).moved[0].new_at is None


def test_another_zone_or_calendar_moves_firings_of_unchanged_tasks() -> None:
    assert planned("[scheduler]\ntimezone = 'Asia/Tokyo'\n" + OLD).moved[0].task == "a"
    calendar = "[calendars.c]\ndates = ['2026-03-{}']\n"
    skipping = OLD.replace('"0 3 * * *"', '"0 3 * * *"\nskip_on = ["c"]')
    moved = planned(skipping + calendar.format("05"), skipping + calendar.format("02")).moved
    assert moved == (Moved("a", datetime(2026, 3, 3, 3, tzinfo=UTC), datetime(2026, 3, 2, 3, tzinfo=UTC)),)


def test_an_interval_keeps_its_anchor_unless_it_changed() -> None:
    old = OLD.replace("0 3 * * *", "@every 10h")
    anchors = {"a": {"@every 10h": datetime(2026, 3, 1, 9, tzinfo=UTC)}}
    assert planned(old + "[daemon]\nmax_running = 2\n", old, anchors=anchors).moved == ()
    moved = planned(old.replace("10h", "5h"), old, anchors=anchors).moved
    assert moved == (Moved("a", datetime(2026, 3, 1, 19, tzinfo=UTC), datetime(2026, 3, 1, 17, tzinfo=UTC)),)


def test_a_plan_is_json_data() -> None:
    data = planned(OLD.replace("0 3 * * *", "0 4 * * *").replace("tasks.gone", "tasks.came")).to_data()
    assert data == {
        "added": [],
        "removed": [],
        "renamed": [{"from": "gone", "to": "came"}],
        "changed": [{"table": "tasks.a", "key": "cron", "old": ["0 3 * * *"], "new": ["0 4 * * *"]}],
        "restart_only": [],
        "moved": [{"task": "a", "old": "2026-03-02T03:00:00Z", "new": "2026-03-02T04:00:00Z"}],
    }


def test_the_hash_of_a_definition_follows_what_it_executes() -> None:
    text = "[platforms.p]\ntype='ssh'\nhost='h'\n[jobs.j]\nplatform='p'\n[tasks.t]\njob='j'\nkeep_for='forever'\n"
    config = fine(text)
    first = definition_hash(config.tasks["t"], config)
    again = fine("# moved\n" + text + "[tasks.other]\nrun='x'\n")
    assert definition_hash(again.tasks["t"], again) == first
    for old, new in (("host='h'", "host='i'"), ("forever", "9d"), ("[jobs.j]", "[jobs.j]\ntype='x'")):
        changed = fine(text.replace(old, new))
        assert definition_hash(changed.tasks["t"], changed) != first


def test_a_definition_is_json_data_with_what_was_written() -> None:
    config = fine(
        "[tasks.t]\nrun='x'\ntitle='${env:A}'\nsettings.day=2026-01-02\nkeep_for='forever'\n", {"A": "hunter2"}
    )
    data = definition_data(config.tasks["t"], config)
    assert data["task"]["title"] == "${env:A}"
    assert data["task"]["settings"] == {"day": "2026-01-02"}
    assert data["task"]["keep_for"] == "forever"
    assert (data["job"], data["platform"]) == (None, None)
    assert "hunter2" not in json.dumps(data)
    assert definition_data(config.tasks["t"], config, reveal=True)["task"]["title"] == "hunter2"
