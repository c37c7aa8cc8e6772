"""`polysync report` inside a run: one line for its report file, checked first, and appended whole or not at all.

Scripts call this in loops: it imports nothing but what an interpreter has loaded anyway.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as in typing, whose import alone would take longer than the whole command
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

FILE = "POLYSYNC_REPORT"
MOST = 1 << 20  # bytes of one value, as the daemon reads it
LONGEST_NAME = 100
STATUSES = ("fatal", "intermediate", "skipped")
HELP = ("-h", "--help")
FIRST = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
LATER = f"{FIRST}0123456789.-"
USAGE = 2
FAILED = 1


class Mistake(Exception):
    """Words that cannot be reported, and what would be right."""

    def __init__(self, message: str, hint: str = "", status: int = USAGE) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.status = status


def fast(words: Sequence[str], environ: Mapping[str, str]) -> int | None:
    """The exit status of a report; None where the words ask for something else, such as help."""
    if not words or words[0].startswith("-") or words[1:2] in (["-h"], ["--help"]):
        return None
    try:
        report(words, environ)
    except Mistake as mistake:
        if sys.stderr is not None:
            hint = f" hint: {mistake.hint}\n" if mistake.hint else ""
            sys.stderr.write(f"error: {mistake.message}\n{hint}")
        return mistake.status
    return 0


def report(words: Sequence[str], environ: Mapping[str, str]) -> None:
    """Append what the words say to the report of the run that this process belongs to."""
    path = environ.get(FILE, "")
    if not path:
        hint = f"call it from the work of a task; there {FILE} names its report"
        raise Mistake("polysync report works inside a run only", hint)
    lines = b"".join([line + b"\n" for line in lines_of(words)])
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        raise Mistake(f"{path} is not there: the run is over", "", FAILED) from None
    except OSError as error:
        raise Mistake(f"{path}: {(error.strerror or str(error)).lower()}", "", FAILED) from None
    try:
        _append(descriptor, lines, path)
    finally:
        os.close(descriptor)


def _append(descriptor: int, lines: bytes, path: str) -> None:
    """One write: what others write at the same time stands before or behind it."""
    try:
        written = os.write(descriptor, lines)
    except OSError as error:
        raise Mistake(f"{path}: {(error.strerror or str(error)).lower()}", "", FAILED) from None
    if written < len(lines):
        try:
            os.write(descriptor, b"\n")  # half a line must not swallow the next one
        except OSError:
            written = 0  # told below all the same
        raise Mistake(f"{path}: the disk took only a part of it", "", FAILED)


def lines_of(words: Sequence[str]) -> list[bytes]:
    """The lines that say it, as the daemon reads them."""
    word, *rest = words
    if word not in WORDS:
        raise Mistake(f"report {shown(word)} is not known", f"one of {', '.join(WORDS)}")
    made, usage = WORDS[word]
    try:
        lines = made(rest)
    except Mistake as mistake:
        mistake.hint = mistake.hint or f"write polysync report {usage}"
        raise
    if any(len(line) > MOST for line in lines):
        raise Mistake("a value is larger than 1 MB", "larger data belongs into a file")
    return lines


def shown(text: str) -> str:
    """A word in a message: short, and harmless on any terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:80])


def _output(rest: list[str]) -> list[bytes]:
    sensitive = rest[:1] == ["--sensitive"]
    pairs = rest[1:] if sensitive else rest
    if not pairs:
        raise Mistake("report output needs a name and a value")
    return [_pair(pair, sensitive=sensitive) for pair in pairs]


def _pair(pair: str, *, sensitive: bool) -> bytes:
    name, equals, value = pair.partition("=")
    as_json = name.endswith(":")
    name = name.removesuffix(":")
    if not equals or not name:
        raise Mistake(f"{shown(pair)} is not NAME=VALUE")
    if len(name) > LONGEST_NAME or name[0] not in FIRST or name.strip(LATER):
        raise Mistake(f"{shown(name)} is not a name for an output", "letters, digits and _ . - after the first letter")
    if as_json or sensitive or value != value.strip() or not value.isprintable():
        return _json({"output": {"name": name, "value": _value(value) if as_json else _text(value)} | _mark(sensitive)})
    return os.fsencode(f"output {name}={value}")


def _mark(sensitive: bool) -> dict[str, object]:  # noqa: FBT001 - the value of the mark
    return {"sensitive": True} if sensitive else {}


def _value(text: str) -> object:
    import json

    try:
        return json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError):
        raise Mistake(f"{shown(text)} is not JSON", "write NAME:=JSON, such as rows:=42, or NAME=TEXT") from None


def _no_json(word: str) -> None:
    raise ValueError(word)


def _text(value: str) -> str:
    """Text for JSON: bytes that are no UTF-8 become question marks, as wherever the report is read."""
    return os.fsencode(value).decode(errors="replace")


def _json(said: object) -> bytes:
    import json

    return json.dumps(said, ensure_ascii=False).encode()


def _progress(rest: list[str]) -> list[bytes]:
    number = rest[0] if rest else ""
    try:
        fine = 0 <= float(number.removesuffix("%")) <= 100
    except ValueError:
        fine = False
    if not fine:
        raise Mistake(f"{shown(number)} is not a number from 0 to 100" if rest else "report progress needs a number")
    text = " ".join(" ".join(rest[1:]).split())
    return [os.fsencode(f"progress {number} {text}".rstrip())]


def _said(word: str) -> Callable[[list[str]], list[bytes]]:
    def made(rest: list[str]) -> list[bytes]:
        code, text = rest[0] if rest else "", " ".join(rest[1:])
        if not code or len(code) > LONGEST_NAME or code.split() != [code]:
            raise Mistake(f"{shown(code)} is not a code: one word" if rest else f"report {word} needs a code")
        if text == text.strip() and (text.isprintable() or not text):
            return [os.fsencode(f"{word} {code} {text}".rstrip())]
        return [_json({word: {"code": _text(code), "message": _text(text)}})]

    return made


def _retry_after(rest: list[str]) -> list[bytes]:
    if len(rest) != 1:
        raise Mistake("report retry-after needs one length of time")
    said = rest[0]
    if not (said.isascii() and said.isdigit()):  # mere seconds
        from polysync.domain.errors import ValueProblem
        from polysync.domain.quantity import parse_span

        try:
            parse_span(said)
        except ValueProblem as problem:
            raise Mistake(f"{shown(said)}: {problem.message}", problem.hint) from None
    return [f"retry-after {said}".encode()]


def _status(rest: list[str]) -> list[bytes]:
    if len(rest) != 1 or rest[0] not in STATUSES:
        raise Mistake(f"report status needs one of {', '.join(STATUSES)}")
    return [f"status {rest[0]}".encode()]


def _status_code(rest: list[str]) -> list[bytes]:
    if len(rest) != 1 or not (rest[0].isascii() and rest[0].isdigit() and len(rest[0]) < 10):
        raise Mistake("report status-code needs one number")
    return [f"status-code {rest[0]}".encode()]


def _heartbeat(rest: list[str]) -> list[bytes]:
    if rest:
        raise Mistake("report heartbeat takes no words")
    return [b"heartbeat"]


WORDS: dict[str, tuple[Callable[[list[str]], list[bytes]], str]] = {
    "output": (_output, "output rows=42"),
    "progress": (_progress, "progress 40 loading"),
    "message": (_said("message"), "message SLOW the disk is slow"),
    "error": (_said("error"), "error E7 no such table"),
    "retry-after": (_retry_after, "retry-after 30s"),
    "status": (_status, "status intermediate"),
    "status-code": (_status_code, "status-code 429"),
    "heartbeat": (_heartbeat, "heartbeat"),
}
