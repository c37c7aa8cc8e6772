"""One set of tables out of a file and the files it includes, each table with the file it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from polysync.config.context import Context, Reference
from polysync.config.findings import Findings
from polysync.config.lines import KeyPath
from polysync.config.read import LARGEST
from polysync.config.shapes import each, text_decoder, wrong_kind
from polysync.config.syntax import parse
from polysync.config.tables import fits, refuse_repeats
from polysync.config.unknown import unknown_section
from polysync.domain.errors import ValueProblem
from polysync.domain.shape import Text
from polysync.domain.values import JOB_PATTERN, NAME_PATTERN

NAMED: Final = ("vaults", "platforms", "contention", "calendars", "jobs", "tasks", "services", "webhooks")
LISTED: Final = ("notifier", "route")
SINGLE: Final = ("daemon", "scheduler", "storage", "api", "access", "notify", "defaults")
PATTERN: Final = text_decoder(Text(empty=False))
SECTIONS: Final = ("include", *SINGLE, *NAMED, *LISTED)


@dataclass(frozen=True, slots=True)
class Table:
    """One table as it stands in a file, and the context to decode it in."""

    raw: Any
    path: KeyPath
    context: Context


@dataclass(slots=True)
class Gathered:
    """Every table of the main file and its includes."""

    findings: Findings
    named: dict[str, dict[str, Table]] = field(default_factory=lambda: {section: {} for section in NAMED})
    listed: dict[str, list[Table]] = field(default_factory=lambda: {section: [] for section in LISTED})
    single: dict[str, Table] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    readable: dict[str, str] = field(default_factory=dict)  # the same, with lines blanked that are not TOML
    broken: bool = False  # a file is not TOML, so that what is missing may stand on its broken lines
    include: tuple[str, ...] = ()
    references: list[Reference] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sources:
    """How further files are found and read; both raise ValueProblem."""

    find: Callable[[str], Sequence[str]]  # the files that a pattern of the main file matches, sorted
    read: Callable[[str], str]
    context: Callable[[Findings, str], Context]  # the context of a file


def gather(text: str, main: str, sources: Sources, findings: Findings) -> Gathered:
    """Every table of `text` and of the files that it includes."""
    gathered = Gathered(findings)
    context = sources.context(findings, main)
    raw = _parsed(text, main, gathered)
    gathered.references = context.references
    patterns = _patterns(raw, context)
    gathered.include = tuple(patterns.values())
    _take(raw, main, gathered, context, SECTIONS)
    for file, path in _included(patterns, main, gathered, sources).items():
        try:
            further = sources.read(file)
        except ValueProblem as problem:
            findings.error(path, problem.message, problem.hint)
            continue
        if sum(map(len, gathered.texts.values())) + len(further) > LARGEST:
            findings.error(path, f"{file} makes the files together larger than 16 MB", "include fewer files")
            break
        tables = _parsed(further, file, gathered)
        _take(tables, file, gathered, sources.context(findings, file), (*NAMED, *LISTED))
    return gathered


def _parsed(text: str, file: str, gathered: Gathered) -> Mapping[str, Any]:
    gathered.texts[file] = text
    parsed = parse(text, file)
    gathered.readable[file] = parsed.readable
    gathered.findings.placed.extend(parsed.problems)
    gathered.broken = gathered.broken or bool(parsed.problems)
    return parsed.tables


def _patterns(raw: Mapping[str, Any], context: Context) -> dict[KeyPath, str]:
    """The patterns of `include`, each by its place."""
    value, path = raw.get("include", []), ("include",)
    if type(value) is list:
        made = each(enumerate(value), path, context, PATTERN)
        refuse_repeats(value, path, context)
    else:
        made = each([("include", value)], (), context, PATTERN)
    return {(*path, index) if isinstance(index, int) else path: pattern for index, pattern in made.items()}


def _included(patterns: Mapping[KeyPath, str], main: str, gathered: Gathered, sources: Sources) -> dict[str, KeyPath]:
    """The included files, each once, in the order of the patterns, with the pattern that found each."""
    files: dict[str, KeyPath] = {}
    for path, pattern in patterns.items():
        try:
            found = sources.find(pattern)
        except ValueProblem as problem:
            gathered.findings.value_problem(path, problem)
            continue
        if not found:
            gathered.findings.warn(path, "no file matches", "remove it, or create the file")
        files.update((file, path) for file in found if file != main and file not in files)
    return files


def _take(raw: Mapping[str, Any], file: str, gathered: Gathered, context: Context, allowed: Sequence[str]) -> None:
    for section, value in raw.items():
        if section == "include" and section in allowed:
            continue
        if section not in allowed:
            _refuse_section(section, file, gathered.findings)
        elif section in SINGLE:
            gathered.single[section] = Table(value, (section,), context)
        elif section in LISTED:
            _take_list(section, value, file, gathered, context)
        else:
            _take_names(section, value, file, gathered, context)


def _refuse_section(section: str, file: str, findings: Findings) -> None:
    if section == "include":
        findings.error(
            (section,), "an included file cannot include others", "list it in the main file", on_key=True, file=file
        )
    else:
        unknown_section(section, SECTIONS, findings, file)


def _take_list(section: str, value: Any, file: str, gathered: Gathered, context: Context) -> None:
    if type(value) is not list:
        gathered.findings.error((section,), "must be a list of tables", f"write [[{section}]]", on_key=True, file=file)
        return
    for local, item in enumerate(value):
        path: KeyPath = (section, len(gathered.listed[section]))
        gathered.findings.sources[path] = (file, (section, local))
        gathered.listed[section].append(Table(item, path, context))


def _take_names(section: str, value: Any, file: str, gathered: Gathered, context: Context) -> None:
    findings, tables = gathered.findings, gathered.named[section]
    if type(value) is not dict:
        problem = wrong_kind("a table", value, f"write [{section}.NAME]")
        findings.error((section,), problem.message, problem.hint, on_key=True, file=file)
        return
    pattern = JOB_PATTERN if section == "jobs" else NAME_PATTERN
    for name, raw in value.items():
        path: KeyPath = (section, name)
        if name in tables:
            other = findings.origin(path)[0]
            findings.error(path, f"defined in {other} and in {file}", "keep one of them", on_key=True, file=file)
            continue
        if file != findings.main:
            findings.sources[path] = (file, path)
        fits(name, pattern, (section,), context)
        tables[name] = Table(raw, path, context)
