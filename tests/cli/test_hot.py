"""The small grammar beside click: the same requests, the same words, the same end; and nothing is imported for it."""

from __future__ import annotations

import io
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from polysync.cli.entry import run
from polysync.cli.hot import attempt
from polysync.cli.surroundings import Surroundings
from tests.cli.scripted import FRAMES, LOUD, RUN, Answer, Scripted, ended, scripted, usual
from tests.cli.terminal import Terminal
from tests.cli.test_command_line import PLAIN
from tests.seeds import seed_of

LIGHT = {  # what the interpreter itself brings, and what is ours or costs next to nothing
    *("_json", "_sha256", "_sha2", "_socket", "select", "__future__", "polysync"),
    *("polysync.api", "polysync.api.client", "polysync.cli"),
    *(f"polysync.cli.{name}" for name in "accompany codes drawn following hot link main offered place".split()),
    *(f"polysync.cli.{name}" for name in "session stored straight surroundings terse".split()),
}
HOT = [
    ["exec", "backup"],
    ["exec", "backup", "-p", "day=today", "--detach"],
    ["status", "--json"],
    ["status"],
    ["runs"],
    ["runs", "-q", "--task", "backup"],
    ["runs", "--json"],
    ["run", "7", "--json"],
    ["logs", "7"],
    ["logs", "backup", "-n", "3"],
    ["_names", "tasks"],
]


class Pipe(io.TextIOWrapper):
    """A stream with a binary side, as a pipe has it."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", errors="backslashreplace", write_through=True)

    def told(self) -> bytes:
        """Everything that was written."""
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue()


@pytest.fixture
def paper(tmp_path: Path) -> Iterator[Scripted]:
    (tmp_path / ".polysync").mkdir()
    with scripted(tmp_path / ".polysync" / "polysync.sock") as daemon:
        yield daemon


def world(folder: Path) -> tuple[Surroundings, Pipe, Pipe]:
    out, err = Pipe(), Pipe()
    return Terminal(folder).around().but(stdout=out, stderr=err), out, err


def hot(folder: Path, words: Sequence[str]) -> tuple[int | None, bytes, bytes]:
    around, out, err = world(folder)
    return attempt(words, around), out.told(), err.told()


def cold(folder: Path, words: Sequence[str]) -> tuple[int | None, bytes, bytes]:
    around, out, err = world(folder)
    return run(words, around), out.told(), err.told()


@pytest.mark.parametrize("words", HOT, ids=" ".join)
def test_hot_verb_does_as_click_does(tmp_path: Path, paper: Scripted, words: list[str]) -> None:
    mine, mine_asked = hot(tmp_path, words), paper.taken()
    other, other_asked = cold(tmp_path, words), paper.taken()

    assert mine[0] is not None
    assert (mine, mine_asked) == (other, other_asked)
    assert mine_asked


def test_hot_exec_gives_every_byte_to_its_stream_and_the_code_of_the_work(tmp_path: Path, paper: Scripted) -> None:
    assert hot(tmp_path, ["exec", "backup"]) == (3, LOUD, b"oops\n")
    assert [(method, target) for method, target, *_ in paper.taken()] == [
        ("POST", "/api/tasks/backup/run"),
        ("GET", "/api/runs/7/log?follow=1"),
    ]


def random_words(dice: random.Random) -> list[str]:
    """A command that may be in the grammar, and often is not quite."""
    verb = dice.choice(["exec", "exec", "status", "runs", "run", "logs", "_names", "stop", ""])
    own = {
        "exec": ["backup", "-p", "a=1", "b=2", "a=ž\n", "-p", "c", "--detach", "--hold", "a=", "=x", "-pz=1"],
        "status": ["extra"],
        "runs": ["--task", "--task=backup", "backup", "--limit", "5", "0", "500", "501", "007", "--state", "failed"],
        "run": ["7", "0", "-1", "x", "007", "7"],
        "logs": ["backup", "7", "-n", "3", "all", "-n", "x", "-f", "--raw", "-n3"],
        "_names": ["tasks", "runs", "services", "all", "jobs"],
    }.get(verb, ["7"])
    options = ["--json", "--json", "-q", "--quiet", "--color", "never", "--", "-c", "other.toml", "--data", ".polysync"]
    options += ["--socket=.polysync/polysync.sock", "--socket=", "", "--data=", "-h", "--version"]
    words = [verb] if verb else []
    words += dice.choices(own, k=dice.randint(0, 3)) if dice.random() < 0.7 else own[:1]
    for _ in range(dice.choice([0, 0, 1, 1, 2, 3])):
        words.insert(dice.randint(0, len(words)), dice.choice(options))
    return words


def test_random_words_mean_the_same_to_both(tmp_path: Path, paper: Scripted) -> None:
    (tmp_path / "other.toml").touch()
    dice, taken = random.Random(seed_of("hot grammar")), 0
    for _ in range(1200):
        words = random_words(dice)
        mine, mine_asked = hot(tmp_path, words), paper.taken()
        if mine[0] is None:
            assert (mine[1:], mine_asked) == ((b"", b""), []), words  # nothing was begun
            continue
        taken += 1
        assert (mine, mine_asked) == (cold(tmp_path, words), paper.taken()), words
    assert taken > 50


@pytest.mark.parametrize("words", HOT, ids=" ".join)
@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 500, 503])
def test_a_refusal_reads_the_same(tmp_path: Path, paper: Scripted, words: list[str], status: int) -> None:
    body = b'{"error": {"code": "so", "message": "not today", "hint": "tomorrow"}}'
    paper.answer = lambda _method, _target, _headers: (status, "application/json", body)

    mine, mine_asked = hot(tmp_path, words), paper.taken()

    if words[0] != "_names":  # which asks the file then
        assert mine[0] in {1, 2, 3, 4, 125}
        assert mine == cold(tmp_path, words)
        assert mine_asked == paper.taken()
        assert b"not today" in mine[1] + mine[2]


@pytest.mark.parametrize("words", [words for words in HOT if words[0] != "_names"], ids=" ".join)
@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        ("nothing", b"no daemon runs here"),
        ("stale", b"nobody listens"),
        ("old", b"the daemon is version 0.0.9"),
        ("stranger", b"whoever answers there"),
    ],
)
def test_no_daemon_reads_the_same(tmp_path: Path, words: list[str], prepare: str, said: bytes) -> None:
    place = tmp_path / ".polysync" / "polysync.sock"
    place.parent.mkdir()
    daemon = Scripted(place) if prepare != "nothing" else None
    if daemon is not None:
        daemon.version = {"old": "0.0.9", "stranger": None}.get(prepare, daemon.version)
        if prepare == "stale":
            daemon.close()
    try:
        found, other = hot(tmp_path, words), cold(tmp_path, words)
    finally:
        if daemon is not None and prepare != "stale":
            daemon.close()

    assert found == other
    assert found[0] == (125 if words[0] == "exec" else 5)
    assert said in found[1] + found[2]
    assert b"hint" in found[1] + found[2]
    assert b"Traceback" not in found[2]


@pytest.mark.parametrize("words", HOT, ids=" ".join)
def test_hot_verb_imports_next_to_nothing(tmp_path: Path, paper: Scripted, words: list[str]) -> None:
    program = (
        "import sys; before = set(sys.modules); sys.argv[1:] = " + repr(words) + "\n"
        "from polysync.cli.main import answer\n"
        "answer(sys.argv[1:])\n"
        "print(*(set(sys.modules) - before), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=PLAIN,
        capture_output=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )

    assert paper.asked
    assert set(done.stderr.decode().splitlines()[-1].split()) <= LIGHT


def test_full_daemon_is_asked_again(tmp_path: Path, paper: Scripted) -> None:
    turned = iter(range(3))

    def crowded(method: str, target: str, headers: Mapping[str, str]) -> Answer:
        paper.extra = {}
        if next(turned, None) is not None:
            paper.extra = {"Retry-After": "1"}
            return 503, "application/json", b'{"error": {"code": "busy", "message": "too many connections"}}'
        return usual(method, target, headers)

    paper.answer = crowded

    assert hot(tmp_path, ["exec", "backup"])[0] == 3
    assert [method for method, *_ in paper.taken()] == ["POST"] * 4 + ["GET"]
    assert len(set(paper.keys)) == 1  # it is the same request


def test_what_was_left_out_is_told_beside_the_output(tmp_path: Path, paper: Scripted) -> None:
    gap = FRAMES + b"out 1 20 0 4096\n" + ended()
    paper.answer = lambda method, target, headers: (
        (200, "x", gap) if target.endswith("follow=1") else usual(method, target, headers)
    )

    assert hot(tmp_path, ["exec", "backup"])[2] == "oops\n… 4,096 bytes of out left out …\n".encode()


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"state": "succeeded", "exit_code": 0}, 0),
        ({"state": "timeout", "exit_code": None}, 124),
        ({"state": "failed", "end_reason": "start_failed"}, 125),
        ({"state": "skipped", "exit_code": None, "started_at": None}, 125),
        ({"state": "crashed", "exit_code": None}, 1),
        ({"state": "failed", "exit_code": 137, "signal": "KILL"}, 137),
    ],
)
def test_exit_code_of_exec(tmp_path: Path, paper: Scripted, changed: dict[str, object], status: int) -> None:
    paper.answer = lambda method, target, headers: (
        (200, "x", ended(**changed)) if target.endswith("follow=1") else usual(method, target, headers)
    )

    assert hot(tmp_path, ["exec", "backup"])[0] == status == cold(tmp_path, ["exec", "backup"])[0]


def test_log_that_breaks_off_is_taken_up_behind_what_was_written(tmp_path: Path, paper: Scripted) -> None:
    answers = iter([FRAMES[:-2], b"err 1 3 2 0\ns\n" + ended()])
    paper.answer = lambda method, target, headers: (
        (200, "x", next(answers)) if "follow=1" in target else usual(method, target, headers)
    )

    status, out, err = hot(tmp_path, ["exec", "backup"])

    assert (status, out) == (RUN["exit_code"], LOUD)
    assert err.replace(b"the daemon went away; waiting for it to come back \xe2\x80\xa6\n", b"") == b"oops\n"
    assert paper.taken()[-1][1] == f"/api/runs/7/log?follow=1&after=1%3Aout%3A{len(LOUD)}%2C1%3Aerr%3A3"
