"""The ways in and out: the TCP listener and its tokens, webhooks, events, notifiers."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from polysync.config.checks.survey import Survey
from polysync.config.layers import is_template
from polysync.config.lines import KeyPath
from polysync.config.wording import quoted


def check(survey: Survey) -> None:
    """The API, notifiers, webhooks and named events."""
    _api(survey)
    _tokens(survey)
    _notifiers(survey)
    _webhooks(survey)
    _calendars(survey)


def is_loopback(listen: str) -> bool:
    """Whether only this host can reach an address."""
    host = listen.rpartition(":")[0].strip("[]")
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def _api(survey: Survey) -> None:
    api, findings = survey.config.api, survey.findings
    for one, other in (("tls_cert", "tls_key"), ("tls_key", "tls_cert")):
        if getattr(api, one) and not getattr(api, other):
            findings.error(("api", one), f"{other} is missing", "TLS needs both the certificate and its key")
    if api.listen is None:
        return
    if not api.token:
        hint = "`polysync token new NAME --role viewer` makes one; the unix socket needs none"
        findings.error(("api", "listen"), "TCP without a token would let everybody in", hint)
    if not is_loopback(api.listen) and not (api.tls_cert or api.tls_key):
        hint = "set tls_cert and tls_key, or listen on 127.0.0.1"
        findings.error(("api", "listen"), "an address that other hosts reach needs TLS", hint)


def _tokens(survey: Survey) -> None:
    for key in ("name", "sha256"):
        seen: set[str] = set()
        for index, token in enumerate(survey.config.api.token):
            word = getattr(token, key).lower() if key == "sha256" else token.name
            if word in seen:
                said = "this token" if key == "sha256" else quoted(word)
                survey.findings.error(("api", "token", index, key), f"{said} stands here a second time")
            seen.add(word)


def _notifiers(survey: Survey) -> None:
    seen: dict[Any, str] = {}
    for table in survey.listed["notifier"]:
        name = table.raw.get("id") if isinstance(table.raw, dict) else None
        if not isinstance(name, str):
            continue
        path: KeyPath = (*table.path, "id")
        file = survey.findings.origin(path)[0]
        if name in seen:
            message = f"{quoted(name)} is defined in {seen[name]} and in {file}"
            if seen[name] == file:
                message = f"{quoted(name)} stands here a second time"
            survey.findings.error(path, message, "every notifier has an id of its own")
        elif name == "inapp" and table.raw.get("type") != "inapp":
            survey.findings.error(path, '"inapp" is built in', "choose another id")
        seen.setdefault(name, file)


def _webhooks(survey: Survey) -> None:
    barred = {name for name, unit in survey.tasks.items() if not unit.made.api_trigger}
    for webhook in survey.config.webhooks.values():
        if webhook.task in barred:
            message = f"{quoted(webhook.task)} has api_trigger = false, so no webhook can start it"
            survey.findings.error(("webhooks", webhook.name, "task"), message, "name another task, or allow it there")
    for name in barred:
        unit = survey.tasks[name]
        if unit.made.on_event and not is_template(unit.said):
            message = "api_trigger = false refuses events, so this can never start the task"
            survey.findings.error((*unit.path, "on_event"), message, "remove one of them")


def _calendars(survey: Survey) -> None:
    for name, calendar in survey.config.calendars.items():
        raw = survey.tables["calendars"][name].raw
        if not any(raw.get(key) for key in ("dates", "weekdays", "ics", "windows")):
            survey.findings.error(
                ("calendars", name), "contains nothing", "add dates, weekdays, windows or ics", on_key=True
            )
        del calendar
