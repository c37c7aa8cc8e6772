"""Parameters: known to the job, of its type, among its choices, and reachable as `PARAM_*`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from polysync.config.checks.survey import Survey
from polysync.config.layers import Unit
from polysync.config.lines import KeyPath
from polysync.config.substitute import parameters_in
from polysync.config.suggest import did_you_mean
from polysync.config.wording import quoted
from polysync.domain.definition import Substituted, resolve_job
from polysync.domain.errors import ValueProblem
from polysync.domain.params import check_choices, coerce
from polysync.domain.task import Job, JobParameter, Task
from polysync.domain.values import Direction, Parameter, ParamType


def check_task(unit: Unit, survey: Survey) -> None:
    """Every parameter of a task against its job, its own type and its environment variable."""
    task: Task = unit.made
    job = resolve_job(task.job, survey.config.jobs) if task.job else None
    if task.parameters or (job is not None and job.parameters):
        schema = job.parameters if job is not None else {}
        if job is not None:
            _against_schema(unit, job, survey)
        _values(unit, schema, survey)
        _variables(unit, schema, survey)
        _upstreams(unit, survey)
    if task.command or task.locks or task.settings or task.parameters:
        _mentioned(unit, job, survey)


def check_jobs(survey: Survey) -> None:
    """The defaults and choices of each job's own schema."""
    for name, job in survey.config.jobs.items():
        for parameter, entry in job.parameters.items():
            path: KeyPath = ("jobs", name, "parameters", parameter)
            if entry.default is not None:
                _fits(entry.default, entry.type, entry.choices, (*path, "default"), survey)
            for index, choice in enumerate(entry.choices):
                _fits(choice, entry.type, (), (*path, "choices", index), survey)
        _collisions(job.parameters, ("jobs", name, "parameters"), survey)


def _against_schema(unit: Unit, job: Job, survey: Survey) -> None:
    said: Mapping[str, Any] = unit.said.values.get("parameters", {})
    for name in said:
        path = (*unit.path, "parameters", name)
        entry = job.parameters.get(name)
        if entry is None and job.parameters:
            hint = did_you_mean(name, job.parameters) or "known are " + ", ".join(job.parameters)
            survey.findings.error(path, f"the job {quoted(job.name)} has no such parameter", hint, on_key=True)
        elif entry is None:
            message = f"the job {quoted(job.name)} has no parameters"
            survey.findings.error(path, message, f"describe it in [jobs.{job.name}.parameters]", on_key=True)
        elif entry.direction is Direction.OUT:
            survey.findings.error(path, "is an output of the job and takes no value", "remove it", on_key=True)
    if "parameters" in unit.said.raw and "parameters" not in unit.said.values:
        return
    raw = unit.said.raw.get("parameters", {})
    for name, entry in job.parameters.items():
        if entry.required and entry.default is None and name not in raw and entry.direction is not Direction.OUT:
            message = f"the job {quoted(job.name)} requires the parameter {quoted(name)}"
            survey.findings.error((*unit.path, "parameters"), message, "give it a value", on_key=True)


def _values(unit: Unit, schema: Mapping[str, JobParameter], survey: Survey) -> None:
    for name, given in unit.made.parameters.items():
        entry = schema.get(name)
        kind = given.type or (entry.type if entry else None)
        if kind is None:
            continue
        path = (*unit.path, "parameters", name)
        choices = entry.choices if entry else ()
        if given.has_default and given.default is not None:
            _fits(given.default, kind, choices, (*path, "default"), survey)
        if given.value is not None and name in unit.said.values.get("parameters", {}):
            _fits(given.value, kind, choices, _value_path(path, unit), survey)


def _value_path(path: KeyPath, unit: Unit) -> KeyPath:
    raw = unit.said.raw.get("parameters", {}).get(path[-1])
    return (*path, "value") if isinstance(raw, dict) and "value" in raw else path


def _fits(value: Any, kind: ParamType, choices: Iterable[Any], path: KeyPath, survey: Survey) -> None:
    if isinstance(value, str) and ("${" in value or value.startswith("vault://")):
        return  # known at dispatch, and checked there
    try:
        check_choices(coerce(value, kind), choices)
    except ValueProblem as problem:
        hidden = isinstance(value, Substituted) or kind is ParamType.SECRET
        message = f"not a value of type {kind.value}" if hidden else problem.message
        survey.findings.error(path, message, "" if hidden else problem.hint)


def variable_of(name: str) -> str:
    """The environment variable that carries a parameter."""
    return "PARAM_" + re.sub(r"[^A-Z0-9]", "_", name.upper())


def _collisions(names: Iterable[str], path: KeyPath, survey: Survey) -> None:
    owners: dict[str, str] = {}
    for name in names:
        other = owners.setdefault(variable_of(name), name)
        if other != name:
            message = f"collides with {quoted(other)}: both are {variable_of(name)}"
            survey.findings.error((*path, name), message, "rename one of them", on_key=True)


def _variables(unit: Unit, schema: Mapping[str, JobParameter], survey: Survey) -> None:
    names = unit.made.parameters if schema.keys() >= unit.made.parameters.keys() else {**unit.made.parameters, **schema}
    if not schema:
        _collisions(unit.made.parameters, (*unit.path, "parameters"), survey)
    variables = {variable_of(name): name for name in names}
    for key in ("env", "secrets"):
        for name in getattr(unit.made, key):
            if name in variables:
                message = f"collides with the parameter {quoted(variables[name])}, which is {name} too"
                survey.findings.error((*unit.path, key, name), message, "rename one of them", on_key=True)


def _upstreams(unit: Unit, survey: Survey) -> None:
    upstream = {edge.task for edge in unit.made.depends_on}
    for name, given in unit.made.parameters.items():
        if given.upstream is not None and given.upstream not in upstream and given.upstream in survey.tasks:
            path = (*_value_path((*unit.path, "parameters", name), unit), "from")
            message = f"{quoted(given.upstream)} is not in depends_on"
            survey.findings.error(path, message, f"add {quoted(given.upstream)} to depends_on")


def _mentioned(unit: Unit, job: Job | None, survey: Survey) -> None:
    """A finding for each `${param:…}` that names no parameter of the task or its job."""
    task: Task = unit.made
    known = {*task.parameters, *(job.parameters if job else ())}
    values = unit.said.values
    for key in ("command", "locks", "settings", "parameters"):
        if key in values:
            _mentions(values[key], (*unit.path, key), known, survey)


def _mentions(value: Any, path: KeyPath, known: set[str], survey: Survey) -> None:
    if isinstance(value, Parameter):
        value = value.value
    if isinstance(value, str):
        if "${" not in value:
            return
        for name, offset in parameters_in(value):
            if name not in known:
                hint = did_you_mean(name, known) or "give it in parameters"
                survey.findings.error(path, f"unknown parameter {quoted(name)}", hint, offset=offset)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            _mentions(item, (*path, name), known, survey)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _mentions(item, (*path, index), known, survey)
