"""Checks of the configuration as a whole: what no single value can tell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from polysync.config.assemble import Assembled
from polysync.config.checks import channels, dependencies, executables, limits, parameters, schedules, services, waste
from polysync.config.checks.references import check_references
from polysync.config.checks.survey import Survey, survey
from polysync.config.gather import Gathered
from polysync.config.layers import Unit

TASK_CHECKS: Final[tuple[Callable[[Unit, Survey], None], ...]] = (
    executables.check_task,
    parameters.check_task,
    dependencies.check_task,
    schedules.check_task,
    limits.check_task,
)
WHOLE_CHECKS: Final[tuple[Callable[[Survey], None], ...]] = (
    check_references,
    dependencies.check_cycles,
    services.check,
    limits.check,
    channels.check,
    waste.check,
)


def check(assembled: Assembled, gathered: Gathered, now: datetime | None) -> None:
    """Everything that is wrong between the values; findings go where those of the values went."""
    overview = survey(assembled, gathered)
    for name, unit in assembled.tasks.items():
        schedules.check_crons(unit, overview)
        if name in overview.templates:
            executables.check_template(unit, overview)
            continue
        for check_one in TASK_CHECKS:
            check_one(unit, overview)
    for check_all in WHOLE_CHECKS:
        check_all(overview)
    if now is not None:
        schedules.check_clock_changes(overview, now)
