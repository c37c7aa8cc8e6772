"""The command of a crontab entry as a script: what `%` means, and the input it brings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_POSIX: Final = re.compile(r"(?:/.*/)?(?:ba|da|a|z|k|mk|pdk|y|r)?sh")


@dataclass(frozen=True, slots=True)
class Command:
    """What cron hands to the shell, and the text it writes to its standard input."""

    text: str
    input: str | None

    @property
    def percent(self) -> bool:
        """Whether the entry had an unescaped `%`."""
        return self.input is not None


def is_posix(shell: str) -> bool:
    """Whether a shell understands here-documents."""
    return _POSIX.fullmatch(shell) is not None


def split_percent(rest: str) -> Command:
    """The first bare `%` ends the command, further ones are newlines of its input; an escaped one is itself."""
    parts = [part.replace("\\%", "%") for part in re.split(r"(?<!\\)%", rest)]
    return Command(parts[0], "\n".join(parts[1:]) if len(parts) > 1 else None)


def _delimiter(text: str) -> str:
    lines, count, word = set(text.split("\n")), 1, "INPUT"
    while word in lines:
        count += 1
        word = f"INPUT_{count}"
    return word


def as_script(command: Command) -> str:
    """A script that does what cron would have done, standard input included."""
    if command.input is None:
        return command.text
    if not command.input:
        return f"exec </dev/null\n{command.text}"
    end = _delimiter(command.input)
    body = command.input if command.input.endswith("\n") else command.input + "\n"
    return f"exec <<'{end}'\n{body}{end}\n{command.text}"
