"""Services: one thing to run, one way to ask for health, no circle, and no name of a task."""

from __future__ import annotations

from urllib.parse import urlsplit

from polysync.config.checks.survey import Survey, said
from polysync.config.layers import Unit
from polysync.config.lines import KeyPath
from polysync.config.wording import quoted
from polysync.domain.settings import Service
from polysync.domain.values import Restart

HEALTH: tuple[str, ...] = ("command", "run", "http", "tcp")


def check(survey: Survey) -> None:
    """Every service by itself and all of them together."""
    for unit in survey.services.values():
        _executable(unit, survey)
        _health(unit, survey)
        _name(unit, survey)
        service: Service = unit.made
        if service.restart_delay > service.restart_max_delay:
            survey.findings.warn((*unit.path, "restart_delay"), "is longer than restart_max_delay, which cuts it")
        _without_effect(unit, service, survey)
    _circles(survey)


def _without_effect(unit: Unit, service: Service, survey: Survey) -> None:
    """What can never come to anything because of another key."""
    if service.restart is Restart.NEVER and service.restart_attempts:
        survey.findings.warn((*unit.path, "restart_attempts"), "has no effect; restart is never")
    check = service.health_check
    if check is not None and check.timeout > check.every:
        message = "is longer than every: while a check is under way, no other one begins"
        survey.findings.warn((*unit.path, "health_check", "timeout"), message)
    off = [name for name in service.depends_on if name in survey.services and not survey.services[name].made.enabled]
    for name in off if service.enabled else ():
        message = f"{quoted(name)} is disabled, so this service never starts"
        survey.findings.warn((*unit.path, "depends_on"), message)


def _executable(unit: Unit, survey: Survey) -> None:
    given = said(unit, "run", "command")
    if not given:
        survey.findings.error(unit.path, "says nothing to execute", "add run or command", on_key=True)
    for key in given[1:]:
        survey.findings.error((*unit.path, key), "run is given too", "keep one of run and command", on_key=True)
    if unit.made.run is not None and not unit.made.run.strip():
        survey.findings.error((*unit.path, "run"), "must not be empty", "write what to run")
    _no_vaults(unit.made.command or (), (*unit.path, "command"), survey)


def _no_vaults(command: tuple[str, ...], path: KeyPath, survey: Survey) -> None:
    for index, word in enumerate(command):
        if "vault://" in word:
            hint = "every user of the host can read a command line; use secrets and an environment variable"
            survey.findings.error((*path, index), "a vault reference inside command", hint)


def _health(unit: Unit, survey: Survey) -> None:
    raw = unit.said.raw.get("health_check")
    if not isinstance(raw, dict):
        return
    given = [key for key in HEALTH if key in raw]
    path = (*unit.path, "health_check")
    check = unit.made.health_check
    _no_vaults((check.command if check is not None else None) or (), (*path, "command"), survey)
    if check is not None and check.http is not None:
        _page(check.http, (*path, "http"), survey)
    if not given:
        survey.findings.error(path, "asks nothing", "add exactly one of command, run, http and tcp", on_key=True)
    for key in given[1:]:
        message = f"{given[0]} is given too; a check asks one thing"
        survey.findings.error((*path, key), message, "keep exactly one of command, run, http and tcp", on_key=True)


def _page(url: str, path: KeyPath, survey: Survey) -> None:
    """Whether a URL names a host and, if any, a port: the rest of it is for the server to judge."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        fine = bool(host) and parts.port != 0
    except ValueError:  # a port that is no number, brackets that are not closed, a name that cannot be one
        fine = False
    if not fine:
        survey.findings.error(path, "is not the URL of a page", "write http://HOST:PORT/PATH")


def _name(unit: Unit, survey: Survey) -> None:
    name = str(unit.path[1])
    if name in survey.tables["tasks"]:
        file = survey.findings.origin(("tasks", name))[0]
        message = f"{quoted(name)} is the name of a task in {file} too"
        survey.findings.error(
            unit.path, message, "tasks and services share their names; rename one of them", on_key=True
        )


def _circles(survey: Survey) -> None:
    waits = {name: unit.made.depends_on for name, unit in survey.services.items()}
    done: set[str] = set()
    for name in waits:
        circle = _circle(name, waits, done)
        if circle:
            message = f"the services wait for each other: {' -> '.join(circle)}"
            if len(circle) == 2:
                message = "the service depends on itself"
            survey.findings.error(("services", circle[0], "depends_on"), message, "break the circle")


def _circle(start: str, waits: dict[str, tuple[str, ...]], done: set[str]) -> tuple[str, ...]:
    """The first circle reached from `start`; everything looked at is added to `done`."""
    trail: list[str] = []
    stack: list[tuple[str, bool]] = [(start, False)]
    while stack:
        name, left = stack.pop()
        if left:
            trail.pop()
            done.add(name)
        elif name in trail:
            done.update(trail)
            return (*trail[trail.index(name) :], name)
        elif name not in done:
            trail.append(name)
            stack.append((name, True))
            stack.extend((other, False) for other in waits.get(name, ()))
    return ()
