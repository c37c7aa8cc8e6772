"""What the `NAME = value` lines of a crontab mean for the entries below them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from polysync.config.imports.verdict import Mark
from polysync.config.imports.wording import names_secret
from polysync.domain.zone import is_zone

CRON_PATH: Final = "/usr/bin:/bin"  # what cron gives where the crontab sets none
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_MAIL: Final = ("MAILFROM", "CONTENT_TYPE", "CONTENT_TRANSFER_ENCODING")
_LONGEST_DELAY: Final = 24 * 60  # minutes; jitter is at most a day


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What holds for an entry because of the lines above it."""

    env: dict[str, str] = field(default_factory=lambda: {"PATH": CRON_PATH})
    shell: str = "/bin/sh"
    working_dir: str = "~"
    timezone: str | None = None
    jitter: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Effect:
    """What one setting changes, and what is said about it."""

    after: Surroundings
    mark: Mark
    reason: str


def _mail_to(at: Surroundings, value: str) -> Effect:
    said = "cron mailed no output" if not value else "cron mailed output to this address"
    how = "output is kept with each run; for mail add a [[notifier]] and name it in notify_on_failure"
    return Effect(at, Mark.NOTE, f"{said}; here {how}")


def _shell(at: Surroundings, value: str) -> Effect:
    if not value.startswith("/"):
        return Effect(at, Mark.SKIPPED, "the shell must be an absolute path; /bin/sh stays")
    env = at.env | {"SHELL": value}
    return Effect(replace(at, shell=value, env=env), Mark.IMPORTED, "becomes shell of the entries below")


def _home(at: Surroundings, value: str) -> Effect:
    if not value:
        return Effect(at, Mark.SKIPPED, "an empty home; the home of the user stays")
    after = replace(at, env=at.env | {"HOME": value}, working_dir=value)
    return Effect(after, Mark.IMPORTED, "becomes working_dir and env.HOME of the entries below")


def _zone(at: Surroundings, value: str) -> Effect:
    if not is_zone(value):
        return Effect(at, Mark.SKIPPED, "the zone database does not know this zone; set timezone by hand")
    how = (
        "becomes timezone of the entries below; cronie honours CRON_TZ but Debian's cron does not: check which you had"
    )
    return Effect(replace(at, timezone=value), Mark.ADJUSTED, how)


def _command_zone(at: Surroundings, value: str) -> Effect:
    how = "becomes env.TZ of the entries below; as with cron it moves no schedule, set timezone where it should"
    return Effect(replace(at, env=at.env | {"TZ": value}), Mark.ADJUSTED, how)


def _delay(at: Surroundings, value: str) -> Effect:
    if not re.fullmatch(r"[0-9]{1,4}", value, re.ASCII) or int(value) > _LONGEST_DELAY:
        return Effect(at, Mark.SKIPPED, "not a number of minutes up to a day; set jitter by hand")
    how = "becomes jitter of the entries below; the delay is now always the same for one slot, not drawn anew"
    return Effect(replace(at, jitter=timedelta(minutes=int(value))), Mark.ADJUSTED, how)


def _account(at: Surroundings, _value: str) -> Effect:
    return Effect(at, Mark.SKIPPED, "cron does not let it be changed either; use the key user")


def _mail_form(at: Surroundings, _value: str) -> Effect:
    return Effect(at, Mark.NOTE, "it shaped cron's mail; here the [[notifier]] does that")


_KNOWN: Final = {
    "MAILTO": _mail_to,
    "SHELL": _shell,
    "HOME": _home,
    "CRON_TZ": _zone,
    "TZ": _command_zone,
    "RANDOM_DELAY": _delay,
    "LOGNAME": _account,
} | dict.fromkeys(_MAIL, _mail_form)


def _variable(at: Surroundings, name: str, value: str) -> Effect:
    after = replace(at, env=at.env | {name: value})
    if names_secret(name):
        where = f'keep it in a vault and write secrets = {{ {name} = "vault://…" }}'
        how = f"becomes env.{name} and looks like a secret: {where}"
        return Effect(after, Mark.ADJUSTED, how)
    if "$" in value:
        how = f"becomes env.{name}; like cron, Polysync does not expand $ in it"
        return Effect(after, Mark.ADJUSTED, how)
    return Effect(after, Mark.IMPORTED, f"becomes env.{name} of the entries below")


def apply(at: Surroundings, name: str, value: str) -> Effect:
    """What `name = value` changes for the entries below it."""
    if name in _KNOWN:
        return _KNOWN[name](at, value)
    if not _NAME.fullmatch(name) or name.startswith("POLYSYNC_"):
        return Effect(at, Mark.SKIPPED, "not a name that an environment variable can have here")
    return _variable(at, name, value)
