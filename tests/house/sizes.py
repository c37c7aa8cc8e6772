"""Sizes: files, functions and nesting that fit a head, and seams that fit a hand."""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from statistics import median
from typing import Final

from tests.house.sources import Function, Source, dotted, python

FILE_LINES: Final = 400
FUNCTION_LINES: Final = 50
NESTING: Final = 3
PORT_MEMBERS: Final = 6
MEDIAN_FILE: Final = 140
MEDIAN_FUNCTION: Final = 8
WRITTEN: Final = {".py", ".sh", ".sql", ".tcss", ""}  # what people write by hand; the empty suffix is contrib/dev
SILENT: Final = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
BLOCKS: Final = (
    *(ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith),
    *(ast.Try, ast.TryStar, ast.Match),
)


def check_file_lengths(sources: Sequence[Source]) -> list[str]:
    """No file is longer than 400 lines."""
    return [
        f"{source.path}: {lines} lines, at most {FILE_LINES}; give a decision in it a file of its own"
        for source in sources
        if source.path.split("/")[0] in {"polysync", "tests", "docs", "contrib", ".ci"}
        and PurePosixPath(source.path).suffix in WRITTEN
        and (lines := source.text.count("\n")) > FILE_LINES
    ]


def check_function_lengths(sources: Sequence[Source]) -> list[str]:
    """No function has more than 50 lines of code; its docstring, comments and blank lines do not count."""
    found = []
    for source in python(sources):
        long = [function for function in source.functions if _spans(function) > FUNCTION_LINES]
        code = code_lines(source) if long else set()  # reading the tokens of every file takes seconds
        for function in long:
            length = function_length(function, code)
            if length > FUNCTION_LINES:
                found.append(f"{source.at(function)}: {function.name} has {length} lines, at most {FUNCTION_LINES}")
    return found


def _spans(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines from its first to its last, code or not."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def check_nesting(sources: Sequence[Source]) -> list[str]:
    """No block stands more than three deep."""
    return [
        f"{source.at(function)}: {function.name} nests {depth} deep, at most {NESTING}"
        for source in python(sources)
        for function in source.functions
        if (depth := _depth(function.body)) > NESTING
    ]


def check_medians(sources: Sequence[Source]) -> list[str]:
    """Half of the package's files have at most 140 lines, half of its functions at most 8."""
    package = python(sources, "polysync")
    files = [source.text.count("\n") for source in package if source.text.count("\n") > 5]  # less is an empty room
    lengths = [function_length(f, code) for s in package for code in [code_lines(s)] for f in s.functions]
    found = []
    if files and median(files) > MEDIAN_FILE:
        found.append(f"polysync: the median file has {median(files):.0f} lines, at most {MEDIAN_FILE}")
    if lengths and median(lengths) > MEDIAN_FUNCTION:
        found.append(f"polysync: the median function has {median(lengths):.0f} lines, at most {MEDIAN_FUNCTION}")
    return found


def check_ports(sources: Sequence[Source]) -> list[str]:
    """A port has at most six members, and a docstring for each."""
    ports = [
        (source, node)
        for source in sources
        if source.path == "polysync/ports.py"
        for node in source.tree.body
        if isinstance(node, ast.ClassDef) and "Protocol" in {dotted(b).rpartition(".")[2] for b in node.bases}
    ]
    crowded = [
        f"{source.at(port)}: {port.name} has {count} members, at most {PORT_MEMBERS}"
        for source, port in ports
        if (count := sum(isinstance(m, Function | ast.AnnAssign) for m in port.body)) > PORT_MEMBERS
    ]
    silent = [
        f"{source.at(member)}: {port.name}.{member.name} has no contract"
        for source, port in ports
        for member in port.body
        if isinstance(member, Function) and ast.get_docstring(member) is None
    ]
    return crowded + silent


def code_lines(source: Source) -> set[int]:
    """The lines of a file on which something other than a comment stands."""
    return {line for t in source.tokens if t.type not in SILENT for line in range(t.start[0], t.end[0] + 1)}


def function_length(function: Function, code: set[int]) -> int:
    """How many lines of code a function has, from `def` to its end, without its docstring."""
    first = function.body[0]
    documented = ast.get_docstring(function, clean=False) is not None
    silent = set(range(first.lineno, (first.end_lineno or first.lineno) + 1)) if documented else set()
    return len(code.intersection(range(function.lineno, (function.end_lineno or 0) + 1)) - silent)


def _depth(body: Sequence[ast.stmt]) -> int:
    return max((1 + max(map(_depth, _bodies(s)), default=0) for s in body if isinstance(s, BLOCKS)), default=0)


def _bodies(block: ast.stmt) -> Iterator[Sequence[ast.stmt]]:
    """The bodies of a block; `elif` continues its `if` rather than standing inside it."""
    yield from (getattr(block, name, []) for name in ("body", "finalbody"))
    yield from (part.body for name in ("handlers", "cases") for part in getattr(block, name, []))
    other = getattr(block, "orelse", [])
    while len(other) == 1 and isinstance(block, ast.If) and isinstance(other[0], ast.If):
        yield other[0].body
        other = other[0].orelse
    yield other
