"""What decoding one file knows beside the value in hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from polysync.config.findings import Findings
from polysync.config.lines import KeyPath
from polysync.config.substitute import Substitution


class Reference(NamedTuple):
    """A name that must be defined somewhere in the configuration."""

    kind: str
    name: str
    path: KeyPath


@dataclass(slots=True)
class Context:
    """The file being decoded: its findings, its substitutions, and the names it refers to."""

    findings: Findings
    substitution: Substitution
    read: Callable[[str], str]  # the text of a file named in this one; raises ValueProblem
    options: Mapping[str, type[Any]]
    references: list[Reference] = field(default_factory=list)

    def expand(self, text: str, *, run_variables: bool) -> str:
        """`text` with its variables replaced; ValueProblem points at the one that cannot be."""
        return self.substitution.expand(text, run_variables=run_variables)


Decoder = Callable[[Any, KeyPath, Context], Any]
