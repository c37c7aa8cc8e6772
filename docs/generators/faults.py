"""The page of faults: the matrix, and for each row the tests that carry its mark."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
HEAD: Final = """\
<!-- Written by `contrib/dev docs` from the marks in tests/ (`tests/faults.py`); change those, not this. -->

# Faults, and the tests that cause them

What goes wrong, what must come of it, and which tests make it go wrong. A row without a test says why. A test appears
here because it carries `@fault("F…")`, and for no other reason.
"""
TAIL: Final = """\
## Figures

`contrib/dev chaos` runs a campaign of more than 300 kills: real daemons, real processes, a real disk. The daemon is
killed at every place of `polysync/failpoints.py`, at random moments, while it starts, and after it stood still,
while tasks fall due every second and a client asks for more and keeps its own book. Each job leaves a line outside
the home, numbered and checksummed output on both streams, and an exit code that can be foretold.
`tests/chaos/judge.py`, a program that only reads, then counts what was lost, doubled, made up, promised and
forgotten, executed twice, answered with the wrong exit code, written in the wrong order or left behind. Every one
of these figures must be zero. The command prints them with the seed, by which a campaign is repeated: `contrib/dev
chaos --kills 320 --seed 7`.

`contrib/dev chaos --small` is the tier that continuous integration runs: one campaign of 32 kills with every place
among them, and `tests/chaos/mutant_daemon.py`: daemons that are broken on purpose, each of which the harness must
notice. `contrib/dev chaos --faults` runs the single faults in `tests/chaos/test_faults_*.py`.
"""
# What goes wrong, and what must come of it.
ROWS: Final[Mapping[str, tuple[str, str]]] = {
    "F1": ("the daemon is killed at any instruction", "each slot has one decision"),
    "F2": ("killed after the decision to start, before the start", "started once, by the next daemon"),
    "F3": ("killed after the start, before that is stored", "found again, not started again"),
    "F4": ("killed while the work writes", "every byte once, in order"),
    "F5": ("killed while the end is taken in or cleaned up", "one end, nothing left behind"),
    "F6": ("the shim is killed", "what is left of the work is ended, then the attempt is lost"),
    "F7": ("a grandchild keeps the output open", "the exit code at once, the words until a grace is over"),
    "F8": ("another program takes over while runs live", "all found again, exit codes and bytes right"),
    "F9": ("two daemons for one home", "the second is refused; an older one can write nothing"),
    "F10": ("work inherits the lock of the home", "it does not: the next daemon starts"),
    "F11": ("systemd restarts the unit", "work survives with the unit as shipped"),
    "F12": ("the host reboots", "crashed/host_rebooted, retries as configured, nobody signalled"),
    "F13": ("the number of a dead process is given out again", "the stranger is left alone"),
    "F14": ("dead processes that nobody buries", "they do not pile up, also under a daemon with number 1"),
    "F15": ("work ignores the signal, forks or hides in another session", "killed after the grace, all of it"),
    "F16": ("work that cannot be killed", "named, and nothing else waits for it"),
    "F17": ("the disk is full", "no decision lost, all goes on by itself once there is space"),
    "F18": ("no space for logs alone", "outcomes are what they are; output waits"),
    "F19": ("a write fails once, or for ever", "an error, and no promise without a commit"),
    "F20": ("a disk that hangs", "whoever only asks is answered"),
    "F21": ("another process holds the database", "waited for; nothing lost, nothing wedged"),
    "F22": ("bits flip, files are cut, emptied, removed", "noticed before any decision; never an empty new one"),
    "F23": ("a home on a network or a passing file system", "refused, or warned of"),
    "F24": ("power is lost", "whole decisions, as far as the log goes"),
    "F25": ("an older, a newer or a half-migrated database", "migrated with a copy, or refused untouched"),
    "F26": ("the wall clock steps", "nothing fires twice, nothing is lost"),
    "F27": ("the host sleeps", "what was missed runs as its task says"),
    "F28": ("clocks change in summer and autumn, zones of all kinds", "the table of written instants"),
    "F29": ("the clock says 1970", "nothing fires until it is right"),
    "F30": ("the loop stands still", "late, and complete"),
    "F31": ("no processor time", "late, and complete"),
    "F36": ("more is asked than can be done", "bounded; a refusal is a decision"),
    "F37": ("thousands of tasks due at one instant", "all decided, starts in order"),
    "F38": ("names that want to be paths or escape codes", "refused, or shown harmless"),
    "F39": ("arguments that are too long", "start_failed in words"),
    "F40": ("no folder, user, shell, right to execute", "start_failed with the cause, never 126 or 127"),
    "F43": ("clients that are slow, rude or many", "bounded; the loop does not notice"),
    "F45": ("the socket is deleted, replaced, too long", "made anew or refused in words"),
    "F49": ("nobody reads the daemon's own log", "it goes on, and counts what it dropped"),
    "F52": ("the thread that writes dies", "the process ends with an error"),
}
# Rows that no test here can bring about, and why.
WHY_NOT: Final = {
    "F11": "needs systemd as the first process; the unit sets `KillMode=process`",
    "F16": "needs a block device that can be frozen under a mount",
}


def page() -> str:
    """The matrix."""
    marked = tests_by_row(ROOT / "tests")
    lines = [HEAD, "| | fault | what must come of it | tests |", "|---|---|---|---|"]
    lines += [f"| {row} | {what} | {wanted} | {_shown(row, marked)} |" for row, (what, wanted) in ROWS.items()]
    return "\n".join([*lines, "", TAIL])


def tests_by_row(folder: Path) -> Mapping[str, Sequence[str]]:
    """The tests that carry the mark of each row, by reading their files."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for row, test in _marks(tree):
            found[row].append(f"{path.relative_to(folder.parent)}:{test}")
    return found


def _marks(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from ((row, node.name) for one in node.decorator_list for row in _rows(one))


def _rows(decorator: ast.expr) -> Iterator[str]:
    match decorator:
        case ast.Call(func=ast.Name(id="fault"), args=arguments):
            yield from (str(one.value) for one in arguments if isinstance(one, ast.Constant))


def _shown(row: str, marked: Mapping[str, Sequence[str]]) -> str:
    tests = "<br>".join(f"`{test}`" for test in marked.get(row, ()))
    return tests or f"none: {WHY_NOT.get(row, 'no test yet')}"
