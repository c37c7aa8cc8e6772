"""`polysync validate`: every fault in one pass, each at its place, and no input that breaks it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal

GOOD = """
[scheduler]
timezone = "Europe/Bratislava"
[tasks.backup]
run = "x"
cron = "0 12 13 * 5"
[tasks.later]
run = "x"
depends_on = ["backup"]
"""
# line by line: the text, and the column and words of the fault in it
FAULTY = [
    ("[scheduler]", None, ""),
    ('timezone = "Europe/Bratislav"', 12, "did you mean"),
    ("[daemon]", None, ""),
    ("max_runing = 3", 1, "max_running"),
    ("max_running = 0", 15, ""),
    ("[tasks.one]", None, ""),
    ('run = "x"', None, ""),
    ("timeout = 15", 11, '"15s"'),
    ('on_overlap = "quueue"', 14, "queue"),
    ('cron = "61 * * * *"', 8, "minute"),
    ("retry_attemps = 3", 1, "retry_attempts"),
    ("max_concurrent = true", 18, ""),
    ('depends_on = ["nobody"]', 15, "nobody"),
    ("[tasks.two]", None, ""),
    ('command = ["x"]', None, ""),
    ('log_max_size = "many"', 16, "size"),
    ('cron = "0 0 30 2 *"', 13, "day-of-month"),
    ("[tasks.three]", None, ""),
    ('run = "x"', None, ""),
    ('skip_on = "nowhere"', 11, "nowhere"),
    ("tags = 7", 8, ""),
    ("[task.four]", 2, "tasks"),
    ('run = "x"', None, ""),
]


def test_validate_names_every_fault_at_its_place_in_one_pass(terminal: Terminal) -> None:
    terminal.write("\n".join(text for text, _, _ in FAULTY))
    said = terminal.polysync("validate", "--json")
    assert said.status == 2
    found = {
        (one["line"], one["column"]): f"{one['key']}: {one['message']}; {one['hint']}" for one in said.data["problems"]
    }
    expected = {(line, column): words for line, (_, column, words) in enumerate(FAULTY, 1) if column}
    assert len(expected) >= 12
    assert set(found) >= set(expected)
    for place, words in expected.items():
        assert words in found[place], place


def test_validate_prints_each_problem_so_that_editors_can_jump_to_it(terminal: Terminal) -> None:
    terminal.write('[tasks.backup]\nrun = "x"\nretry_attemps = 1\n')
    said = terminal.polysync("validate")
    assert said.status == 2
    assert said.lines[0].startswith("polysync.toml:3:1: tasks.backup.retry_attemps: unknown key; did you mean")
    assert said.lines[-1] == "✗ 1 problem in 1 file"


def test_validate_quotes_the_line_with_a_caret_in_colour(terminal: Terminal) -> None:
    terminal.write('[tasks.backup]\nrun = "x"\ntimeout = 15\n')
    lines = terminal.polysync("validate", "--color", "always").lines
    assert "timeout = 15" in lines[1]
    assert lines[2].endswith("\x1b[31m^\x1b[0m")
    plain = [line.replace("\x1b[2m", "").replace("\x1b[0m", "").replace("\x1b[31m", "") for line in lines]
    assert plain[1].index("15") == plain[2].index("^")


def test_validate_summarises_a_good_file(terminal: Terminal) -> None:
    terminal.write(GOOD)
    said = terminal.polysync("validate")
    assert said.status == 0
    assert said.lines[0] == "✓ ok: 2 tasks; zone Europe/Bratislava (from [scheduler])"
    assert any("either day is enough" in line for line in said.lines)
    assert any("Sun 2026-03-29, 02:00 -> 03:00" in line for line in said.lines)
    assert terminal.polysync("validate", "-q").out == ""


def test_validate_as_data(terminal: Terminal) -> None:
    terminal.write(GOOD)
    data = terminal.polysync("validate", "--json").data
    assert (data["valid"], data["problems"], data["timezone"]) == (True, [], "Europe/Bratislava")
    assert data["counts"]["tasks"] == 2


def test_validate_as_data_has_the_shape_of_an_error_too(terminal: Terminal) -> None:
    terminal.write("[tasks.x]\nrun = 3\n")
    said = terminal.polysync("validate", "--json")
    assert said.status == 2
    assert said.data["valid"] is False
    assert said.data["error"]["code"] == "invalid_configuration"
    assert said.data["error"]["problems"] == said.data["problems"]
    assert set(said.data["problems"][0]) == {"path", "line", "column", "key", "message", "hint", "severity"}


def test_validate_does_not_fail_for_warnings(terminal: Terminal) -> None:
    terminal.write('[tasks.nobody-starts-this]\nrun = "x"\napi_trigger = false\n')
    said = terminal.polysync("validate")
    assert said.status == 0
    assert "warning: " in said.out
    assert "! 1 warning" in said.out
    assert terminal.polysync("validate", "--json").data["warnings"] == 1


def test_validate_warns_of_a_day_without_a_slot(terminal: Terminal) -> None:
    terminal.write('[tasks.x]\nrun = "x"\ncron = "*/30 2 * * *"\n')
    assert "2026-03-29" in terminal.polysync("validate").out


def test_validate_takes_a_file(terminal: Terminal) -> None:
    terminal.write(GOOD, "elsewhere/other.toml")
    assert terminal.polysync("validate", "elsewhere/other.toml").status == 0
    said = terminal.polysync("validate", "missing.toml")
    assert said.status == 2
    assert "missing.toml: does not exist" in said.out


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("not UTF-8", b"[tasks.x]\nrun = '\xff'\n", "UTF-8"),
        ("a NUL", b'[tasks.x]\nrun = "a\\u0000b"\n', "NUL"),
        ("a raw NUL", b'[tasks.x]\nrun = "a\x00b"\n', ""),
        ("not TOML", b"[tasks.x\n", "1:"),
        ("a byte order mark", b"\xef\xbb\xbf[tasks.x]\nrun='x'\n", "byte order mark"),
        ("deep nesting", b"x = " + b"[" * 100_000, ""),
        ("deep tables", b"x = " + b"{a=" * 2_000, ""),
        ("a path for a name", b'[tasks."../x"]\nrun = "x"\n', "not a name"),
        ("a long cron", b'[tasks.x]\nrun = "x"\ncron = "' + b"1," * 5_000 + b'"\n', "longer"),
        ("escape codes", b'[tasks.x]\nrun = "x"\non_overlap = "\\u001b[2J\\u202e"\n', "on_overlap"),
        ("a huge number", b"[daemon]\nmax_running = " + b"9" * 10_000 + b"\n", ""),
        ("a huge key", b"a" * 100_000 + b" = 1\n", ""),
    ],
)
def test_validate_survives(terminal: Terminal, name: str, content: bytes, words: str) -> None:
    (terminal.folder / "polysync.toml").write_bytes(content)
    said = terminal.polysync("validate")
    assert said.status == 2, name
    assert words in said.out
    assert not any(char in said.out for char in "\x1b\x00\u202e")
    assert max(map(len, said.lines)) < 1_000
    assert terminal.polysync("validate", "--json").data["valid"] is False


def test_validate_accepts_a_file_that_defines_nothing_yet(terminal: Terminal) -> None:
    terminal.write("# later\n")
    said = terminal.polysync("validate")
    assert said.status == 0
    assert "nothing is defined yet" in said.out


def test_validate_refuses_a_file_without_a_word_in_it(terminal: Terminal) -> None:
    for content in ("", "\n  \n"):
        terminal.write(content)
        said = terminal.polysync("validate")
        assert said.status == 2
        assert "polysync.toml:1:1: is empty" in said.out


def test_validate_refuses_what_is_not_a_configuration_file(terminal: Terminal) -> None:
    (terminal.folder / "folder.toml").mkdir()
    assert "is a folder" in terminal.polysync("validate", "folder.toml").out
    assert "is a device" in terminal.polysync("validate", "/dev/zero").out
    os.mkfifo(terminal.folder / "pipe.toml")
    assert "is a pipe" in terminal.polysync("validate", "pipe.toml").out


def test_validate_refuses_a_file_of_fifty_megabytes_without_reading_it_all(terminal: Terminal) -> None:
    with (terminal.folder / "big.toml").open("wb") as file:
        file.truncate(50 << 20)
    said = terminal.polysync("validate", "big.toml")
    assert said.status == 2
    assert "larger than 16 MB" in said.out


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_validate_says_that_it_may_not_read(terminal: Terminal) -> None:
    path = terminal.write(GOOD)
    path.chmod(0)
    assert "permission denied" in terminal.polysync("validate").out


def test_validate_without_a_configuration_says_where_it_looked(terminal: Terminal) -> None:
    said = terminal.polysync("validate")
    assert (said.status, said.out) == (2, "")
    assert "polysync init" in said.err
    assert "/etc/polysync/polysync.toml" in said.err
    assert terminal.polysync("validate", "--json").data["error"]["code"] == "no_configuration"


def test_validate_counts_the_files_that_have_problems(terminal: Terminal) -> None:
    main = terminal.write('include = ["conf.d/*.toml"]\n[tasks.a]\nrun = 1\n')
    terminal.write("[tasks.b]\nrun = 2\n", "conf.d/b.toml")
    said = terminal.polysync("validate", str(main))
    assert said.lines[-1] == "✗ 2 problems in 2 files"
    assert any(line.startswith(str(Path(terminal.folder, "conf.d", "b.toml:2:7"))) for line in said.lines)
