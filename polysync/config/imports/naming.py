"""Task names made from what a task runs: stable, unique and valid."""

from __future__ import annotations

import re
import shlex
from typing import Final

LONGEST: Final = 100  # the length that NAME_PATTERN allows
_WRAPPERS: Final = frozenset(
    "sudo nice ionice chrt taskset flock timeout env time nohup setsid chronic cronic exec command eval"
    " systemd-cat stdbuf unbuffer doas runuser su if then ! ( {".split(),
)
_GUARDS: Final = frozenset(("cd", "test", "[", "[[", "export", "set", "umask", "source", ".", "sleep", "true", ":"))
_INTERPRETERS: Final = re.compile(
    r"(?:ba|da|z|k|a)?sh|python[\d.]*|perl|ruby|php[\d.]*|node|lua|java|Rscript|run-parts"
)
_EXTENSION: Final = re.compile(r"\.(?:sh|bash|py|pl|rb|php|js|lua|jar|R|service|timer)$")
_BREAKS: Final = frozenset(("&&", "||", ";", "|", "&"))
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*=")
_OPERAND: Final = re.compile(r"[+-]?[\d.]+[smhdkKMG]?%?$")


def _words(command: str) -> list[str]:
    try:
        lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
        lexer.commenters = ""
        return list(lexer)
    except ValueError:  # an open quote: names need no more than a guess
        return command.split()


def _commands(words: list[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for word in words:
        if word in _BREAKS:
            found.append([])
        else:
            found[-1].append(word)
    return found


def _is_noise(word: str) -> bool:
    return word in _WRAPPERS or word.startswith("-") or bool(_ASSIGNMENT.match(word) or _OPERAND.match(word))


def _basename(word: str) -> str:
    return word.rstrip("/").rpartition("/")[2]


def _program(words: list[str]) -> str | None:
    """The word of one simple command that says best what it does."""
    rest = [word for word in words if not _is_noise(word)]
    if words and words[0].rpartition("/")[2] == "flock":
        rest = rest[1:]  # the lock file
    if rest and rest[0] in _GUARDS:
        return None
    if len(rest) > 1 and _INTERPRETERS.fullmatch(_basename(rest[0])):
        return rest[1]
    return rest[0] if rest else None


def fit(text: str, fallback: str = "job") -> str:
    """`text` as a valid name: other characters become `-`, a bare number gets a word in front."""
    name = re.sub(r"[^A-Za-z0-9._:-]+", "-", text).strip("-._:")[: LONGEST - 5]
    if not name:
        return fallback
    return f"{fallback}-{name}" if name.isdigit() else name


def from_command(command: str) -> str:
    """A name for a task that runs `command`: its program, past wrappers, guards and interpreters."""
    commands = _commands(_words(command))
    guards = [word for words in commands for word in words[:1] if word in _GUARDS]
    for word in (*filter(None, map(_program, commands)), *guards):
        name = fit(_EXTENSION.sub("", _basename(word)))
        if name != "job":
            return name
    return "job"


class Names:
    """The names given so far; tasks and services share one namespace."""

    def __init__(self) -> None:
        self._given: set[str] = set()
        self._next: dict[str, int] = {}  # where to look on, so that a thousand of one name stay quick

    def free(self, wanted: str) -> str:
        """`wanted`, or with the first free number behind it."""
        name, count = wanted, self._next.get(wanted, 2)
        while name in self._given:
            name = f"{wanted}-{count}"
            count += 1
        self._next[wanted] = max(2, count - 1)
        return name

    def take(self, wanted: str) -> str:
        """The same, and it is not free from now on."""
        name = self.free(wanted)
        self._given.add(name)
        return name
