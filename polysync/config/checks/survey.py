"""What the checks look at: the definitions, what was written, and what exists by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from polysync.config.assemble import Assembled
from polysync.config.context import Reference
from polysync.config.findings import Findings
from polysync.config.gather import Gathered, Table
from polysync.config.layers import Unit, is_template
from polysync.config.lines import KeyPath
from polysync.config.suggest import Pool
from polysync.domain.settings import Configuration


@dataclass(frozen=True, slots=True)
class Survey:
    """One configuration and the tables it came from."""

    config: Configuration
    tasks: Mapping[str, Unit]
    services: Mapping[str, Unit]
    tables: Mapping[str, Mapping[str, Table]]
    listed: Mapping[str, Sequence[Table]]
    references: Sequence[Reference]
    defaults: Collection[str]  # the keys that stand in [defaults]
    findings: Findings
    templates: Collection[str]
    pools: dict[str, Pool] = field(default_factory=dict)

    def pool(self, kind: str, names: Iterable[str]) -> Pool:
        """The names of one kind to guess from, gathered at the first unknown one."""
        if kind not in self.pools:
            self.pools[kind] = Pool(sorted(names))
        return self.pools[kind]


def survey(assembled: Assembled, gathered: Gathered) -> Survey:
    """The overview of a configuration that has been put together."""
    return Survey(
        config=assembled.config,
        tasks=assembled.tasks,
        services=assembled.services,
        tables=gathered.named,
        listed=gathered.listed,
        references=gathered.references,
        defaults=_keys(gathered.single.get("defaults")),
        findings=gathered.findings,
        templates=frozenset(name for name, unit in assembled.tasks.items() if is_template(unit.said)),
    )


def _keys(table: Table | None) -> Collection[str]:
    return tuple(table.raw) if table is not None and isinstance(table.raw, dict) else ()


def spoken(unit: Unit, key: str, survey: Survey) -> KeyPath:
    """Where the value of a key was said: in the unit's own table, or in [defaults]."""
    if key not in unit.said.raw and key in survey.defaults:
        return ("defaults", key)
    return (*unit.path, key)


def said(unit: Unit, *keys: str) -> list[str]:
    """Which of `keys` the unit or its templates wrote, right or wrong."""
    return [key for key in keys if key in unit.said.raw]
