"""Which parameters and outputs of a run are shown as stars, and which of them whoever asks."""

from __future__ import annotations

from collections.abc import Callable

from polysync.daemon.driver import Driver
from polysync.daemon.recipe import secret_names, sensitive_names
from polysync.domain.definition import Definition, parts_of
from polysync.domain.rows import Run


class Secrecy:
    """Knows by the definition that a run was made under; where that is gone, by today's."""

    def __init__(self, driver: Callable[[], Driver]) -> None:
        self._driver = driver

    def sensitive(self, run: Run) -> frozenset[str]:
        """What is shown as stars; where nothing is known of its task any more, all of it."""
        definition = self._definition(run)
        if definition is None:
            return frozenset((*run.parameters, *run.outputs))
        schema = definition.job.parameters if definition.job is not None else {}
        return sensitive_names(definition.task, schema).union(run.sensitive)

    def secret(self, run: Run) -> frozenset[str]:
        """What stays so even for those who may see what is sensitive."""
        definition = self._definition(run)
        if definition is None:
            return frozenset((*run.parameters, *run.outputs))
        schema = definition.job.parameters if definition.job is not None else {}
        return secret_names(definition.task, schema)

    def _definition(self, run: Run) -> Definition | None:
        driver = self._driver()
        definition, today = driver.engine.definition(run), driver.configuration.tasks.get(run.task)
        if definition is None and today is not None:
            return parts_of(today, driver.configuration)
        return definition
