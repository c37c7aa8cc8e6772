"""What a task executes: exactly one thing, on something that can, and without a secret on its command line."""

from __future__ import annotations

from typing import Final

from polysync.config.checks.survey import Survey, said
from polysync.config.layers import EXECUTABLES, Unit
from polysync.config.substitute import parameters_in
from polysync.config.wording import quoted
from polysync.domain.definition import resolve_job
from polysync.domain.task import Task
from polysync.domain.values import Restart

CALLED_ONLY: Final = frozenset(
    {"http", "adf", "synapse", "azure_function", "logic_app", "gcp_function", "aws_lambda", "step_functions", "airflow"}
)  # platforms that execute artefacts of their own and have no shell


def check_task(unit: Unit, survey: Survey) -> None:
    """Exactly one of run, command and job; a shell where one is needed; no secret in argv."""
    given = said(unit, *EXECUTABLES)
    parent = unit.said.raw.get("extends")
    if not given and (parent is None or (isinstance(parent, str) and parent in survey.tasks)):  # an unknown one may
        survey.findings.error(
            unit.path, "says nothing to execute", "add exactly one of run, command and job", on_key=True
        )
    _only_one(unit, given, survey)
    _job_exists(unit, survey)
    _shell_there(unit, survey)
    _restart(unit, survey)
    if unit.made.command:
        _no_secret(unit, survey)


def check_template(unit: Unit, survey: Survey) -> None:
    """A template may leave open what it executes, but not say it twice."""
    _only_one(unit, said(unit, *EXECUTABLES), survey)
    _restart(unit, survey)
    _job_exists(unit, survey)


def _only_one(unit: Unit, given: list[str], survey: Survey) -> None:
    for key in given[1:]:
        message = f"{given[0]} is given too; a task executes one thing"
        survey.findings.error((*unit.path, key), message, "keep exactly one of run, command and job", on_key=True)
    if unit.made.run is not None and not unit.made.run.strip():
        survey.findings.error((*unit.path, "run"), "must not be empty", "write what to run")


def _job_exists(unit: Unit, survey: Survey) -> None:
    name = unit.made.job
    if name is None or resolve_job(name, survey.tables["jobs"]) is not None:
        return
    hint = survey.pool("job", survey.tables["jobs"]).hint(name) or "define it in [jobs.*]"
    survey.findings.error((*unit.path, "job"), f"unknown job {quoted(name)}", hint)


def _shell_there(unit: Unit, survey: Survey) -> None:
    task: Task = unit.made
    platform = survey.config.platforms.get(task.platform or "local")
    if task.job is None and platform is not None and platform.type in CALLED_ONLY:
        message = f"{quoted(platform.name)} is a platform of type {platform.type}, which runs no commands"
        survey.findings.error((*unit.path, "platform"), message, "make it a job: [jobs.*] names what runs there")


def _restart(unit: Unit, survey: Survey) -> None:
    if unit.said.values.get("restart") is not Restart.ON_FAILURE:
        return
    contradictions = {
        "retry_attempts": said(unit, "retry_attempts"),
        "dead_letter": unit.said.values.get("dead_letter"),
    }
    for key, wrong in contradictions.items():
        if wrong:
            message = 'contradicts restart = "on_failure", which tries again without limit'
            survey.findings.error((*unit.path, key), message, "keep one of them", on_key=True)


def _no_secret(unit: Unit, survey: Survey) -> None:
    task: Task = unit.made
    for index, word in enumerate(task.command or ()):
        path = (*unit.path, "command", index)
        if "vault://" in word:
            hint = "every user of the host can read a command line; use secrets and an environment variable"
            survey.findings.error(path, "a vault reference inside command", hint)
        for name, offset in parameters_in(word) if "${" in word else ():
            if _sensitive(task, name, survey):
                hint = "every user of the host can read a command line; the program finds it in its environment"
                survey.findings.error(
                    path, f"the sensitive parameter {quoted(name)} inside command", hint, offset=offset
                )


def _sensitive(task: Task, name: str, survey: Survey) -> bool:
    given = task.parameters.get(name)
    if given is not None and (given.sensitive or given.vault is not None):
        return True
    job = resolve_job(task.job, survey.config.jobs) if task.job else None
    return job is not None and name in job.parameters and job.parameters[name].sensitive
