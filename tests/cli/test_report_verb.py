"""`polysync report`: what it writes, what it refuses, and that both ways to it say the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from polysync.cli.report import FILE, Mistake, fast, lines_of, report
from polysync.domain.report import Report, Reported
from polysync.domain.rows import Message
from polysync.domain.values import Outcome
from tests.cli.terminal import Terminal
from tests.service.daemons import READY, daemon

TASKS = r"""
[tasks.talks]
run = '''
polysync() { "$PYTHON" -m polysync "$@"; }
polysync report output rows=42 'files:=["a","b"]' &&
polysync report output --sensitive key=hunter2secret &&
polysync report progress 40 half way && polysync report message NOTE one two &&
echo "the key is hunter2secret"
'''
env = { PYTHON = "%s" }
"""


def folded(*says: list[str]) -> Reported:
    """What the daemon makes of several reports."""
    found = Report()
    for words in says:
        for line in lines_of(words):
            found.feed(line + b"\n")
    found.finish()
    return found.folded()


@pytest.mark.parametrize(
    ("words", "outputs"),
    [
        (["output", "rows=42"], {"rows": "42"}),
        (["output", "rows:=42"], {"rows": 42}),
        (["output", "a=1", "b:=[1,null]"], {"a": "1", "b": [1, None]}),
        (["output", "empty="], {"empty": ""}),
        (["output", "pad= two spaces  "], {"pad": " two spaces  "}),
        (["output", "text=one\ntwo"], {"text": "one\ntwo"}),
        (["output", "eq=a=b:=c"], {"eq": "a=b:=c"}),
        (["output", "name=ľščť"], {"name": "ľščť"}),
        (["output", "bytes=\udcff"], {"bytes": "\ufffd"}),
        (["output", 'text:="x"'], {"text": "x"}),
    ],
)
def test_outputs_arrive_as_they_were_said(words: list[str], outputs: dict[str, Any]) -> None:
    found = folded(words)
    assert (found.outputs, found.problems) == (outputs, ())


def test_sensitive_outputs_are_marked() -> None:
    found = folded(["output", "--sensitive", "key=x", "other:=1"])
    assert found.outputs == {"key": "x", "other": 1}
    assert found.sensitive == {"key", "other"}


def test_every_other_word_arrives() -> None:
    found = folded(
        ["progress", "40", "half", "way"],
        ["message", "NOTE", "one", "two"],
        ["message", "ALONE"],
        ["message", "LINES", "a\nb"],
        ["error", "E7", "no", "such", "table"],
        ["retry-after", "90"],
        ["retry-after", "1m30s"],
        ["status", "intermediate"],
        ["status-code", "429"],
        ["heartbeat"],
    )
    assert found.problems == ()
    assert found.progress == (40, "half way")
    assert found.messages == (
        Message("NOTE", "one two"),
        Message("ALONE", ""),
        Message("LINES", "a\nb"),
        Message("E7", "no such table", error=True),
    )
    assert (found.retry_after.total_seconds() if found.retry_after else 0) == 90
    assert (found.status, found.status_code, found.heartbeat) == (Outcome.INTERMEDIATE, 429, True)


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["output"],
        ["output", "rows"],
        ["output", "=1"],
        ["output", "1st=x"],
        ["output", "a b=x"],
        ["output", "x" * 101 + "=1"],
        ["output", "rows:=forty"],
        ["output", "rows:=NaN"],
        ["output", "rows=" + "x" * (1 << 20)],
        ["progress"],
        ["progress", "half"],
        ["progress", "101"],
        ["progress", "nan"],
        ["message"],
        ["message", "two words"],
        ["error", ""],
        ["retry-after"],
        ["retry-after", "soon"],
        ["status", "fine"],
        ["status-code", "x"],
        ["heartbeat", "1"],
    ],
)
def test_what_could_not_be_read_is_refused_with_what_would_be_right(words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "report"
    file.write_text("")
    with pytest.raises(Mistake) as refused:
        report(words, {FILE: str(file)})
    assert (refused.value.status, file.read_text()) == (2, "")
    assert refused.value.message
    assert refused.value.hint


def test_outside_of_a_run_it_says_so(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    assert fast(["output", "a=1"], {}) == 2
    quick = capsys.readouterr().err
    slow = terminal.polysync("report", "output", "a=1")
    assert slow.status == 2
    assert quick == slow.err
    assert "inside a run only" in quick
    assert FILE in quick


def test_a_run_that_is_over_is_not_reported_to(tmp_path: Path) -> None:
    with pytest.raises(Mistake) as refused:
        report(["heartbeat"], {FILE: str(tmp_path / "gone" / "report")})
    assert refused.value.status == 1
    with pytest.raises(Mistake) as refused:
        report(["heartbeat"], {FILE: str(tmp_path)})
    assert refused.value.status == 1


def test_a_full_disk_is_told() -> None:
    with pytest.raises(Mistake) as refused:
        report(["heartbeat"], {FILE: "/dev/full"})
    assert refused.value.status == 1
    assert "no space" in refused.value.message


def test_help_and_json_go_the_long_way(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "report"
    file.write_text("")
    assert fast([], {}) is fast(["--help"], {}) is fast(["output", "--help"], {}) is None
    assert "retry-after" in terminal.polysync("report", "--help").out
    said = terminal.polysync("--json", "report", "message", "NOTE", "--json", "-x", env={FILE: str(file)})
    assert (said.status, file.read_text()) == (0, "message NOTE --json -x\n")
    assert terminal.polysync("--json", "report", "status", "x").data["error"]["code"] == "report"


def say(words: str, file: Path) -> None:
    for _ in range(50):
        report(words.split(" "), {FILE: str(file)})


def test_nothing_is_torn_where_many_report_at_once(tmp_path: Path) -> None:
    file = tmp_path / "report"
    file.write_text("")
    says = [f"message M{number} {'x' * 3000}" for number in range(8)]
    threads = [Thread(target=say, args=(said, file)) for said in says]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(file.read_text().splitlines()) == sorted(says * 50)


def test_it_imports_nothing_that_takes_time(tmp_path: Path) -> None:
    file = tmp_path / "report"
    file.write_text("")
    probe = (
        "import sys; before = set(sys.modules)\n"
        "from polysync.cli.main import main\n"
        "try: main(['report', 'output', 'rows=42'])\n"
        "except SystemExit as end: print(end.code, *sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], env={FILE: str(file)}, capture_output=True, text=True, check=True
    )
    code, *modules = done.stdout.split()
    assert (code, file.read_text()) == ("0", "output rows=42\n")
    assert set(modules) - {"__future__"} == {
        "polysync",
        "polysync.cli",
        "polysync.cli.codes",
        "polysync.cli.main",
        "polysync.cli.report",
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("reporting")
    with daemon(folder, config=TASKS % sys.executable) as running:
        running.until(READY)
        yield folder


def test_a_run_speaks_for_itself_and_its_secrets_are_stars(folder: Path) -> None:
    here = Terminal(folder)
    said = here.polysync("exec", "talks")
    run = here.polysync("run", "1", "--json").data
    assert said.status == 0, said
    assert run["outputs"] == {"rows": "42", "files": ["a", "b"], "key": "***"}
    assert run["progress"] == {"percent": 40, "text": "half way"}
    assert run["messages"] == [{"code": "NOTE", "text": "one two", "error": False}]
    assert "progress        40 %, half way" in here.polysync("run", "1").lines
    assert "hunter2secret" not in json.dumps(run) + here.polysync("logs", "1").out
