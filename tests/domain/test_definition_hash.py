"""The hash of a definition: another one exactly where something of the definition is another."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta

from polysync.domain.definition import Substituted, definition_hash
from polysync.domain.settings import Configuration, Platform
from polysync.domain.task import Approval, Job, Task
from polysync.domain.values import Overlap, Parameter

PLAIN = Task(name="work", run="true")
RICH = Task(
    name="work",
    job="etl",
    parameters={"ä": Parameter(value=[1, {"b": 2, "a": None}])},
    timeout=timedelta(minutes=5),
    approval=Approval(before=True),
    on_overlap=Overlap.SKIP,
    env={"PATH": Substituted("/bin", "${env:PATH}")},
)
CONFIGURATION = Configuration(
    jobs={"etl@2": Job(name="etl@2", platform="lake")}, platforms={"lake": Platform(name="lake", type="slurm")}
)


def unequal(task: Task) -> Iterator[Task]:
    """The same task with each of its fields as another task has it."""
    for one in fields(Task):
        there, here = getattr(RICH, one.name), getattr(task, one.name)
        if there != here:
            yield replace(task, **{one.name: there})


def test_equal_definitions_have_one_hash_however_they_were_made() -> None:
    spelled = replace(PLAIN, **{one.name: copy.deepcopy(getattr(PLAIN, one.name)) for one in fields(Task)})
    assert spelled is not PLAIN
    assert definition_hash(spelled, CONFIGURATION) == definition_hash(PLAIN, CONFIGURATION)


def test_every_field_that_is_another_makes_another_hash() -> None:
    tasks = [PLAIN, RICH, *unequal(PLAIN)]
    assert len(tasks) > 8
    assert len({definition_hash(task, CONFIGURATION) for task in tasks}) == len(tasks)


def test_the_hash_holds_for_what_is_inside() -> None:
    other = replace(RICH, approval=Approval(before=True, reason="money"))
    assert definition_hash(other, CONFIGURATION) != definition_hash(RICH, CONFIGURATION)
    revealed = replace(RICH, env={"PATH": Substituted("/usr/bin", "${env:PATH}")})
    assert definition_hash(revealed, CONFIGURATION) != definition_hash(RICH, CONFIGURATION)


def test_definition_hash_changes_with_each_part_and_with_nothing_else() -> None:
    lake = replace(CONFIGURATION.platforms["lake"], max_running=3)
    others = (
        definition_hash(replace(RICH, priority=1), CONFIGURATION),
        definition_hash(RICH, replace(CONFIGURATION, platforms={"lake": lake})),
        definition_hash(RICH, replace(CONFIGURATION, jobs={})),
    )
    assert len({definition_hash(RICH, CONFIGURATION), *others}) == 4
    assert definition_hash(RICH, replace(CONFIGURATION, tasks={"other": PLAIN})) == definition_hash(RICH, CONFIGURATION)
