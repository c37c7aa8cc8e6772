"""What the work says about itself: the lines of its report file, folded into one account.

A line is words (`output rows=42`, `progress 40 loading`, `error CODE text`) or one JSON object.  A line that
cannot be understood is never dropped in silence: it becomes a message of the code `report` that says why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import isfinite
from typing import Any, Final, NamedTuple, NoReturn

from polysync.domain.disguise import MOST, secrets_in
from polysync.domain.errors import ValueProblem
from polysync.domain.params import coerce, read_text
from polysync.domain.quantity import parse_span
from polysync.domain.rows import Message
from polysync.domain.values import Outcome, ParamType

VALUE_LIMIT: Final = 1 << 20  # bytes of one value
LINE_LIMIT: Final = VALUE_LIMIT + 4096  # the value, and the words around it
TOTAL_LIMIT: Final = 2 << 20  # bytes of all that is kept
ENTRY_COST: Final = 100  # what keeping an entry costs beside its bytes: two million empty messages are not free
DEEPEST: Final = 8
PATIENCE: Final = timedelta(days=7)
TOLD: Final = 20  # complaints that are spelled out; the rest are counted
PROBLEM: Final = "report"  # the code of a complaint
STATUSES: Final = {
    "fatal": Outcome.FATAL,
    "intermediate": Outcome.INTERMEDIATE,
    "skipped": Outcome.SKIPPED,
}

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_CODE = re.compile(r"\S{1,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """Everything that the work said about itself."""

    outputs: Mapping[str, Any] = field(default_factory=dict)
    sensitive: frozenset[str] = frozenset()  # names of outputs that are shown as stars
    states: Mapping[str, str] = field(default_factory=dict)  # the key in the state store, by output
    progress: tuple[int, str] | None = None
    messages: tuple[Message, ...] = ()  # complaints about the report itself among them
    error: str = ""  # the last one, with its code
    status: Outcome | None = None
    retry_after: timedelta | None = None
    status_code: int | None = None
    heartbeat: bool = False  # some sign of life was seen
    start_failed: str | None = None  # the launcher's word that the command never ran
    problems: tuple[str, ...] = ()  # the complaints once more, for those who look for nothing else


class News(NamedTuple):
    """What changed since somebody last asked."""

    progress: tuple[int, str] | None
    outputs: Mapping[str, Any]  # without the sensitive ones
    messages: tuple[Message, ...] | None  # all so far, where there is a new one
    heartbeat: bool
    secrets: tuple[str, ...] = ()  # what stands in new outputs that are sensitive


class Report:
    """A report as it is read: chunks go in as they come, the account can be taken at any time."""

    def __init__(self, total_limit: int = TOTAL_LIMIT) -> None:
        self._total_limit = total_limit
        self._rest = bytearray()
        self._number = 0  # of the line
        self._skipping = False  # inside a line that is too long
        self._kept: dict[str, int] = {}  # cost by output
        self._cost = 0
        self._outputs: dict[str, Any] = {}
        self._sensitive: set[str] = set()
        self._states: dict[str, str] = {}
        self._messages: list[Message] = []
        self._problems: list[str] = []
        self._unspoken = 0
        self._facts: dict[str, Any] = {}
        self._fresh: set[str] = set()  # names of outputs not yet told
        self._secrets: set[str] = set()  # told
        self._spilt = False  # there were more
        self._told = 0  # messages told
        self._stirred: set[str] = set()

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes; a partial last line waits for its end."""
        lines = chunk.split(b"\n")
        for part in lines[:-1]:
            self._grow(part)
            self._line()
        self._grow(lines[-1])

    def finish(self) -> None:
        """There will be no more: a last line without its newline counts."""
        if self._rest or self._skipping:
            self._line()

    def complain(self, problem: str) -> None:
        """Add a complaint about the report; after the first twenty they are only counted."""
        if len(self._problems) >= TOLD:
            self._unspoken += 1
            return
        self._problems.append(problem)
        self._messages.append(Message(PROBLEM, problem))

    def news(self) -> News | None:
        """What changed since the last call, or None."""
        if not (self._stirred or self._fresh or len(self._messages) > self._told):
            return None
        secrets = self._new_secrets()
        outputs = {name: self._outputs[name] for name in sorted(self._fresh - self._sensitive)}
        messages = tuple(self._messages) if len(self._messages) > self._told else None
        progress = self._facts.get("progress") if "progress" in self._stirred else None
        news = News(progress, outputs, messages, True, secrets)  # noqa: FBT003 - any news is a sign of life
        self._told = len(self._messages)
        self._fresh.clear()
        self._stirred.clear()
        return news

    def _new_secrets(self) -> tuple[str, ...]:
        closed = (self._outputs[name] for name in sorted(self._fresh & self._sensitive))
        found = dict.fromkeys(text for value in closed for text in secrets_in(value) if text not in self._secrets)
        told = tuple(found)[: MOST - len(self._secrets)]
        self._secrets.update(told)
        if len(told) < len(found) and not self._spilt:
            self._spilt = True
            self.complain(f"more than {MOST} secrets were reported; the others are not masked in the log")
        return told

    def folded(self) -> Reported:
        """The account so far."""
        rest = (f"{self._unspoken} more lines like these",) if self._unspoken else ()
        return Reported(
            outputs=dict(self._outputs),
            sensitive=frozenset(self._sensitive),
            states=dict(self._states),
            messages=(*self._messages, *(Message(PROBLEM, text) for text in rest)),
            problems=(*self._problems, *rest),
            **self._facts,
        )

    def _grow(self, part: bytes) -> None:
        if self._skipping or len(self._rest) + len(part) > LINE_LIMIT:
            self._skipping = True
            self._rest.clear()
        else:
            self._rest += part

    def _line(self) -> None:
        raw, skipped = bytes(self._rest), self._skipping
        self._rest.clear()
        self._skipping = False
        self._number += 1
        if skipped:
            self.complain(f"line {self._number}: longer than 1 MB")
            return
        text = raw.decode(errors="replace").strip()
        try:
            self._take(text)
        except ValueProblem as problem:
            # By its number: the line itself may hold what is to be shown as stars.
            self.complain(f"line {self._number}: {problem.message}" + (f"; {problem.hint}" if problem.hint else ""))

    def _take(self, text: str) -> None:
        if text.startswith("{"):
            self._json(text)
        elif text:
            self._words(text)

    def _words(self, text: str) -> None:
        word, _, rest = text.partition(" ")
        take = self._takers().get(word)
        if take is None:
            raise ValueProblem(f"no such word: {_shown(word)}", "one of " + ", ".join(sorted(self._takers())))
        take(rest.strip())

    def _takers(self) -> Mapping[str, Callable[[str], None]]:
        return {
            "output": self._take_output,
            "progress": self._take_progress,
            "heartbeat": self._take_heartbeat,
            "message": lambda rest: self._take_said(rest, error=False),
            "error": lambda rest: self._take_said(rest, error=True),
            "status-code": self._take_status_code,
            "retry-after": self._take_retry_after,
            "status": self._take_status,
        }

    def _take_output(self, rest: str) -> None:
        name, found, value = rest.partition("=")
        if not found:
            raise ValueProblem("no value", "write it like output rows=42")
        self._keep_output(name.strip(), value)

    def _take_progress(self, rest: str) -> None:
        number, _, text = rest.partition(" ")
        try:
            percent = float(number.removesuffix("%"))
        except ValueError:
            raise ValueProblem("not a percentage", "write it like progress 40 loading") from None
        if not 0 <= percent <= 100:
            raise ValueProblem("not between 0 and 100")
        self._note("progress", (int(percent), text.strip()[:1000]))

    def _take_heartbeat(self, _rest: str) -> None:
        self._note("heartbeat", True)  # noqa: FBT003 - the value of the fact

    def _take_said(self, rest: str, *, error: bool) -> None:
        code, _, text = rest.partition(" ")
        self._keep_message(code, text.strip(), error=error)

    def _take_status_code(self, rest: str) -> None:
        if not re.fullmatch(r"[0-9]{1,9}", rest):
            raise ValueProblem("not a number", "write it like status-code 429")
        self._note("status_code", int(rest))

    def _take_retry_after(self, rest: str) -> None:
        span = parse_span(f"{rest}s" if rest.isascii() and rest.isdigit() else rest)
        self._note("retry_after", min(span, PATIENCE))
        if span > PATIENCE:
            raise ValueProblem("longer than a week", "7d is taken")

    def _take_status(self, rest: str) -> None:
        if rest not in STATUSES:
            raise ValueProblem("no such status", "one of " + ", ".join(STATUSES))
        self._note("status", STATUSES[rest])

    def _json(self, text: str) -> None:
        said = _decoded(text)
        takers: Mapping[str, Callable[[Any], None]] = {
            "output": self._json_output,
            "message": lambda body: self._json_said(body, error=False),
            "error": lambda body: self._json_said(body, error=True),
            "start_failed": self._json_start_failed,
        }
        key = next(iter(said)) if len(said) == 1 else ""
        if key not in takers:
            raise ValueProblem("not one of output, message or error", 'write it like {"output": {"name": …}}')
        takers[key](said[key])

    def _json_output(self, body: Any) -> None:
        name, kind, state = _text(body, "name"), _text(body, "type", None), _text(body, "state", None)
        sensitive = body.get("sensitive", False)
        if not isinstance(sensitive, bool):
            raise ValueProblem("sensitive must be true or false")
        if "value" not in body:
            raise ValueProblem("no value")
        if kind is not None and kind not in set(ParamType):
            raise ValueProblem(f"no such type: {_shown(kind)}", "one of " + ", ".join(ParamType))
        value = body["value"] if kind is None else _typed(body["value"], ParamType(kind))
        if sensitive or kind == ParamType.SECRET:
            self._sensitive.add(name)
        self._keep_output(name, value)
        if state is not None:
            self._states[name] = state

    def _json_said(self, body: Any, *, error: bool) -> None:
        lines = [_text(body, "message", ""), *_details(body, 1)]
        self._keep_message(_text(body, "code"), "\n".join(lines), error=error)

    def _json_start_failed(self, body: Any) -> None:
        if not isinstance(body, str):
            raise ValueProblem("start_failed must be a string")
        self._note("start_failed", body[:4096])

    def _keep_output(self, name: str, value: Any) -> None:
        if not _NAME.fullmatch(name):
            raise ValueProblem(f"not a name for an output: {_shown(name)}")
        size = len(json.dumps(value, ensure_ascii=False).encode())
        if size > VALUE_LIMIT:
            raise ValueProblem("a value is larger than 1 MB", "larger data belongs in the state store")
        self._pay(size, self._kept.get(name, 0))
        self._kept[name] = size + ENTRY_COST
        self._outputs[name] = value
        self._fresh.add(name)
        self._facts["heartbeat"] = True

    def _keep_message(self, code: str, text: str, *, error: bool) -> None:
        if not _CODE.fullmatch(code):
            raise ValueProblem("no code", "write it like message CODE text")
        size = len(code) + len(text.encode())
        if size > VALUE_LIMIT:
            raise ValueProblem("a value is larger than 1 MB", "larger data belongs in the state store")
        self._pay(size)
        self._messages.append(Message(code, text, error))
        self._facts["heartbeat"] = True
        if error:
            self._facts["error"] = f"{code}: {text}" if text else code

    def _pay(self, size: int, back: int = 0) -> None:
        cost = self._cost + size + ENTRY_COST - back
        if cost > self._total_limit:
            raise ValueProblem("the report is larger than 2 MB", "larger data belongs in the state store")
        self._cost = cost

    def _note(self, fact: str, value: Any) -> None:
        self._facts[fact] = value
        self._facts["heartbeat"] = True
        self._stirred.add(fact)


def _decoded(text: str) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads(text, parse_constant=_refused)  # it starts with a brace
        json.dumps(said, ensure_ascii=False).encode()  # half a surrogate pair can be read, but never be written
    except (ValueError, RecursionError):
        raise ValueProblem("not valid JSON") from None
    _check(said, 0)
    return said


def _refused(word: str) -> NoReturn:
    raise ValueError(word)


def _check(value: Any, depth: int) -> None:
    """Raise where `value` is nested too deeply, or holds what cannot be stored."""
    if depth > DEEPEST:
        raise ValueProblem(f"nested deeper than {DEEPEST} levels")
    if isinstance(value, float) and not isfinite(value):
        raise ValueProblem("not a finite number")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check(item, depth + 1)


def _typed(value: Any, kind: ParamType) -> Any:
    return read_text(value, kind) if isinstance(value, str) else coerce(value, kind)


def _text(body: Any, key: str, default: Any = ...) -> Any:
    """The text under `key`."""
    if not isinstance(body, dict):
        raise ValueProblem("must be an object")
    value = body.get(key, default)
    if value is ...:
        raise ValueProblem(f"no {key}")
    if value is not default and not isinstance(value, str):
        raise ValueProblem(f"{key} must be a string")
    return value


def _details(body: Mapping[str, Any], depth: int) -> list[str]:
    """What stands under `details`, one line each, deeper ones further in."""
    details = body.get("details", [])
    if not isinstance(details, list):
        raise ValueProblem("details must be a list")
    lines = []
    for detail in details:
        if not isinstance(detail, dict):
            lines.append("  " * depth + (detail if isinstance(detail, str) else json.dumps(detail, ensure_ascii=False)))
            continue
        words = (_text(detail, "code", ""), _text(detail, "message", ""))
        lines += ["  " * depth + ": ".join(filter(None, words)), *_details(detail, depth + 1)]
    return lines


def _shown(text: str) -> str:
    """A word as it is, or not at all: of a part nobody could tell that it is one of a secret."""
    return text if len(text) <= 80 else f"a word of {len(text)} characters"
