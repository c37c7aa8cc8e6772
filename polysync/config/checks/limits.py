"""Shared limits, requirements, exit codes and approvals that contradict themselves."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any, Final

from polysync.config.checks.parameters import check_jobs
from polysync.config.checks.survey import Survey, said
from polysync.config.layers import Unit
from polysync.config.wording import quoted
from polysync.domain.placement import fits
from polysync.domain.settings import Configuration, Profile
from polysync.domain.task import Task
from polysync.domain.values import SHELL_PLATFORMS, Algorithm, ProfileType

CODES: Final = ("success_codes", "skip_codes", "fatal_codes", "intermediate_codes")
NEEDED: Final = {ProfileType.CONCURRENCY: ("max",), ProfileType.RATE: ("limit", "window")}
FOREIGN: Final = {
    ProfileType.CONCURRENCY: ("algorithm", "limit", "window", "burst"),
    ProfileType.RATE: ("max",),
}


def check_task(unit: Unit, survey: Survey) -> None:
    """A task's requirements, exit codes and approval."""
    task: Task = unit.made
    if task.requirements:
        _requirements(unit, survey)
    if any(key in unit.said.raw for key in CODES):
        _codes(unit, survey)
    if task.approval is not None and not (task.approval.before or task.approval.after):
        survey.findings.error((*unit.path, "approval"), "asks for nothing", "set before = true or after = true")


def check(survey: Survey) -> None:
    """Contention profiles, platforms and the schemas of jobs."""
    for profile in survey.config.contention.values():
        _profile(profile, survey)
    for platform in survey.config.platforms.values():
        path = ("platforms", platform.name)
        if platform.name == "local" and platform.type != "local":
            survey.findings.error(
                (*path, "type"), 'the platform "local" is this host', 'write type = "local", or rename it'
            )
        if platform.poll_interval > platform.poll_max:
            survey.findings.warn((*path, "poll_interval"), "is longer than poll_max, which cuts it")
        if platform.call_retry.delay > platform.call_retry.max_delay:
            survey.findings.warn((*path, "call_retry", "delay"), "is longer than max_delay, which cuts it")
    check_jobs(survey)


def _profile(profile: Profile, survey: Survey) -> None:
    table = survey.tables["contention"][profile.name]
    for key in NEEDED[profile.type]:
        if key not in table.raw:
            survey.findings.error(
                table.path, f"{key} is missing", f"a {profile.type.value} profile needs it", on_key=True
            )
    for key in FOREIGN[profile.type]:
        if key in table.raw:
            other = ProfileType.RATE if profile.type is ProfileType.CONCURRENCY else ProfileType.CONCURRENCY
            message = f"has no meaning in a {profile.type.value} profile"
            survey.findings.error((*table.path, key), message, f'it belongs to type = "{other.value}"', on_key=True)
    if profile.algorithm is Algorithm.LEAKY and profile.burst is not None and profile.type is ProfileType.RATE:
        hint = 'leaky spaces starts evenly; algorithm = "token" allows bursts'
        survey.findings.warn((*table.path, "burst"), "has no effect", hint, on_key=True)


def labels_of(name: str, config: Configuration) -> Mapping[str, Any]:
    """What a platform carries; the local one also has those of [daemon]."""
    platform = config.platforms.get(name)
    own = platform.labels if platform is not None else {}
    return {**config.daemon.labels, **own} if name == "local" else own


def _requirements(unit: Unit, survey: Survey) -> None:
    task, config = unit.made, survey.config
    pinned = task.platform is not None
    shells = [name for name, platform in config.platforms.items() if platform.type in SHELL_PLATFORMS]
    names = (task.platform,) if pinned else ("local", *shells)  # a script runs where there is a shell
    if any(not fits(task.requirements, labels_of(name, config)) for name in names):
        return
    wanted = ", ".join(f"{label} = {_toml(value)}" for label, value in task.requirements.items())
    message = (
        f"the platform {quoted(task.platform)} does not carry {wanted}" if pinned else f"no platform carries {wanted}"
    )
    survey.findings.error((*unit.path, "requirements"), message, "add the labels to a platform, or ask for less")


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    return str(value).lower()


def _codes(unit: Unit, survey: Survey) -> None:
    if "success_codes" in unit.said.values and not unit.made.success_codes.ranges:
        survey.findings.warn((*unit.path, "success_codes"), "is empty, so no exit code is a success")
    for left, right in combinations(said(unit, *CODES), 2):
        both = [code for code in range(256) if code in getattr(unit.made, left) and code in getattr(unit.made, right)]
        if both:
            message = f"{both[0]} is in {left} too"
            survey.findings.error((*unit.path, right), message, "an exit code means one thing")
