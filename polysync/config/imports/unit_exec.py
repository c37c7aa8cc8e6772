"""`ExecStart=` and its relatives as a command or a script of ours."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from polysync.config.imports.unit_values import Specifiers, commands
from polysync.domain.errors import ValueProblem

NOTHING_TO_DO: Final = 199  # exit code by which a script says that its ExecCondition was not met
_VARIABLE: Final = re.compile(r"\$\$|\$\{([A-Za-z_]\w*)\}", re.ASCII)
_WHOLE: Final = re.compile(r"\$([A-Za-z_]\w*)", re.ASCII)
_PRIVILEGED: Final = "its prefix + or ! ran it with other privileges; here it runs as the task's user"


@dataclass(frozen=True, slots=True)
class Line:
    """One command of a unit: `ignore` is its prefix `-`, `literal` its prefix `:`."""

    argv: tuple[str, ...]
    ignore: bool
    literal: bool
    notes: tuple[str, ...]

    def plain(self) -> list[str] | None:
        """The argument list, where no variable of the environment is wanted."""
        if self.literal or not any("$" in word for word in self.argv):
            return list(self.argv)
        if any(_WHOLE.fullmatch(word) or _names(word) for word in self.argv):
            return None
        return [word.replace("$$", "$") for word in self.argv]

    def shell(self) -> str:
        """The same for a shell, which fills in the variables."""
        plain = self.plain()
        said = shlex.join(plain) if plain is not None else " ".join(_shell_word(word) for word in self.argv)
        return f"{said} || :" if self.ignore else said


def _names(word: str) -> bool:
    return any(found[1] for found in _VARIABLE.finditer(word))


def _shell_word(word: str) -> str:
    """`$X` alone becomes several words, `${X}` stays within its own."""
    if _WHOLE.fullmatch(word):
        return word
    text, end = "", 0
    for found in _VARIABLE.finditer(word):
        text += _quoted(word[end : found.start()]) + (found[0] if found[1] else "\\$")
        end = found.end()
    return f'"{text}{_quoted(word[end:])}"' if _names(word) else shlex.quote(word.replace("$$", "$"))


def _quoted(text: str) -> str:
    return re.sub(r'([\\"$`])', r"\\\1", text)


def _one(prefix: str, argv: Sequence[str]) -> Line:
    notes = []
    if "@" in prefix:
        argv = [argv[0], *argv[2:]]
        notes.append("its prefix @ gave the program another name for itself, which is left out")
    if "+" in prefix or "!" in prefix:
        notes.append(_PRIVILEGED)
    if "|" in prefix:
        raise ValueProblem("its prefix | runs it in a login shell; write the task by hand")
    return Line(tuple(argv), "-" in prefix, ":" in prefix, tuple(notes))


def read_lines(value: str, specifiers: Specifiers) -> list[Line]:
    """The commands of one value."""
    found = []
    for program, *rest in commands(value):
        prefix = program[: len(program) - len(program.lstrip("-@:+!|"))]
        argv = [specifiers.resolve(word) for word in (program[len(prefix) :], *rest)]
        if not argv[0]:
            raise ValueProblem("it names no program")
        found.append(_one(prefix, argv))
    return found


def _script(before: Sequence[str], main: Sequence[str], after: Sequence[str], *, replace: bool) -> str:
    """Commands one after the other; the first that fails ends it, as systemd would."""
    last = [f"exec {main[0]}"] if replace else list(main)
    lines = [*before, *last, *after]
    unsplit = any(re.search(r"(?:^|\s)\$[A-Za-z_]", line) for line in lines)
    head = ["set -ef" if unsplit else "set -e"] if len(lines) > 1 or unsplit else []
    return "\n".join([*head, *lines]) + ("\n" if len(head + lines) > 1 else "")


@dataclass(frozen=True, slots=True)
class Commands:
    """All commands of a unit, in the order in which it runs them."""

    conditions: tuple[Line, ...]
    before: tuple[Line, ...]
    main: tuple[Line, ...]
    after: tuple[Line, ...]

    def keys(self) -> dict[str, Any]:
        """`command` where one argument list says it all, `run` otherwise."""
        if not (self.conditions or self.before or self.after) and len(self.main) == 1 and not self.main[0].ignore:
            plain = self.main[0].plain()
            if plain is not None and not any("vault://" in word for word in plain):  # which a command may not hold
                return {"command": plain}
        before = [f"{line.shell()} || exit {NOTHING_TO_DO}" for line in self.conditions]
        before += [line.shell() for line in self.before]
        replace = len(self.main) == 1 and not self.after and not self.main[0].ignore
        run = _script(
            before, [line.shell() for line in self.main], [line.shell() for line in self.after], replace=replace
        )
        return {"run": run} | ({"skip_codes": [NOTHING_TO_DO]} if self.conditions else {})
