"""RunWisp's `failures` tokens: exit codes, retries and alerts here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from polysync.config.imports.findings import Finding
from polysync.config.imports.verdict import Mark
from polysync.domain.errors import ValueProblem

DEFAULT: Final = ("failed", "timeout", "crashed", "log_overflow", "start_failed", "unhealthy", "missed")
_EVENTS: Final = {
    "stopped": "run.cancelled",
    "daemon_stopped": "run.cancelled",
    "skipped": "run.skipped",
    "queue_full": "run.skipped",
    "dst_skipped": "run.skipped",
}
_RANGE: Final = re.compile(r"(\d{1,3})(?:-(\d{1,3}))?", re.ASCII)
_HIGHEST: Final = 255
_TEMPORARY: Final = 75  # the default of intermediate_codes


def _known(token: str) -> str:
    if token in DEFAULT or token in _EVENTS or token.startswith("output:") or _codes(token):
        return token
    raise ValueProblem("it holds a token that is not known")


def _codes(token: str) -> range:
    found = _RANGE.fullmatch(token)
    low, high = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    return range(low, high + 1) if 1 <= low <= high <= _HIGHEST else range(0)


def read_tokens(value: Any, inherited: Sequence[str]) -> tuple[str, ...]:
    """The tokens that hold: those of the list, or the inherited ones with `+` and `-` applied; `-42` stays as such."""
    tokens = value if isinstance(value, list) else [value]
    if not all(isinstance(token, str) and token for token in tokens):
        raise ValueProblem("it should be a list of words")
    deltas = [token for token in tokens if token[0] in "+-"]
    if not deltas:
        return tuple(dict.fromkeys(_known(token) for token in tokens))
    if len(deltas) != len(tokens):
        raise ValueProblem("it mixes plain tokens with + and -")
    kept = dict.fromkeys(inherited)
    for sign, token in ((delta[0], _known(delta[1:])) for delta in deltas):
        if sign == "+":
            kept[token] = None
            kept.pop(f"-{token}", None)
        else:
            kept.pop(token, None)
            kept |= {f"-{token}": None} if _codes(token) else {}
    return tuple(kept)


def _successes(tokens: Sequence[str]) -> list[int]:
    forgiven = {code for token in tokens if token.startswith("-") for code in _codes(token[1:])}
    listed = {code for token in tokens for code in _codes(token)}
    failing = (set(range(1, _HIGHEST + 1)) - forgiven if "failed" in tokens else set()) | listed
    return [code for code in range(_HIGHEST + 1) if code not in failing]


def _as_ranges(codes: Sequence[int]) -> list[int | str]:
    runs: list[list[int]] = []
    for code in codes:
        if runs and runs[-1][-1] == code - 1:
            runs[-1].append(code)
        else:
            runs.append([code])
    return [item for run in runs for item in (run if len(run) < 3 else [f"{run[0]}-{run[-1]}"])]


def _remarks(tokens: Sequence[str]) -> list[str]:
    said = []
    if any(token.startswith("output:") for token in tokens):
        said.append(
            "output is not searched for failures: let the script end with a code, or polysync report status fatal"
        )
    events = sorted({_EVENTS[token] for token in tokens if token in _EVENTS})
    if events:
        said.append(f"for these tokens write a [[route]] with the events {', '.join(events)}")
    lost = [token for token in ("log_overflow", "start_failed", "unhealthy") if token not in tokens]
    if lost:
        said.append(f"{', '.join(lost)} counts as a failure here always")
    return said


def as_keys(tokens: Sequence[str]) -> Finding:
    """What the tokens come to on a task."""
    keys: dict[str, Any] = {}
    successes = _successes(tokens)
    if successes != [0]:
        keys["success_codes"] = _as_ranges(successes)
    if _TEMPORARY in successes:
        keys["intermediate_codes"] = []
    unretried = {outcome: {"retry_attempts": 0} for outcome in ("timeout", "crashed") if outcome not in tokens}
    if unretried:
        keys["retry_on"] = unretried
    said = _remarks(tokens) + (
        [f"no retry after {' and '.join(unretried)}, but it stays a failure"] if unretried else []
    )
    return Finding(keys, Mark.ADJUSTED if said else Mark.IMPORTED, "; ".join(said))
