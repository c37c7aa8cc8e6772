"""Names that must be defined somewhere, and are not."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from polysync.config.checks.survey import Survey
from polysync.config.context import Reference
from polysync.config.gather import Table
from polysync.config.lines import KeyPath
from polysync.config.shapes import CALLED
from polysync.config.specials import VAULT
from polysync.config.wording import quoted


def check_references(survey: Survey) -> None:
    """A finding for each name that nothing defines."""
    known = _known(survey)
    for reference in (*survey.references, *_vaults_in_options(survey)):
        names = known[reference.kind]
        if reference.name not in names:
            _unknown(reference, names, survey)


def _known(survey: Survey) -> dict[str, Collection[str]]:
    tables = survey.tables
    return {
        "task": tables["tasks"].keys() - survey.templates,
        "template": survey.templates,
        "service": tables["services"].keys(),
        "platform": tables["platforms"].keys() | {"local"},
        "vault": tables["vaults"].keys(),
        "contention": tables["contention"].keys(),
        "calendar": tables["calendars"].keys(),
        "notifier": {name for name in map(_id, survey.listed["notifier"]) if name} | {"inapp"},
    }


def _id(table: Table) -> str:
    name = table.raw.get("id") if isinstance(table.raw, dict) else None
    return name if isinstance(name, str) else ""


def _unknown(reference: Reference, names: Collection[str], survey: Survey) -> None:
    kind, name, path = reference
    findings = survey.findings
    if kind == "task" and name in survey.tasks:
        findings.error(path, f"{quoted(name)} is a template, which never runs", "name a task that extends it")
    elif kind == "template" and name in survey.tables["tasks"]:
        findings.error(path, f"{quoted(name)} is not a template", 'a task that others extend has mode = "template"')
    else:
        hint = _elsewhere(kind, name, survey) or survey.pool(kind, names).hint(name) or _define(kind, name)
        findings.error(path, f"unknown {CALLED.get(kind, kind)} {quoted(name)}", hint)


def _elsewhere(kind: str, name: str, survey: Survey) -> str:
    if kind == "task" and name in survey.tables["services"]:
        return "a service by that name exists, but a task cannot wait for one"
    if kind == "service" and name in survey.tables["tasks"]:
        return "a task by that name exists, but a service cannot wait for one"
    return ""


def _define(kind: str, name: str) -> str:
    section = {"notifier": "[[notifier]]", "template": "[tasks.*]", "contention": "[contention.*]"}
    return f"define it in {section.get(kind, f'[{kind}s.*]')}" if name else ""


def _vaults_in_options(survey: Survey) -> Iterator[Reference]:
    """The vault references that stand as plain strings: options, settings, webhook secrets, job defaults."""
    for section in ("platforms", "vaults", "jobs", "webhooks"):
        for table in survey.tables[section].values():
            yield from _vaults_in(table.raw, table.path)
    for table in survey.listed["notifier"]:
        yield from _vaults_in(table.raw, table.path)
    for table in survey.tables["tasks"].values():
        if type(table.raw) is dict and "settings" in table.raw:
            yield from _vaults_in(table.raw["settings"], (*table.path, "settings"))


def _vaults_in(value: Any, path: KeyPath) -> Iterator[Reference]:
    if isinstance(value, str):
        found = VAULT.fullmatch(value) if value.startswith("vault://") else None
        if found is not None:
            yield Reference("vault", found[1], path)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _vaults_in(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _vaults_in(item, (*path, index))
