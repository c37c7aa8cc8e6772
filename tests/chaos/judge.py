"""The judge: what a campaign expected, what became of it, and everything that is not as it must be.

A program of its own that only reads: the databases, the witness and the journals of the harness.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from polysync.store.check import check_file, full_check_of_logs
from polysync.store.log_schema import LOGS
from polysync.store.packing import Codec, Packer
from tests.chaos.work import KINDS

SECOND: Final = 1_000_000
STREAMS: Final = ("out", "err")
SHOWN: Final = 5  # examples of one finding
# Every move that the work of the chaos tests can make; None is where a run begins.
MOVES: Final = {
    (None, "queued"),
    ("queued", "starting"),
    ("starting", "running"),
    ("starting", "succeeded"),
    ("starting", "failed"),
    ("starting", "retrying"),
    ("running", "succeeded"),
    ("running", "failed"),
    ("running", "retrying"),
    ("retrying", "starting"),
    ("retrying", "queued"),
}
Key = tuple[int, int]


@dataclass(slots=True)
class Findings:
    """What was counted, and what was found wrong with examples."""

    figures: dict[str, int] = field(default_factory=dict)
    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def judge(self, name: str, examples: Iterable[str]) -> None:
        """Note a kind of fault and how often it was found."""
        found = list(examples)
        self.figures[name] = self.figures.get(name, 0) + len(found)
        if found:
            self.wrong[name] += found[:SHOWN]


class Evidence:
    """Everything there is to read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        home = folder / ".polysync"
        with closing(_reading(home / "polysync.db")) as database:
            self.runs = {row["id"]: row for row in database.execute("SELECT * FROM runs")}
            self.attempts: dict[Key, Any] = {
                (row["run_id"], row["number"]): {**json.loads(row["doc"]), **dict(row)}
                for row in database.execute("SELECT * FROM attempts")
            }
            self.history = database.execute("SELECT * FROM history ORDER BY seq").fetchall()
        self.output: dict[tuple[int, int, str], bytes] = defaultdict(bytes)
        packer = Packer()
        with closing(_reading(home / "logs.db")) as database:
            for row in database.execute("SELECT * FROM chunks ORDER BY run_id, attempt, stream, offset"):
                text = packer.unpack(Codec(row["codec"]), row["data"])
                self.output[row["run_id"], row["attempt"], STREAMS[row["stream"]]] += text
        self.witness = [line.split(" ") for line in (folder / "witness").read_text().splitlines()]
        self.client = _journal(folder / "client")
        self.campaign = _journal(folder / "campaign")


def judge(folder: Path) -> Findings:
    """Look at everything."""
    found, evidence = Findings(), Evidence(folder)
    for look in (_slots, _promises, _executions, _ends, _bytes, _alive, _histories, _stores, _left):
        look(evidence, found)
    return found


def _slots(evidence: Evidence, found: Findings) -> None:
    """Every slot from the first ready daemon to the last moment of the campaign has a run, and one run."""
    since = min((line["ready"] for line in evidence.campaign if "ready" in line), default=0)
    until = max((line["until"] for line in evidence.campaign if "until" in line), default=0)
    decided: dict[str, Counter[int]] = defaultdict(Counter)
    for run in evidence.runs.values():
        if run["slot"] is not None:
            decided[run["task"]][run["slot"] // SECOND] += 1
    # The first second belongs to whoever was still starting.
    expected = {name: set(kind.due(since + 1, until)) for name, kind in KINDS.items() if kind.period}
    found.figures["slots expected"] = sum(map(len, expected.values()))
    lost = (f"{name} at {at}" for name, slots in expected.items() for at in sorted(slots - decided[name].keys()))
    found.judge("slots lost", lost)
    found.judge(
        "slots doubled", (f"{name} at {at}" for name, slots in decided.items() for at, n in slots.items() if n > 1)
    )
    strays = (
        f"{name} at {at}" for name, slots in decided.items() for at in slots if at % (KINDS[name].period or 1 << 40)
    )
    found.judge("slots that no schedule names", strays)


def _promises(evidence: Evidence, found: Findings) -> None:
    """What was acknowledged is there; what was sent is there at most once, and nothing else is."""
    sent = {line["sent"] for line in evidence.client if "sent" in line}
    promised = {line["acknowledged"]: line["run"] for line in evidence.client if "acknowledged" in line}
    there: dict[str, list[int]] = defaultdict(list)
    for run in evidence.runs.values():
        if run["external_id"] is not None:
            there[run["external_id"]].append(run["id"])
    found.figures |= {"requests sent": len(sent), "requests acknowledged": len(promised)}
    lost = (
        f"{key}: promised run {run}, there is {there[key]}" for key, run in promised.items() if run not in there[key]
    )
    found.judge("acknowledged but lost", list(lost))
    found.judge("requests doubled", (f"{key}: {runs}" for key, runs in there.items() if len(runs) > 1))
    # "Not now" is an honest answer; any other refusal is not.
    refused = [line for line in evidence.client if "refused" in line]
    found.figures["requests put off"] = sum(line["status"] == 503 for line in refused)
    found.judge("requests refused", (str(line) for line in refused if line["status"] != 503))
    found.judge("requests that nobody sent", (key for key, runs in there.items() if runs and key not in sent))


def _executions(evidence: Evidence, found: Findings) -> None:
    """The witness saw each attempt once, and nothing that is not an attempt."""
    seen: Counter[Key] = Counter()
    for line in evidence.witness:
        key = (int(line[0]), int(line[1]))
        seen[key] += 1
        attempt = evidence.attempts.get(key)
        if attempt is None or attempt["token"] != line[4]:
            found.judge("phantom executions", [f"{key} {line[4]}"])
    found.figures |= {"attempts": len(evidence.attempts), "executions": len(evidence.witness)}
    found.judge("phantom executions", ())
    found.judge("attempts executed twice", (str(key) for key, times in seen.items() if times > 1))
    never = (str(key) for key in evidence.attempts if key not in seen)
    found.judge("attempts never executed", never)


def _ends(evidence: Evidence, found: Findings) -> None:
    """Every run is over, after as many attempts as it had to take, each with its own exit code."""
    found.judge("runs not over", (_run(run) for run in evidence.runs.values() if run["ended_at"] is None))
    wrong = (f"{key}: exit {code}" for key, code in _codes(evidence) if not _right(evidence, key, code))
    found.judge("wrong exit codes", wrong)
    found.judge("wrong final states", (_run(run) for run in evidence.runs.values() if not _ended_well(evidence, run)))


def _codes(evidence: Evidence) -> Iterator[tuple[Key, Any]]:
    return ((key, attempt.get("exit_code")) for key, attempt in evidence.attempts.items())


def _right(evidence: Evidence, key: Key, code: Any) -> bool:
    run = evidence.runs.get(key[0])
    return run is not None and code == KINDS[run["task"]].exit_code(*key)


def _ended_well(evidence: Evidence, run: Any) -> bool:
    kind, number = KINDS[run["task"]], run["id"]
    wanted = kind.attempts(number)
    last = kind.exit_code(number, wanted)
    numbers = sorted(attempt for owner, attempt in evidence.attempts if owner == number)
    return run["state"] == ("failed" if last else "succeeded") and numbers == list(range(1, wanted + 1))


def _bytes(evidence: Evidence, found: Findings) -> None:
    """Both streams of each attempt hold every byte once and in order."""
    wrong = [text for key in evidence.attempts if (text := _difference(evidence, key))]
    found.figures["bytes of output"] = sum(map(len, evidence.output.values()))
    found.judge("streams with wrong bytes", wrong)


def _difference(evidence: Evidence, key: Key) -> str:
    run = evidence.runs.get(key[0])
    if run is None:
        return ""
    for stream in STREAMS:
        wanted, stored = KINDS[run["task"]].output(*key, stream), evidence.output[(*key, stream)]
        if wanted != stored:
            return f"{key} {stream}: {len(stored)} bytes instead of {len(wanted)}"
    return ""


def _alive(evidence: Evidence, found: Findings) -> None:
    """Those that ran while a daemon was killed ended like all others."""
    keys = {(run, number) for line in evidence.campaign for run, number in line.get("alive", ())}
    codes = dict(_codes(evidence))
    found.figures |= {
        "attempts alive at a kill": len(keys),
        "of those with right exit code": sum(_right(evidence, key, codes.get(key)) for key in keys),
        "of those with right bytes": sum(not _difference(evidence, key) for key in keys),
    }


def _histories(evidence: Evidence, found: Findings) -> None:
    """Each run's moves follow each other, are allowed, and lead to where it stands."""
    stands: dict[int, str] = {}
    wrong = []
    for row in evidence.history:
        number, move = row["run_id"], (row["before"], row["state"])
        if move not in MOVES or stands.get(number) != row["before"]:
            wrong.append(f"run {number}: {stands.get(number)}, then {move[0]} to {move[1]}")
        stands[number] = row["state"]
    wrong += [
        f"run {run['id']}: {run['state']}, but its history ends in {stands.get(run['id'])}"
        for run in evidence.runs.values()
        if stands.get(run["id"]) != run["state"]
    ]
    found.judge("illegal transitions", wrong)


def _stores(evidence: Evidence, found: Findings) -> None:
    """Checksums, chains and pages."""
    home = evidence.folder / ".polysync"
    findings = [*check_file(home / "polysync.db"), *check_file(home / "logs.db", LOGS, full_check_of_logs)]
    found.judge("damage in the databases", map(str, findings))


def _left(evidence: Evidence, found: Findings) -> None:
    """What the harness saw: processes and spools that stayed, daemons that died or hung by themselves."""
    spools = (evidence.folder / ".polysync" / "runs").glob("*/*")
    found.judge("spools left behind", (str(path) for path in spools))
    for name in ("processes left behind", "daemons wedged"):
        found.judge(name, (str(line[name]) for line in evidence.campaign if name in line))


def _run(run: Any) -> str:
    return f"run {run['id']} of {run['task']}: {run['state']} {run['end_reason'] or ''}"


def _reading(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    return connection


def _journal(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    verdict = judge(Path(sys.argv[1]))
    json.dump({"figures": verdict.figures, "wrong": verdict.wrong}, sys.stdout)
