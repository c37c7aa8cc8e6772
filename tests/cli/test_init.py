"""`polysync init`: a first configuration, imports with a verdict for each entry, files written whole or not at all."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from polysync.cli.init import signs
from polysync.config.imports.verdict import Mark
from polysync.domain.render import ASCII
from tests.cli.terminal import Terminal

CRONTAB = """SHELL=/bin/bash
MAILTO=ops@example.com
# nightly
30 2 * * * /usr/local/bin/backup --full
*/5 * * * * echo hi%there
61 * * * * bad
"""
TIMER = "[Timer]\nOnCalendar=*-*-* 03:00:00\nPersistent=true\n[Install]\nWantedBy=timers.target\n"
SERVICE = "[Service]\nType=oneshot\nExecStart=/usr/bin/tidy\n"
DROP_IN = "[Service]\nEnvironment=LEVEL=9\n"


def test_init_writes_a_configuration_that_is_valid(terminal: Terminal) -> None:
    said = terminal.polysync("init")
    assert (said.status, said.err) == (0, "")
    text = (terminal.folder / "polysync.toml").read_text()
    assert text.startswith("#:schema ./polysync.schema.json\n")
    assert 'timezone = "Europe/Bratislava"' in text
    json.loads((terminal.folder / "polysync.schema.json").read_text())
    checked = terminal.polysync("validate", "--json").data
    assert (checked["valid"], checked["problems"], checked["counts"]["tasks"]) == (True, [], 2)
    assert "polysync validate" in said.out


def test_init_also_mends_the_parts_of_its_example_that_are_comments(terminal: Terminal) -> None:
    terminal.polysync("init")
    lines = (terminal.folder / "polysync.toml").read_text().splitlines()
    start = lines.index("# [services.web]")
    uncommented = [line.removeprefix("# ") for line in lines[start:] if "=" in line or "[" in line]
    terminal.write("\n".join([*lines[:start], *uncommented]))
    assert terminal.polysync("validate", "--json").data["problems"] == []


def test_init_does_not_overwrite(terminal: Terminal) -> None:
    terminal.write("# mine\n")
    said = terminal.polysync("init")
    assert (said.status, said.out) == (4, "")
    assert "polysync.toml exists already" in said.err
    assert "--force" in said.err
    assert (terminal.folder / "polysync.toml").read_text() == "# mine\n"
    assert terminal.polysync("init", "--json").data["error"]["code"] == "exists"
    assert terminal.polysync("init", "--force").status == 0
    assert "[tasks.hello]" in (terminal.folder / "polysync.toml").read_text()


def test_init_does_not_overwrite_through_a_dangling_link(terminal: Terminal) -> None:
    (terminal.folder / "polysync.toml").symlink_to("nowhere.toml")
    assert terminal.polysync("init").status == 4
    assert terminal.polysync("init", "--force").status == 0
    assert (terminal.folder / "nowhere.toml").is_file()


def test_init_writes_where_it_is_told(terminal: Terminal) -> None:
    said = terminal.polysync("init", "-o", "conf/new.toml")
    assert said.status == 0
    assert "polysync -c conf/new.toml validate" in said.out
    assert terminal.polysync("-c", "conf/new.toml", "validate").status == 0
    assert terminal.polysync("init", "--config", "third.toml").status == 0
    assert (terminal.folder / "third.toml").is_file()
    assert sorted(path.name for path in terminal.folder.iterdir()) == ["conf", "polysync.schema.json", "third.toml"]


def test_init_says_when_it_cannot_write(terminal: Terminal) -> None:
    terminal.write("a file", "conf")
    said = terminal.polysync("init", "-o", "conf/new.toml")
    assert said.status == 2
    assert "cannot write" in said.err


def test_init_can_be_a_dry_run(terminal: Terminal) -> None:
    said = terminal.polysync("init", "--dry-run")
    assert tomllib.loads(said.out)["tasks"]
    assert terminal.polysync("init", "-o", "-").out == said.out
    assert terminal.polysync("init", "--dry-run", "--json").data["written"] is None
    assert list(terminal.folder.iterdir()) == []


def test_init_imports_a_crontab_with_a_verdict_for_each_entry(terminal: Terminal) -> None:
    terminal.write(CRONTAB, "crontab")
    said = terminal.polysync("init", "--from", "crontab", "crontab")
    assert said.status == 0
    assert "✓ crontab:4: 30 2 * * * /usr/local/bin/backup --full → backup" in said.lines
    assert any(line.startswith("~ crontab:5: */5 * * * * echo hi%there") for line in said.lines)
    assert any(line.startswith("✗ crontab:6: 61 * * * * bad") for line in said.lines)
    assert any(line.startswith("· crontab:2: MAILTO=") for line in said.lines)
    assert any("1 left out" in line for line in said.lines)
    made = tomllib.loads((terminal.folder / "polysync.toml").read_text())
    assert made["tasks"]["backup"]["cron"] == "30 2 * * *"
    assert terminal.polysync("validate").status == 0


def test_init_imports_from_standard_input(terminal: Terminal) -> None:
    said = terminal.polysync("init", "--from", "crontab", "-", "--dry-run", stdin=CRONTAB)
    assert "backup" in tomllib.loads(said.out)["tasks"]
    assert "✗ -:6" in said.err
    assert terminal.polysync("init", "--from", "crontab", "-", "--dry-run", "-q", stdin=CRONTAB).err == ""


def test_init_import_as_data(terminal: Terminal) -> None:
    terminal.write(CRONTAB, "crontab")
    data = terminal.polysync("init", "--from", "crontab", "crontab", "--json").data
    assert data["written"] == str(terminal.folder / "polysync.toml")
    assert {one["mark"] for one in data["verdicts"]} == {"imported", "adjusted", "skipped", "note"}
    assert data["valid"] is True


def test_init_asks_crontab_where_no_file_is_named(terminal: Terminal) -> None:
    program = terminal.write("#!/bin/sh\nprintf '30 2 * * * /bin/true\\n'\n", "bin/crontab")
    program.chmod(0o755)
    path = {"PATH": f"{program.parent}:/usr/bin:/bin"}
    assert "✓ crontab -l:1: 30 2 * * * /bin/true" in terminal.polysync("init", "--from", "crontab", env=path).out
    program.write_text("#!/bin/sh\necho no crontab for you >&2\nexit 1\n")
    said = terminal.polysync("init", "--from", "crontab", "-o", "other.toml", env=path)
    assert said.status == 2
    assert "crontab -l: no crontab for you" in said.err
    program.write_text("#!/bin/sh\nexit 3\n")
    assert "exit 3" in terminal.polysync("init", "--from", "crontab", "-o", "other.toml", env=path).err


def test_init_says_that_there_is_no_crontab_command(terminal: Terminal) -> None:
    said = terminal.polysync("init", "--from", "crontab", env={"PATH": str(terminal.folder)})
    assert said.status == 2
    assert "name the file" in said.err
    blocked = terminal.write("not a program", "crontab")
    blocked.chmod(0o644)
    assert terminal.polysync("init", "--from", "crontab", env={"PATH": str(terminal.folder)}).status == 2


@pytest.fixture
def units(terminal: Terminal) -> Path:
    terminal.write(TIMER, "units/tidy.timer")
    terminal.write(SERVICE, "units/tidy.service")
    terminal.write(DROP_IN, "units/tidy.service.d/level.conf")
    return terminal.folder / "units"


def test_init_imports_a_folder_of_units(terminal: Terminal, units: Path) -> None:
    assert units.is_dir()
    assert terminal.polysync("init", "--from", "systemd", "units").status == 0
    task = tomllib.loads((terminal.folder / "polysync.toml").read_text())["tasks"]["tidy"]
    assert task["env"]["LEVEL"] == "9"


def test_init_finds_what_a_timer_starts(terminal: Terminal, units: Path) -> None:
    assert terminal.polysync("init", "--from", "systemd", str(units / "tidy.timer")).status == 0
    task = tomllib.loads((terminal.folder / "polysync.toml").read_text())["tasks"]["tidy"]
    assert task["env"]["LEVEL"] == "9"
    (units / "tidy.service").unlink()
    assert terminal.polysync("init", "--from", "systemd", "units/tidy.timer", "-o", "alone.toml").status == 0


def test_init_imports_runwisp(terminal: Terminal) -> None:
    terminal.write('[tasks.hello]\ncron = "0 3 * * *"\nrun = "echo hi"\n', "runwisp.toml")
    assert terminal.polysync("init", "--from", "runwisp", "runwisp.toml").status == 0
    made = tomllib.loads((terminal.folder / "polysync.toml").read_text())
    assert made["tasks"]["hello"]["run"] == "echo hi"


def test_init_names_the_files_that_a_runwisp_file_includes(terminal: Terminal) -> None:
    terminal.write('[daemon]\ninclude = ["more.toml"]\n[tasks.a]\nrun = "x"\n', "runwisp.toml")
    assert "includes more.toml" in terminal.polysync("init", "--from", "runwisp", "runwisp.toml").err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["crontab"], "polysync init --from crontab crontab"),
        (["--from", "crontab", "missing"], "missing does not exist"),
        (["--from", "crontab", "a", "b"], "one crontab at a time"),
        (["--from", "crontab", "."], "is a folder"),
        (["--from", "runwisp"], "name one RunWisp file"),
        (["--from", "systemd"], "name unit files"),
        (["--from", "systemd", "-"], "units have names"),
        (["--from", "systemd", "empty"], "no units in empty"),
        (["--from", "crontab", "huge"], "larger than 4 MB"),
        (["--from", "anacron", "x"], "anacron"),
    ],
)
def test_init_refuses(terminal: Terminal, words: list[str], message: str) -> None:
    (terminal.folder / "empty").mkdir()
    terminal.write("#" * (5 << 20), "huge")
    said = terminal.polysync("init", *words)
    assert said.status == 2
    assert message in said.err
    assert not (terminal.folder / "polysync.toml").exists()


def test_init_shows_what_is_not_text_safely(terminal: Terminal) -> None:
    (terminal.folder / "crontab").write_bytes(b"30 2 * * * echo \xff \x1b[2J\n")
    said = terminal.polysync("init", "--from", "crontab", "crontab")
    assert said.status == 0
    assert "\x1b" not in said.out


def test_init_marks_have_a_form_for_plain_terminals(terminal: Terminal) -> None:
    assert signs(ASCII) == {Mark.IMPORTED: "ok", Mark.ADJUSTED: "~", Mark.SKIPPED: "x", Mark.NOTE: "-"}
    terminal.charset = "ascii"
    terminal.write(CRONTAB, "crontab")
    assert terminal.polysync("init", "--from", "crontab", "crontab").out.isascii()


def test_init_leaves_no_configuration_where_the_schema_finds_no_place(terminal: Terminal) -> None:
    (terminal.folder / "polysync.schema.json").mkdir()
    said = terminal.polysync("init")
    assert said.status == 2
    assert "cannot write" in said.err
    assert not (terminal.folder / "polysync.toml").exists()
