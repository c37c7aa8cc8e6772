"""RunWisp's `params` as parameters of ours, and the lines that hand them to the script as it expects them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Any, Final

from polysync.config.imports import runwisp_values as values
from polysync.config.imports.render import Ready
from polysync.domain.errors import ValueProblem

_KINDS: Final = ("env", "arg", "option", "flag")
_LOST: Final = ("choices", "allow_custom", "description", "required")


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter: its value, the lines that pass it on, and what could not be carried over."""

    name: str
    value: dict[str, Any]
    line: str
    lost: tuple[str, ...]


def variable(name: str) -> str:
    """The environment variable that carries a parameter."""
    return "PARAM_" + re.sub(r"[^A-Z0-9]", "_", name.upper())


def _line(kind: str, said: str, variable: str) -> str:
    """A shell line that passes the value on; an empty optional one is not passed."""
    if kind == "env":
        return f'[ -z "${{{variable}}}" ] || export {said}="${{{variable}}}"'
    if kind == "arg":
        return f'[ -z "${{{variable}}}" ] || set -- "$@" "${{{variable}}}"'
    if kind == "option":
        return f'[ -z "${{{variable}}}" ] || set -- "$@" {shlex.quote(said)} "${{{variable}}}"'
    return f'case "${{{variable}}}" in true|1|yes) set -- "$@" {shlex.quote(said)} ;; esac'


def _value(entry: dict[str, Any], kind: str) -> dict[str, Any]:
    default = entry.get("default", False if kind == "flag" else "")
    if kind == "flag":
        return {"value": values.flag(default) if isinstance(default, bool) else default == "true", "type": "bool"}
    odd = isinstance(default, bool) or not isinstance(default, str | int | float) or str(default).startswith("vault://")
    if odd or (not isinstance(default, str) and not abs(default) < 1 << 63):
        raise ValueProblem("the default of a parameter should be a string or a number")
    if entry.get("type") == "number" and not isinstance(default, str):
        return {"value": default, "type": "float" if isinstance(default, float) else "int"}
    return {"value": values.text(default) if isinstance(default, str) else str(default), "type": "string"}


def read_param(entry: Any) -> Param:
    """One entry of `params`."""
    if not isinstance(entry, dict):
        raise ValueProblem("each parameter should be a table")
    kinds = [kind for kind in _KINDS if kind in entry]
    if len(kinds) != 1:
        raise ValueProblem("each parameter should have exactly one of env, arg, option and flag")
    said = values.plain(entry[kinds[0]])
    name = said.lstrip("-")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name, re.ASCII):
        raise ValueProblem(f"a parameter called {said!a} is not possible here")
    if kinds[0] == "env" and not values.ENV_NAME.fullmatch(said):
        raise ValueProblem(f"{said!a} is not the name of an environment variable")
    lost = tuple(key for key in entry if key in _LOST)
    return Param(name, _value(entry, kinds[0]), _line(kinds[0], said, variable(name)), lost)


def read_params(value: Any) -> list[Param]:
    """All entries, none of which may collide with another."""
    if not isinstance(value, list):
        raise ValueProblem("it should be a list of tables")
    found = [read_param(entry) for entry in value]
    if len({variable(param.name) for param in found}) != len(found):
        raise ValueProblem("two parameters would have the same variable")
    return found


def prologue(params: list[Param]) -> str:
    """The lines that come before the script."""
    return "".join(f"{param.line}\n" for param in params)


def as_parameters(params: list[Param]) -> dict[str, dict[str, Any]]:
    """The table `parameters` of the task."""
    return {
        param.name: {key: Ready(v) if isinstance(v, str) else v for key, v in param.value.items()} for param in params
    }
