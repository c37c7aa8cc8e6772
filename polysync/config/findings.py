"""Collecting everything that is wrong with a configuration, and finding its places afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from polysync.config.lines import KeyPath, Place, Positions, locate
from polysync.config.wording import dotted
from polysync.domain.errors import Problem, Severity, ValueProblem


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault at a key path; its line is looked up when all are known."""

    path: KeyPath
    message: str
    hint: str
    on_key: bool  # points at the key rather than at its value
    offset: int
    severity: Severity
    file: str | None = None  # where it is not the file that holds the path


@dataclass(slots=True)
class Findings:
    """The faults so far; `sources` says which file a table came from, and where it stands there."""

    main: str
    found: list[Finding] = field(default_factory=list)
    placed: list[Problem] = field(default_factory=list)  # faults that already know their place
    sources: dict[KeyPath, tuple[str, KeyPath]] = field(default_factory=dict)

    def error(
        self,
        path: KeyPath,
        message: str,
        hint: str = "",
        *,
        on_key: bool = False,
        offset: int = 0,
        file: str | None = None,
    ) -> None:
        """Something that refuses the file."""
        self.found.append(Finding(path, message, hint, on_key, offset, Severity.ERROR, file))

    def warn(self, path: KeyPath, message: str, hint: str = "", *, on_key: bool = False) -> None:
        """Something that a person should look at, but that does not refuse the file."""
        self.found.append(Finding(path, message, hint, on_key, 0, Severity.WARNING))

    def value_problem(self, path: KeyPath, problem: ValueProblem) -> None:
        """A value that its own checker refused; without a message its faults have been told already."""
        if problem.message:
            self.error(path, problem.message, problem.hint, offset=problem.offset)

    def origin(self, path: KeyPath) -> tuple[str, KeyPath]:
        """The file that holds `path`, and the path within that file."""
        source = self.sources.get(path[:2])
        return (source[0], (*source[1], *path[2:])) if source else (self.main, path)

    @property
    def failed(self) -> bool:
        """Whether anything found refuses the file."""
        severities = {*(one.severity for one in self.found), *(one.severity for one in self.placed)}
        return Severity.ERROR in severities

    def problems(self, texts: Mapping[str, str]) -> tuple[Problem, ...]:
        """Everything found, with places, in the order of the files."""
        located: dict[str, Positions] = {}
        problems = {*self.placed, *(self._placed(finding, texts, located) for finding in self.found)}
        return tuple(sorted(problems))

    def _placed(self, finding: Finding, texts: Mapping[str, str], located: dict[str, Positions]) -> Problem:
        file, path = (finding.file, finding.path) if finding.file else self.origin(finding.path)
        if file not in located and file in texts:
            located[file] = locate(texts[file])
        place = _place(located.get(file), path, finding)
        return Problem(file, *place, finding.message, finding.hint, dotted(path), finding.severity)


def _place(positions: Positions | None, path: KeyPath, finding: Finding) -> Place:
    if positions is None:
        return Place(0, 0)
    return positions.key(path) if finding.on_key else positions.value(path, finding.offset)
