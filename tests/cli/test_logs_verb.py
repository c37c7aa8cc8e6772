"""`polysync logs` and `polysync search` beside a real daemon, and output on a terminal."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.cli.finding import LONGEST, Sieve
from polysync.cli.onscreen import WIPE, OnScreen
from polysync.cli.outpour import behind, data_of, end_of
from polysync.clock import SystemClock
from tests.cli.terminal import Terminal
from tests.service.daemons import READY, daemon

pytestmark = pytest.mark.slow

TASKS = r"""
[tasks.words]
run = '''
for n in 1 2 3; do echo "one $n"; done
echo "oops" >&2
printf "10%%\r20%%\r100%%\n\033[32mgreen\033[0m \033]0;title\007\n"
printf "no end"
'''
[tasks.many]
run = 'seq 1 3000'
[tasks.twice]
run = 'echo "try $POLYSYNC_ATTEMPT"; exit 1'
retry_attempts = 1
retry_delay = "100ms"
[tasks.later]
run = 'for n in 1 2 3; do echo "step $n"; sleep 0.1; done'
[tasks.silent]
run = "true"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("logs")
    with daemon(folder, config=TASKS) as running:
        running.until(READY)
        here = Terminal(folder)
        for task in ("words", "many", "twice", "silent"):
            here.polysync("exec", task)
        yield folder


@pytest.fixture
def here(folder: Path) -> Terminal:
    terminal = Terminal(folder)
    terminal.now = SystemClock().read().wall
    return terminal


def test_a_pipe_gets_every_byte_and_all_of_it(here: Terminal) -> None:
    said = here.polysync("logs", "words", "--stream", "out")

    assert said.out == "one 1\none 2\none 3\n10%\r20%\r100%\n\x1b[32mgreen\x1b[0m \x1b]0;title\x07\nno end"
    assert here.polysync("logs", "many").out.count("\n") == 3000


def test_a_terminal_gets_last_states_colours_and_nothing_that_acts(here: Terminal) -> None:
    here.tty = True
    said = here.polysync("logs", "words", "--stream", "out")

    assert said.out == "one 1\none 2\none 3\n100%\n\x1b[32mgreen\x1b[0m ␛]0;title␇\nno end\n"
    assert "\x1b[32m" not in here.polysync("logs", "words", "--color", "never").out
    assert "\x1b]0;title" in here.polysync("logs", "words", "--raw").out


def test_a_terminal_gets_a_thousand_lines_and_is_told_of_more(here: Terminal) -> None:
    here.tty = True
    some, whole = here.polysync("logs", "many"), here.polysync("logs", "many", "-n", "all")

    assert (some.lines[0], len(some.lines)) == ("2001", 1000)
    assert "-n all" in some.err
    assert (len(whole.lines), whole.err) == (3000, "")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["many", "-n", "2"], "2999\n3000\n"),
        (["many", "--grep", "^29.9$"], "".join(f"29{n}9\n" for n in range(10))),
        (["many", "--grep", "^29.9$", "-n", "1"], "2999\n"),
        (["many", "--grep", "^1500$", "-C", "1"], "1499\n1500\n1501\n"),
        (["many", "--grep", "^(1|5)$", "-C", "1"], "1\n2\n--\n4\n5\n6\n"),
        (["words", "--grep", "ONE 2", "-i"], "one 2\n"),
        (["words", "--grep", "no end"], "no end\n"),
        (["words", "--grep", "oops", "--stream", "out"], ""),
        (["many", "--grep", "^29.9$", "-f"], "".join(f"29{n}9\n" for n in range(10))),
        (["many", "--since", "1d", "-n", "1"], "3000\n"),
        (["many", "--since", "tomorrow"], ""),
        (["twice"], "try 1\ntry 2\n"),
        (["twice", "-f", "-n", "1"], "try 2\n"),
        (["twice", "--attempt", "1"], "try 1\n"),
        (["silent"], ""),
    ],
)
def test_a_part_of_a_log(here: Terminal, words: list[str], expected: str) -> None:
    said = here.polysync("logs", *words)

    assert (said.status, said.out) == (0, expected)


@pytest.mark.parametrize(
    "words",
    [
        ["-n", "few"],
        ["-n", "-3"],
        ["--grep", "("],
        ["-C", "2"],
        ["-i"],
        ["--grep", "a", "-C", "2", "-f"],
        ["--export", "x", "-f"],
        ["--since", "someday"],
    ],
)
def test_what_makes_no_sense_is_refused(here: Terminal, words: list[str]) -> None:
    assert here.polysync("logs", "many", *words).status == 2


def test_a_task_means_its_newest_run_that_began(here: Terminal) -> None:
    before = here.polysync("logs", "words").out
    held = here.polysync("exec", "words", "--hold").out.strip()

    assert here.polysync("logs", held).out == ""
    assert here.polysync("logs", "words").out == before != ""
    assert here.polysync("stop", held).status == 0


def test_every_line_has_its_time(here: Terminal) -> None:
    said = here.polysync("logs", "words", "--stream", "out", "--timestamps")

    assert [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", "", line) for line in said.lines[:2]] == ["one 1", "one 2"]
    assert all(re.match(r"\d{4}-", line) for line in said.out.split("\n"))
    here.tty = True
    assert "\x1b[0m  one 2\n" in here.polysync("logs", "words", "--timestamps").out


def test_following_goes_to_the_end_of_the_run(here: Terminal) -> None:
    number = here.polysync("exec", "later", "--detach").out.strip()

    assert here.polysync("logs", number, "-f").out == "step 1\nstep 2\nstep 3\n"
    assert here.polysync("logs", number, "-f", "-n", "0").out == ""


def test_an_export_is_a_file_for_each_attempt_and_stream(here: Terminal) -> None:
    said = here.polysync("logs", "twice", "--export", "one/two")
    files = {path.name: path.read_bytes() for path in (here.folder / "one" / "two").iterdir()}
    again = here.polysync("logs", "twice", "--export", "one/two")
    words = here.polysync("logs", "words", "--export", "three", "--json")

    assert said.status == 0
    assert files == {"attempt-1.out": b"try 1\n", "attempt-2.out": b"try 2\n"}
    assert (again.status, "is there already" in again.err) == (1, True)
    assert (here.folder / "one/two/attempt-1.out").read_bytes() == b"try 1\n"
    assert {Path(name).name for name in words.data["files"]} == {"attempt-1.out", "attempt-1.err"}
    assert b"\r20%\r" in (here.folder / "three/attempt-1.out").read_bytes()
    assert here.polysync("logs", "silent", "--export", "four").err == "there is no output\n"
    (here.folder / "file").write_text("")
    assert here.polysync("logs", "many", "--export", "file").status == 1


def test_a_search_tells_where_each_line_stands(here: Terminal) -> None:
    said = here.polysync("search", "try [12]")

    assert said.status == 0
    assert re.match(r"run \d+  twice  ", said.lines[0])
    assert said.lines[1:] == ["  1.out 1: try 1", "  2.out 1: try 2"]
    assert "2 lines in the output of" in said.err


def test_a_search_of_one_task_or_run_with_context_and_limit(here: Terminal) -> None:
    number = here.polysync("search", "ONE", "--task", "words", "-i", "--json").out.splitlines()
    assert [json.loads(line)["data"] for line in number] == ["one 1\n", "one 2\n", "one 3\n"]
    run = str(json.loads(number[0])["run"])
    around = here.polysync("search", "one 1|100%", "--run", run, "-C", "1")
    assert around.lines[1:] == [
        "  1.out 1: one 1",
        "  1.out 2- one 2",
        "  1.out 3- one 3",
        "  1.out 4: 10%␍20%␍100%",
        "  1.out 5- ␛[32mgreen␛[0m ␛]0;title␇",
    ]
    some = here.polysync("search", "5", "--task", "many", "--limit", "3")
    assert [line.rpartition(" ")[2] for line in some.lines[1:]] == ["5", "15", "25"]
    assert "--limit gives more" in some.err
    assert here.polysync("search", "nowhere at all").err == "nothing was found\n"
    assert here.polysync("search", "a", "--task", "nobody").status == 3
    wrong = here.polysync("search", "(")
    assert (wrong.status, wrong.err.startswith("error: RE: not a regular expression")) == (2, True)


def drawn(text: str) -> str:
    """What stands on a terminal after this."""
    lines = [""]
    for char in text.replace(WIPE, "\x01"):
        if char == "\n":
            lines.append("")
        else:
            lines[-1] = "" if char == "\x01" else lines[-1] + char
    return "\n".join(lines)


@given(st.lists(st.text(st.sampled_from("ab\r\r\n%"), max_size=8), max_size=8), st.booleans())
def test_a_terminal_ends_with_the_same_whether_it_was_live(pieces: list[str], live: bool) -> None:
    out = io.StringIO(newline="")
    screen = OnScreen(out.write, colour=True, live=live)
    for piece in pieces:
        screen.write((1, "out"), piece.encode())
    screen.finish()
    lines = "".join(pieces).split("\n")
    states = [next((part for part in reversed(line.split("\r")) if part), "") for line in lines]
    expected = "\n".join(states) + ("\n" if states[-1] else "")
    assert drawn(out.getvalue()) == expected


def test_progress_is_written_anew_and_streams_do_not_mix() -> None:
    out = io.StringIO(newline="")
    screen = OnScreen(out.write, colour=True, live=True)
    for stream, data in (
        ("out", b"10%"),
        ("out", b"\r20%"),
        ("err", b"bad\n"),
        ("out", b" of all\n"),
        ("out", b"\xc3"),
    ):
        screen.write((1, stream), data)
    screen.write((1, "out"), b"", "", "… 5 bytes left out …")
    screen.write((1, "out"), b"\x1b[3")
    screen.write((1, "out"), b"1mred")
    screen.finish()
    assert out.getvalue() == (
        f"10%{WIPE}20%\nbad\n20% of all\n\ufffd\n… 5 bytes left out …\n\x1b[31mred\x1b[0m\x1b[31m\n\x1b[0m"
    )


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_a_sieve_finds_lines_over_any_cut(size: int) -> None:
    text = b"one\nneedle 1\n\xff needle\nlast needle"
    pieces = [
        {"attempt": 1, "stream": "out", "offset": at, "base64": "", "data": text[at : at + size].decode("latin-1")}
        for at in range(0, len(text), size)
    ]
    whole = [{key: value for key, value in piece.items() if key != "base64"} for piece in pieces]
    sieve = Sieve("needle", ignore_case=False)
    found = list(sieve.lines([*whole, {"run": {}}]))
    assert [data_of(piece).decode() for piece in found[:-1]] == ["needle 1\n", "\xff needle\n", "last needle"]
    assert found[-1] == {"run": {}}


def test_a_sieve_lets_go_of_what_is_too_long_or_broken_off() -> None:
    sieve = Sieve("x$", ignore_case=False)
    pieces = [
        {"attempt": 1, "stream": "out", "offset": 0, "data": "x" * (LONGEST + 1)},
        {"attempt": 1, "stream": "out", "offset": LONGEST + 1, "data": "broken x"},
        {"attempt": 1, "stream": "out", "offset": LONGEST + 9, "data": "", "left_out": 5},
    ]
    found = list(sieve.lines(pieces))
    assert [piece["offset"] for piece in found] == [0, LONGEST + 1, LONGEST + 9]


def test_the_part_of_a_piece_behind_an_offset() -> None:
    piece = {"attempt": 1, "stream": "out", "offset": 10, "data": "abc"}
    gap = {"attempt": 1, "stream": "out", "offset": 10, "data": "", "left_out": 30}
    assert (end_of(piece), data_of(behind(piece, 12))) == (13, b"c")
    assert (end_of(gap), behind(gap, 15)["left_out"]) == (40, 25)
