"""The hash of a definition: quick to take, and the same as that of the whole canonical text."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from polysync.domain.definition import Substituted, definition_data, definition_hash
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


@pytest.mark.parametrize("task", [PLAIN, RICH], ids=["plain", "rich"])
def test_definition_hash_is_that_of_the_canonical_text(task: Task) -> None:
    data = definition_data(task, CONFIGURATION, reveal=True)
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    assert definition_hash(task, CONFIGURATION) == sha256(text.encode()).hexdigest()


def test_definition_hash_changes_with_each_part_and_with_nothing_else() -> None:
    lake = replace(CONFIGURATION.platforms["lake"], max_running=3)
    others = (
        definition_hash(replace(RICH, priority=1), CONFIGURATION),
        definition_hash(RICH, replace(CONFIGURATION, platforms={"lake": lake})),
        definition_hash(RICH, replace(CONFIGURATION, jobs={})),
    )
    assert len({definition_hash(RICH, CONFIGURATION), *others}) == 4
    assert definition_hash(RICH, replace(CONFIGURATION, tasks={"other": PLAIN})) == definition_hash(RICH, CONFIGURATION)
