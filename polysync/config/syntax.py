"""A file that is not TOML: where it stops being TOML, why, and the rest of it as far as it can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from polysync.config.quick import tables_of
from polysync.config.wording import quoted
from polysync.domain.errors import Problem

TRIES: Final = 50  # broken lines that are stepped over before the rest of a file is given up
_WHERE: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_PLAIN_WORDS: Final = re.compile(r"\s*[\w.\"'-]+\s*=\s*([A-Za-z0-9/~.*@$<>{|&_%+][^\"'\[\]{}#]*?)\s*(?:#.*)?")
_OPEN_STRING: Final = re.compile(r"""[^#"']*=\s*(?:'(?!'')[^']*|"(?!"")[^"]*)""")
_HEADER: Final = re.compile(r"^\s*\[", re.MULTILINE)
DEEPEST: Final = 200  # parts of a dotted key; the time that tomllib needs grows with their square
_DOTTED: Final = re.compile(r"""(?:[\w-]++|"[^"]*+"|'[^']*+')(?:[ \t]*+\.[ \t]*+(?:[\w-]++|"[^"]*+"|'[^']*+'))*+""")
_QUOTED: Final = re.compile(r""""[^"]*+"|'[^']*+'""")
DEEP: Final = "tables or lists are nested too deeply"
EXPLAINED: Final = (
    ("Cannot overwrite a value", "this key stands here a second time", "keep one of them"),
    ("Duplicate inline table key", "this key stands here a second time", "keep one of them"),
    ("Cannot declare", "this table stands here a second time", "keep all its keys under one header"),
    ("Cannot redefine namespace", "this table stands here a second time", "keep all its keys under one header"),
    (
        "Cannot mutate immutable namespace",
        "this table was closed where it was written on one line",
        "add the keys there",
    ),
    ("Expected '=' after a key", "a key without =", "write KEY = VALUE"),
    (
        "Expected newline or end of document",
        "something stands after the end of the statement",
        "a comment starts with #",
    ),
    ("Expected ']'", "a table header without its closing ]", "write [NAME]"),
    ("Expected ']]'", "a table header without its closing ]]", "write [[NAME]]"),
    ("Unclosed array", "a list without its closing ]", "add the ]"),
    ("Unclosed inline table", "a table without its closing }", "add the }, and keep it on one line"),
    ("Expected \"'", "a string without its closing quote", "add the quote"),
    ("Unterminated string", "a string without its closing quote", "add the quote"),
    (
        "Illegal character '\\n'",
        "a string without its closing quote on its line",
        'add the quote, or use """ for several lines',
    ),
    ("Unescaped '\\' in a string", "a lone \\ in a string", "write it twice, or use '…' instead of \"…\""),
    (
        "Invalid initial character for a key part",
        "a key cannot start like this",
        "write KEY = VALUE, with a comma only inside [ ] and { }",
    ),
    ("Invalid statement", "this is neither KEY = VALUE nor [TABLE]", "a comment starts with #"),
    ("Found invalid character", "a control character", "write it as \\uXXXX in a string"),
    ("Illegal character", "a control character", "write it as \\uXXXX in a string"),
    ("Invalid value", "this is not a value", 'put text in quotes: "…"'),
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """The tables of a text as far as it is TOML; `readable` is the text with its broken lines blanked."""

    tables: dict[str, Any]
    readable: str
    problems: tuple[Problem, ...] = ()


def parse(text: str, path: str) -> Parsed:
    """The tables of `text`, and its syntax errors; with any, what stands on broken lines is missing."""
    deep = next(_too_deep(text), None)
    if deep is not None:
        return Parsed({}, "", (Problem(path, *deep, DEEP, "no configuration needs that"),))
    problems: list[Problem] = []
    readable: str | None = text
    while readable is not None and len(problems) < TRIES:
        try:
            return Parsed(tables_of(readable), readable, tuple(problems))
        except RecursionError:
            problems.append(Problem(path, 1, 1, DEEP, "no configuration needs that"))
            break
        except ValueError as error:
            problem = explained(str(error), readable, path)
        if problems and problem.line <= problems[-1].line:
            break  # blanking that line did not help: what follows would only be guessed at
        problems.append(problem)
        readable = _without(readable, problem.line)
    return Parsed({}, "", tuple(problems))


def _too_deep(text: str) -> Iterator[tuple[int, int]]:
    """The dotted keys with more parts than any configuration needs."""
    if text.count(".") < DEEPEST:
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") >= DEEPEST:
            found = (one for one in _DOTTED.finditer(line) if _QUOTED.sub("", one[0]).count(".") >= DEEPEST)
            yield from ((number, one.start() + 1) for one in found)


def explained(said: str, text: str, path: str) -> Problem:
    """What tomllib said, at its place and in words that tell how to mend it."""
    lines = text.split("\n")
    where = _WHERE.search(said)
    line, column = (int(where[1]), int(where[2])) if where and where[1] else _end(lines)
    if (line, column) == _end(lines):
        line, column = next(_unclosed(lines), (line, column))
    if where is None:
        return Problem(path, 1, 1, "not valid TOML: a number has too many digits", "no configuration needs that")
    reason = said[: where.start()]
    message, hint = next(((why, mend) for start, why, mend in EXPLAINED if reason.startswith(start)), (reason, ""))
    bare = _PLAIN_WORDS.fullmatch(lines[line - 1].rstrip("\r"))
    if bare is not None and message in {"this is not a value", "something stands after the end of the statement"}:
        message, hint, column = "text without quotes", f"write {quoted(bare[1])}", bare.start(1) + 1
    return Problem(path, line, column, f"not valid TOML: {message}", hint)


def _unclosed(lines: list[str]) -> Iterator[tuple[int, int]]:
    """The strings that end with their line instead of with a quote."""
    for number, line in enumerate(lines, 1):
        found = _OPEN_STRING.fullmatch(line)
        if found is not None:
            yield number, found.end() + 1


def _end(lines: list[str]) -> tuple[int, int]:
    last = max(len(lines) - 1, 1) if lines[-1] == "" else len(lines)
    return last, len(lines[last - 1]) + 1


def _without(text: str, line: int) -> str | None:
    """`text` with the broken line blanked, and with a broken header all that stands under it."""
    lines = text.split("\n")
    if line >= len(lines) and not lines[-1].strip():
        return None
    start = sum(len(before) + 1 for before in lines[: line - 1])
    end = start + len(lines[line - 1])
    if _HEADER.match(lines[line - 1]):
        following = _HEADER.search(text, end)
        end = following.start() if following else len(text)
    return text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]
