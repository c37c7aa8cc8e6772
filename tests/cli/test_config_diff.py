"""`polysync config diff`: what a reload would change."""

from __future__ import annotations

import pytest

from tests.cli.terminal import Terminal

OLD = """
[scheduler]
timezone = "Europe/Bratislava"
[daemon]
data_dir = "one"
[tasks.backup]
run = "x"
cron = "30 2 * * *"
[tasks.gone]
run = "y"
cron = "0 9 * * *"
[tasks.first-name]
run = "the same"
[tasks.after]
run = "z"
depends_on = ["backup", "gone", "first-name"]
"""
NEW = """
[scheduler]
timezone = "Europe/Bratislava"
[daemon]
data_dir = "two"
[tasks.backup]
run = "x"
cron = "31 3 * * *"
timeout = "1h"
[tasks.come]
run = "w"
[tasks.second-name]
run = "the same"
[tasks.after]
run = "z"
depends_on = ["backup", "come", "second-name"]
"""


@pytest.fixture
def both(terminal: Terminal) -> Terminal:
    terminal.write(OLD, "old.toml")
    terminal.write(NEW, "new.toml")
    return terminal


def test_config_diff_for_people(both: Terminal) -> None:
    said = both.polysync("config", "diff", "old.toml", "new.toml")
    assert said.status == 0
    for line in (
        "+ tasks.come",
        "- tasks.gone",
        "= tasks.first-name → tasks.second-name  renamed",
        '    data_dir: "one" → "two"  only after a restart',
        '    cron: ["30 2 * * *"] → ["31 3 * * *"]',
        '    timeout: - → "1h"',
        '      - ["backup", "gone", "first-name"]',
        '      + ["backup", "come", "second-name"]',
    ):
        assert line in said.lines
    assert "backup          2026-03-28T02:30:00+01:00  2026-03-28T03:31:00+01:00" in said.lines
    assert said.lines[-1] == "1 added, 1 removed, 1 renamed, 3 changed; 2 next firings would move"


def test_config_diff_fits_eighty_columns(both: Terminal) -> None:
    both.columns = 80
    assert all(len(line) <= 80 for line in both.polysync("config", "diff", "old.toml", "new.toml").lines)


def test_config_diff_as_data(both: Terminal) -> None:
    data = both.polysync("config", "diff", "old.toml", "new.toml", "--json").data
    assert data["added"] == ["tasks.come"]
    assert data["restart_only"] == ["daemon.data_dir"]


def test_config_diff_can_be_a_check(both: Terminal) -> None:
    assert both.polysync("config", "diff", "old.toml", "new.toml", "--check").status == 1
    same = both.polysync("config", "diff", "old.toml", "old.toml", "--check")
    assert (same.status, same.out, same.err) == (0, "", "nothing would change\n")


def test_config_diff_compares_with_the_configuration_in_use(both: Terminal) -> None:
    both.write(OLD)
    assert both.polysync("config", "diff", "old.toml", "--check").status == 0
    assert both.polysync("-c", "new.toml", "config", "diff", "old.toml", "--check").status == 1


def test_config_diff_refuses_a_broken_file(both: Terminal) -> None:
    both.write("[tasks.x]\nrun = 1\n", "broken.toml")
    said = both.polysync("config", "diff", "old.toml", "broken.toml")
    assert said.status == 2
    assert "broken.toml:2:7" in said.err


def test_config_diff_without_moves_says_only_what_changes(both: Terminal) -> None:
    both.write(OLD.replace('run = "y"', 'run = "changed"'), "new.toml")
    assert both.polysync("config", "diff", "old.toml", "new.toml").lines[-1] == "1 changed"


def test_config_alone_shows_its_help(terminal: Terminal) -> None:
    said = terminal.polysync("config", "--help")
    assert said.status == 0
    assert "diff" in said.out
    assert terminal.polysync("config", "dif").status == 2


def test_config_without_a_part_is_a_usage_error(terminal: Terminal) -> None:
    said = terminal.polysync("config")
    assert (said.status, said.out) == (2, "")
    assert said.err.splitlines() == ["error: missing command", " hint: polysync config --help"]


def test_config_diff_hides_secrets_wherever_they_stand(terminal: Terminal) -> None:
    text = """
[tasks.t]
run = "x"
parameters = { day = { value = "one" }, pin = { value = "one", sensitive = true }, password = "one" }
settings = { auth = { password = "one" }, hosts = [{ token = "one" }], size = "one" }
"""
    terminal.write(text, "old.toml")
    terminal.write(text.replace("one", "two"), "new.toml")
    changes = terminal.polysync("config", "diff", "old.toml", "new.toml", "--json").data["changed"]
    assert {change["key"]: (change["old"], change["new"]) for change in changes} == {
        "parameters.day": ("one", "two"),
        "parameters.pin": ("***", "***"),
        "parameters.password": ("***", "***"),
        "settings.auth.password": ("***", "***"),
        "settings.hosts": ([{"token": "***"}], [{"token": "***"}]),
        "settings.size": ("one", "two"),
    }
