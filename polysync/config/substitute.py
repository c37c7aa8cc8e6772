"""`${env:NAME}`, `${env:NAME:-default}` and `${file:path}` at load; `${run:…}` and `${param:…}` kept for dispatch."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn

from polysync.config.suggest import did_you_mean
from polysync.config.wording import quoted
from polysync.domain.definition import Substituted
from polysync.domain.errors import ValueProblem

RUN_WORDS: Final = ("scheduled_for", "id", "attempt", "task", "correlation_id")
KINDS: Final = ("env", "file", "run", "param")
ALONE: Final = "a literal ${ is written $${"
_MARK: Final = re.compile(r"\$?\$\{")
_ENV_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PARAM: Final = re.compile(r"\$?\$\{(?:param:([^}]*)\})?")


@dataclass(slots=True)
class Substitution:
    """Where values come from; it notes what was used, for the cache of a checked configuration."""

    env: Mapping[str, str]
    read: Callable[[str], str]  # the text of a file named in the configuration; raises ValueProblem
    used_env: dict[str, str | None] = field(default_factory=dict)

    def expand(self, text: str, *, run_variables: bool = False) -> str:
        """`text` with its variables replaced; ValueProblem points at the one that cannot be."""
        parts, end, load_time = [], 0, False
        for mark in _MARK.finditer(text):
            if mark.start() < end:
                continue
            parts.append(text[end : mark.start()])
            if mark[0] == "$${":
                parts.append("$${" if run_variables else "${")  # the dispatcher takes the second layer off
                end = mark.end()
                continue
            end = _closing(text, mark)
            kind, said = _split(text[mark.end() : end - 1], mark.start())
            value = self._value(kind, said, text[mark.start() : end], mark.start(), run_variables=run_variables)
            if kind in {"env", "file"}:
                load_time = True
                value = value.replace("${", "$${") if run_variables else value  # what it gives is text, not a variable
            parts.append(value)
        parts.append(text[end:])
        whole = "".join(parts)
        return Substituted(whole, text) if load_time else whole

    def _value(self, kind: str, said: str, whole: str, offset: int, *, run_variables: bool) -> str:
        if kind == "env":
            return self._environment(said, offset)
        if kind == "file":
            return self._file(said, offset)
        if not run_variables:
            where = "parameter values, command, locks and settings"
            raise ValueProblem(
                f"${{{kind}:…}} is not known yet when the file is read", f"it may stand in {where}", offset
            )
        if kind == "run":
            _check_run_word(said, offset)
        elif not said:
            raise ValueProblem("${param:} names no parameter", "write ${param:NAME}", offset)
        return whole

    def _environment(self, said: str, offset: int) -> str:
        name, has_default, default = said.partition(":-")
        if not _ENV_NAME.fullmatch(name):
            raise ValueProblem(f"{quoted(name)} is not the name of an environment variable", ALONE, offset)
        value = self.env.get(name)
        self.used_env[name] = value
        if value is None and not has_default:
            hint = f"set it where polysync starts, or write ${{env:{name}:-default}}"
            raise ValueProblem(f"the environment variable {name} is not set", hint, offset)
        return default if value is None else value

    def _file(self, said: str, offset: int) -> str:
        if not said:
            raise ValueProblem("${file:} names no file", "write ${file:path}", offset)
        try:
            return self.read(said).removesuffix("\n").removesuffix("\r")
        except ValueProblem as problem:
            raise ValueProblem(problem.message, problem.hint, offset) from None


def parameters_in(text: str) -> list[tuple[str, int]]:
    """The names that `${param:…}` stands for in an expanded text, with their offsets."""
    return [(mark[1], mark.start()) for mark in _PARAM.finditer(text) if mark[1] and not mark[0].startswith("$$")]


def _closing(text: str, mark: re.Match[str]) -> int:
    end = text.find("}", mark.end())
    if end < 0:
        raise ValueProblem("${ without its closing }", ALONE, mark.start())
    return end + 1


def _split(inside: str, offset: int) -> tuple[str, str]:
    kind, colon, said = inside.partition(":")
    if not colon or kind not in KINDS:
        _refuse(inside, kind, offset)
    return kind, said


def _refuse(inside: str, kind: str, offset: int) -> NoReturn:
    if _ENV_NAME.fullmatch(inside) and inside not in KINDS:
        raise ValueProblem(
            f"${{{inside}}} is not a substitution",
            f"write ${{env:{inside}}}, or $${{{inside}}} for the text itself",
            offset,
        )
    hint = did_you_mean(kind, KINDS, quoted=False) or "known are env, file, run and param; " + ALONE
    raise ValueProblem(f"unknown substitution {quoted('${' + inside + '}')}", hint, offset)


def _check_run_word(said: str, offset: int) -> None:
    word, colon, _form = said.partition(":")
    if word not in RUN_WORDS:
        hint = did_you_mean(word, RUN_WORDS, quoted=False) or "known are " + ", ".join(RUN_WORDS)
        raise ValueProblem(f"unknown run variable {quoted(word)}", hint, offset)
    if colon and word != "scheduled_for":
        raise ValueProblem(f"${{run:{word}}} takes no format", "only scheduled_for does", offset)
