"""From the text of a configuration to frozen definitions, or to everything that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from posixpath import dirname, join
from typing import Any, Final

from polysync.config.assemble import assemble
from polysync.config.checks import check
from polysync.config.context import Context, Reference
from polysync.config.findings import Findings
from polysync.config.gather import Gathered, Sources, gather
from polysync.config.kinds import OPTION_CLASSES
from polysync.config.substitute import Substitution
from polysync.config.syntax import DEEP
from polysync.domain.errors import Problem, Severity, ValueProblem
from polysync.domain.settings import Configuration

NO_ENV: Final[Mapping[str, str]] = {}


def no_file(name: str) -> str:
    """Refuse to read: for texts that come without a folder."""
    raise ValueProblem(f"cannot read {name}: this text has no folder")


def no_files(_pattern: str) -> Sequence[str]:
    """Find nothing: for texts that come without a folder."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A configuration with all that was found on the way to it; `config` is None when any error was."""

    config: Configuration | None
    problems: tuple[Problem, ...]
    documents: Mapping[str, str]  # the text of the file and of each included one, by path
    files: tuple[str, ...]  # every file that was read, also those of ${file:…} and calendars
    env: Mapping[str, str | None]  # the environment variables that were asked for
    gathered: Gathered | None = None

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that refuse the file."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The problems that do not."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.WARNING)


@dataclass(slots=True)
class _Desk:
    """The files and variables at hand, and a note of which were used."""

    main: str
    env: Mapping[str, str]
    read_file: Callable[[str], str]
    find_files: Callable[[str], Sequence[str]]
    host_zone: str
    now: datetime | None
    options: Mapping[str, type[Any]]
    files: dict[str, None] = field(default_factory=dict)
    used: dict[str, str | None] = field(default_factory=dict)
    references: list[Reference] = field(default_factory=list)  # of all files together

    def read(self, path: str) -> str:
        self.files[path] = None
        return self.read_file(path)

    def context(self, findings: Findings, file: str) -> Context:
        folder = dirname(file)

        def beside(name: str) -> str:
            return self.read(join(folder, name))

        substitution = Substitution(self.env, beside, self.used)
        return Context(findings, substitution, beside, self.options, self.references)


def decode(  # noqa: PLR0913 - all but the text have a default, and tests give what the world would
    text: str,
    path: str = "polysync.toml",
    *,
    env: Mapping[str, str] = NO_ENV,
    read_file: Callable[[str], str] = no_file,
    find_files: Callable[[str], Sequence[str]] = no_files,
    host_zone: str = "UTC",
    now: datetime | None = None,
    options: Mapping[str, type[Any]] = OPTION_CLASSES,
) -> Loaded:
    """The configuration that `text` describes; with `now`, clock changes soon after it are looked at too."""
    findings = Findings(path)
    desk = _Desk(path, env, read_file, find_files, host_zone, now, options, files={path: None})
    try:
        return _decoded(text, desk, findings)
    except RecursionError:
        problem = Problem(path, 1, 1, DEEP, "no configuration needs that")
        return Loaded(config=None, problems=(problem,), documents={path: text}, files=tuple(desk.files), env=desk.used)


def _decoded(text: str, desk: _Desk, findings: Findings) -> Loaded:
    gathered = gather(text, desk.main, Sources(desk.find_files, desk.read, desk.context), findings)
    assembled = assemble(gathered, desk.host_zone)
    if not gathered.broken:
        check(assembled, gathered, desk.now)
    return Loaded(
        config=None if findings.failed else assembled.config,
        problems=findings.problems(gathered.readable),
        documents=gathered.texts,
        files=tuple(desk.files),
        env=desk.used,
        gathered=gathered,
    )
