"""The lines of a crontab, read as cron reads them: settings, entries, comments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

ACCOUNT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\$?(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?")
_SETTING: Final = re.compile(r"""("[^"]*"|'[^']*'|[^\s="']+)[ \t]*=[ \t]*(.*)""")
_ENTRY: Final = re.compile(r"(-?)(@[A-Za-z0-9_]+|(?:[^ \t]+[ \t]+){4}[^ \t]+)(?:[ \t]+(.*))?")
_FLAGS: Final = re.compile(r"(-[nqs]+)[ \t]+")
_SURE_ACCOUNTS: Final = frozenset(
    ("root", "www-data", "nobody", "postgres", "daemon", "apache", "nagios", "debian-exim")
)
_UNREADABLE: Final = re.compile(r"[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Blank:
    """An empty line: what is above it describes nothing below it."""

    line: int


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment, without its `#`."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Setting:
    """`NAME = value`: holds for the entries below it."""

    line: int
    text: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that cron runs: `when` is five fields or a macro, `rest` what follows."""

    line: int
    text: str
    when: tuple[str, ...]
    rest: str
    quiet: bool  # a leading "-": not reported to syslog
    carriage_return: bool


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that cron does not understand either."""

    line: int
    text: str
    reason: str


Line = Blank | Comment | Setting | Entry | Broken


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]:
        return text[1:-1]
    return text


def read_line(number: int, raw: str) -> Line:
    """One line of a crontab."""
    text = raw.removesuffix("\r").strip(" \t\f")
    if not text:
        return Blank(number)
    if text.startswith("#"):
        return Comment(number, text[1:].strip())
    if _UNREADABLE.search(text):
        return Broken(number, text, "it holds a NUL or bytes that are not UTF-8; write the task by hand")
    setting = _SETTING.fullmatch(text)
    if setting:
        return Setting(number, text, _unquoted(setting[1]), _unquoted(setting[2].rstrip()))
    entry = _ENTRY.fullmatch(text)
    if entry is None:
        return Broken(number, text, "it is neither a setting, nor five time fields and a command")
    rest = (entry[3] or "").lstrip(" \t")
    return Entry(number, text, tuple(entry[2].split()), rest, entry[1] == "-", raw.endswith("\r"))


def read_lines(text: str) -> Iterator[Line]:
    """Every line, in order; only a newline ends a line, as for cron."""
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        yield read_line(number, raw)


def split_account(rest: str) -> tuple[str, str]:
    """The user column and what follows it."""
    account, *command = re.split(r"[ \t]+", rest, maxsplit=1)
    return account, command[0] if command else ""


def split_flags(command: str) -> tuple[str, str]:
    """The flags that OpenBSD and FreeBSD allow before a command, and the command."""
    flags = _FLAGS.match(command)
    return (flags[1][1:], command[flags.end() :]) if flags else ("", command)


def is_header(text: str) -> bool:
    """Whether a comment is the customary heading of the columns, or a drawn line."""
    words = re.sub(r"[^a-z]+", " ", text.lower()).split()
    drawn = not re.search(r"[^\W_]", text)
    columns = {"m", "h", "dom", "mon", "dow", "minute", "min", "hour", "day", "month", "weekday"}
    return drawn or ("command" in words and len(columns.intersection(words)) > 1)


def _names_user_column(text: str) -> bool:
    return is_header(text) and re.search(r"\buser(?:-?name)?\b.*\bcommand\b", text.lower()) is not None


def has_user_column(lines: list[Line], path: str) -> tuple[bool, str]:
    """Whether entries carry a user column, and why we think so (empty where the path decides)."""
    if path == "/etc/crontab" or path.startswith("/etc/cron.d/"):
        return True, ""
    if path.startswith(("/var/spool/cron", "/var/cron/tabs", "/usr/lib/cron/tabs")):
        return False, ""
    if any(isinstance(line, Comment) and _names_user_column(line.text) for line in lines):
        return True, "a comment heads a user column"
    columns = [split_account(line.rest) for line in lines if isinstance(line, Entry)]
    plausible = all(ACCOUNT.fullmatch(account) and command for account, command in columns)
    if plausible and any(account in _SURE_ACCOUNTS for account, _ in columns):
        return True, "the word before each command is an account"
    return False, "no user column was found"


def owner_of(path: str) -> str | None:
    """The user whose crontab this is, where the path of the spool says so."""
    found = re.fullmatch(r"/var/(?:spool/cron(?:/crontabs|/tabs)?|cron/tabs)/([^/]+)", path)
    return found[1] if found and ACCOUNT.fullmatch(found[1]) else None
