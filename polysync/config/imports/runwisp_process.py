"""Keys of a RunWisp unit that tasks, services and [defaults] share."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final

from polysync.config.imports import runwisp_values as values
from polysync.config.imports.findings import Finding, adjusted, kept, noted, skipped
from polysync.config.imports.runwisp_values import Around, Rule, always, as_is
from polysync.config.imports.wording import names_secret
from polysync.domain.errors import ValueProblem
from polysync.domain.values import Signal

DAY: Final = timedelta(days=1)
VAULT: Final = "env"  # the vault that an import makes: the daemon's environment
_USER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\$?(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?", re.ASCII)
_VARIABLE: Final = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)
_LONGEST_KEPT: Final = timedelta(days=36_525)


def _group(value: Any, _around: Around) -> Finding:
    return kept(group=values.text(value)) if value else noted("empty: the default heading is used")


def _shell(value: Any, _around: Around) -> Finding:
    path = values.plain(value)
    return kept(shell=path) if path.startswith("/") else skipped("the shell must be an absolute path")


def _user(value: Any, _around: Around) -> Finding:
    name = values.plain(value)
    return kept(user=name) if _USER.fullmatch(name) else skipped("not a user name that is known here; set user by hand")


def _umask(value: Any, _around: Around) -> Finding:
    mask = values.plain(value).removeprefix("0o")
    if not re.fullmatch(r"0?[0-7]{1,3}", mask, re.ASCII):
        return skipped("not an octal mask up to 0777")
    return kept(umask=f"0{int(mask, 8):03o}")


def _working_dir(value: Any, _around: Around) -> Finding:
    return kept(working_dir=values.text(value)) if value else noted("empty: the default is used")


def _signal(value: Any, _around: Around) -> Finding:
    name = values.plain(value).upper().removeprefix("SIG")
    if name not in Signal.__members__:
        raise ValueProblem("it cannot be the stop signal here; TERM is")
    return kept(stop_signal=name)


def _env(value: Any, _around: Around) -> Finding:
    env = values.environment(value)
    secret = [name for name in env if names_secret(name)]
    if secret:
        return adjusted(
            f"becomes env; {', '.join(secret)} looks like a secret: keep it in a vault and use secrets", env=env
        )
    return kept(env=env)


def _env_file(value: Any, _around: Around) -> Finding:
    files = [values.text(item) for item in values.texts(value) if item]
    return kept(env_file=files) if files else noted("empty: no file is read")


def _secrets(value: Any, _around: Around) -> Finding:
    """Secrets come from vaults; a value in the open is not copied."""
    env = values.environment(value)
    named = {name: _VARIABLE.fullmatch(said) for name, said in env.items()}
    references = {name: f"vault://{VAULT}/{found[1] if found else name}" for name, found in named.items()}
    missing = [name for name, found in named.items() if found is None]
    if not env:
        return noted("empty")
    if missing:
        where = ", ".join(missing)
        how = f"set {where} in the environment of the daemon, or name another vault: the values were not copied"
        return adjusted(f"becomes references to [vaults.{VAULT}]; {how}", secrets=references)
    return Finding({"secrets": references}, reason=f"becomes references to [vaults.{VAULT}], the daemon's environment")


def _log_size(value: Any, _around: Around) -> Finding:
    return kept(log_max_size=values.size(value, 1024))


def _log_full(value: Any, _around: Around) -> Finding:
    words = {"drop_old": "drop_old", "drop_new": "drop_new", "kill": "kill_task", "kill_task": "kill_task"}
    return kept(log_on_full=values.one_of(value, words))


def _keep_runs(value: Any, _around: Around) -> Finding:
    count = values.whole(value, 0, 1_000_000)
    return (
        kept(keep_runs=count)
        if count
        else adjusted("at least one run is kept, so that its end can be seen", keep_runs=1)
    )


def _keep_for(value: Any, _around: Around) -> Finding:
    length = values.span(value)
    if length < timedelta(seconds=1):
        return skipped("at least a second is possible here")
    return kept(keep_for="forever" if length >= _LONGEST_KEPT else length)


def limit(key: str) -> Rule:
    """A time limit, which `0s` switches off."""

    def rule(value: Any, _around: Around) -> Finding:
        return kept(**{key: values.span(value) or "none"})

    return rule


def up_to(key: str, most: timedelta) -> Rule:
    """A duration of at most `most`."""
    return lambda value, _around: kept(**{key: values.span(value, most)})


_NO_SECRET_FILE: Final = skipped(
    "load the file into the daemon's environment (EnvironmentFile= of its unit) and write "
    f'secrets = {{ NAME = "vault://{VAULT}/NAME" }}'
)
SHARED: Final[dict[str, Rule]] = {
    "shell": _shell,
    "stop_signal": _signal,
    "graceful_stop": up_to("graceful_stop", DAY),
    "env": _env,
    "env_file": _env_file,
    "secrets": _secrets,
    "secrets_file": always(_NO_SECRET_FILE),
    "log_max_size": _log_size,
    "log_on_full": _log_full,
    "keep_runs": _keep_runs,
    "keep_for": _keep_for,
}
UNIT: Final[dict[str, Rule]] = SHARED | {
    "group": _group,
    "description": as_is("description", values.text),
    "working_dir": _working_dir,
    "user": _user,
    "umask": _umask,
    "env_base": lambda value, _around: kept(env_base=values.one_of(value, {"inherit": "inherit", "clean": "clean"})),
}
