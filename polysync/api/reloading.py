"""Reading the configuration again: what would change, and letting it hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from polysync.api.refusal import Refused
from polysync.config.diff import Plan
from polysync.config.report import problem_data
from polysync.domain.errors import Problem
from polysync.ports import Asker


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of reading the configuration again."""

    plan: Plan = field(default_factory=Plan)
    errors: tuple[Problem, ...] = ()  # with any of them the old one stays in force
    warnings: tuple[Problem, ...] = ()
    zones: Mapping[str, str] = field(default_factory=dict)  # of the tasks whose next firing moves
    hash: str = ""

    def to_data(self) -> dict[str, Any]:
        """The plan as JSON data, each move with the zone it is thought in."""
        told = self.plan.to_data()
        for moved in told["moved"]:
            moved["timezone"] = self.zones.get(moved["task"])
        return {**told, "warnings": [problem_data(one) for one in self.warnings], "hash": self.hash}


class Reloads(Protocol):
    """Whoever reads the configuration again."""

    async def reload(self, asker: Asker, *, dry_run: bool = False) -> Outcome:
        """Read it again and let it hold; the answer comes once that is durable."""

    async def look(self) -> None:
        """See what only a look at the files can tell."""

    def facts(self) -> Mapping[str, Any]:
        """The configuration that holds, and what a person should know about it."""


async def health_of(reloads: Reloads | None, degraded: Sequence[str]) -> Mapping[str, Any]:
    """Somebody answers; what is not as it should be, and how the configuration stands."""
    told: dict[str, Any] = {"ok": True}
    if reloads is not None:
        await reloads.look()
        facts = reloads.facts()
        told |= {"degraded": list(degraded), "config": {name: facts[name] for name in ("newer", "error")}}
    return told


async def reload(reloads: Reloads | None, asker: Asker, *, dry_run: bool) -> Mapping[str, Any]:
    """Take the configuration on disk; `dry_run` only says what that would change."""
    if reloads is None:
        raise Refused(503, "nothing here can be reloaded")
    outcome = await reloads.reload(asker, dry_run=dry_run)
    if outcome.errors:
        problems = [problem_data(one) for one in (*outcome.errors, *outcome.warnings)]
        raise Refused(422, "the configuration has errors: the old one stays in force", problems=problems)
    return {**outcome.to_data(), "dry_run": dry_run}
