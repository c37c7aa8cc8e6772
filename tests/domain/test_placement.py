"""Where a run goes."""

from __future__ import annotations

from typing import Any

import pytest

from polysync.domain.placement import choose_platform, fits
from polysync.domain.task import Job, Task

PLATFORMS: dict[str, dict[str, Any]] = {
    "lake": {"region": "eu", "gpu": True},
    "big": {"region": "eu", "gpu": True, "cores": 64},
    "local": {"region": "eu"},
}


def task(platform: str | None = None, **requirements: Any) -> Task:
    return Task(name="t", run="true", platform=platform, requirements=requirements)


@pytest.mark.parametrize(
    ("requirements", "missing"),
    [
        ({}, ()),
        ({"region": "eu", "gpu": True}, ()),
        ({"region": "us", "gpu": True}, ("region",)),
        ({"disk": "ssd", "gpu": 1}, ("disk", "gpu")),
    ],
)
def test_placement_names_what_labels_do_not_meet(requirements: dict[str, Any], missing: tuple[str, ...]) -> None:
    assert fits(requirements, PLATFORMS["lake"]) == missing


@pytest.mark.parametrize(
    ("wanted", "job", "platform"),
    [
        (task(), None, "local"),
        (task("lake"), None, "lake"),
        (task("lake"), Job(name="j", platform="big"), "lake"),
        (task(), Job(name="j", platform="big"), "big"),
        (task(), Job(name="j"), "local"),
        (task(region="eu"), None, "local"),
        (task(gpu=True), None, "big"),
        (task(gpu=True), Job(name="j"), "big"),
        (task(gpu=True), Job(name="j", platform="lake"), "lake"),
        (task(cores=64.0), None, "big"),
        (task(gpu=False), None, None),
        (task("lake", cores=64), None, None),
        (task("gone", gpu=True), None, None),
    ],
)
def test_placement_takes_what_is_named_else_what_fits(wanted: Task, job: Job | None, platform: str | None) -> None:
    assert choose_platform(wanted, job, PLATFORMS) == platform
