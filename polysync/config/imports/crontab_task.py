"""One crontab entry as the keys of a task that runs it as crond would have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from polysync.config.imports import crontab_lines as lines
from polysync.config.imports.crontab_command import Command, as_script, is_posix
from polysync.config.imports.crontab_schedule import MACROS, Schedule, translate
from polysync.config.imports.crontab_settings import Surroundings
from polysync.config.imports.wording import without_secrets
from polysync.domain.errors import ValueProblem

_FLAGS: Final = {
    "n": "the flag -n (mail only after a failure) has no effect here",
    "q": "the flag -q (not in syslog) has no effect here",
    "s": "the flag -s (one copy at a time) became on_overlap",
}
_LONGEST_DESCRIPTION: Final = 300
_LOOKED_AT: Final = 4000  # characters of a command that are searched for a secret
_SIXTH_FIELD: Final = re.compile(r"\*(?:/\d+)?[ \t]")


def check(entry: lines.Entry, account: str | None, command: Command, at: Surroundings) -> None:
    """Raise ValueProblem where the entry cannot be what it looks like."""
    if _SIXTH_FIELD.match(entry.rest):
        raise ValueProblem(
            "it seems to have six time fields, cron reads five; write the task by hand, seconds come first here"
        )
    if not command.text:
        raise ValueProblem("it has no command")
    if account is not None and not lines.ACCOUNT.fullmatch(account):
        raise ValueProblem("the word before the command is not a user; write the task by hand")
    if command.percent and not is_posix(at.shell):
        raise ValueProblem("its shell has no here-document for the input after %; write the task by hand")


def schedule(entry: lines.Entry) -> Schedule:
    """When it runs; the expression is empty for @reboot."""
    macro = entry.when[0]
    if macro == "@reboot":
        return Schedule("", ("@reboot: once per boot of the host, when the daemon starts",))
    if macro == "@every_minute":
        return Schedule("* * * * *")
    if macro in MACROS:
        return Schedule(macro)
    if macro.startswith("@"):
        known = ", ".join(("@reboot", *MACROS))
        raise ValueProblem(f"{macro} is not known; known are {known}, or write @every and a duration")
    return translate(entry.when)


def remarks(entry: lines.Entry, command: Command, flags: str) -> list[str]:
    """What a person should know about the entry, besides its schedule."""
    said = [_FLAGS[flag] for flag in dict.fromkeys(flags)]
    if entry.quiet:
        said.append("the leading - (not in syslog) has no effect here")
    if command.percent:
        said.append("the text after % became the input of the script")
    if entry.carriage_return:
        said.append("the Windows line ending was left out")
    if command.text.endswith("\\"):
        said.append("it ends with a backslash, but cron does not continue lines")
    start = command.text[:_LOOKED_AT]
    if without_secrets(start) != start:
        said.append("its command seems to hold a secret: keep it in a vault and use secrets")
    return said


def keys(
    plan: Schedule, command: Command, account: str | None, at: Surroundings, about: Sequence[str], *, one_copy: bool
) -> dict[str, Any]:
    """The keys of the task, in the order in which a person reads them."""
    description = " ".join(" ".join(about).split())[:_LONGEST_DESCRIPTION]
    overlap = {"on_overlap": "skip"} if one_copy else {"max_concurrent": "unlimited"}
    wanted = {
        "description": description,
        "cron": plan.cron,
        "run_on_start": "" if plan.cron else "boot",
        "timezone": at.timezone,
        "jitter": at.jitter,
        "run": as_script(command),
        "shell": "" if at.shell == "/bin/sh" else at.shell,
        "user": account,
        "working_dir": at.working_dir,
        "env_base": "clean",
        "env": at.env,
        "catch_up": "skip",
        **overlap,
    }
    return {key: value for key, value in wanted.items() if value}
