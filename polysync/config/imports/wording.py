"""Source text made fit to be shown: one line, nothing that moves a cursor, no secrets."""

from __future__ import annotations

import re
from typing import Final

from polysync.domain.safe_text import safe_text

WIDEST: Final = 100  # an entry is a reminder of which line it was, not the line itself
_LOOKED_AT: Final = 400  # enough to fill an entry even where much of it is stars
_SECRET_NAME: Final = re.compile(
    r"passw(?:or)?d|passphrase|pwd$|secret|token|credential|api_?key|access_?key|private_?key|auth$",
    re.IGNORECASE,
)
_SECRET_TEXT: Final = (
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)"), r"\1***"),
    (
        re.compile(
            r"((?:[\w-]*(?:passw(?:or)?d|passphrase|secret|token|credential|api[_-]?key|access[_-]?key)[\w-]*)"
            r"(?:\s*[=:]\s*|\s+))(?!-)(\"[^\"]*\"|'[^']*'|[^\s\"']+)",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
    (re.compile(r"(\bBearer\s+)[^\s\"']+", re.IGNORECASE), r"\1***"),
    (re.compile(r"(\bmysql\w*\b[^|;&]*?\s-p)[^\s\"']+"), r"\1***"),
)


def names_secret(name: str) -> bool:
    """Whether a variable of this name probably holds a secret."""
    return _SECRET_NAME.search(name) is not None


def without_secrets(text: str) -> str:
    """`text` with what looks like a password or a token replaced by stars."""
    for pattern, stars in _SECRET_TEXT:
        text = pattern.sub(stars, text)
    return text


def printable(text: str) -> str:
    """`text` on one line, with what could act on a terminal made visible."""
    return safe_text(" ".join(text.split()))


def entry_text(text: str) -> str:
    """A short form of a source entry that is safe on any terminal."""
    line = without_secrets(printable(text[:_LOOKED_AT]))
    return line if len(line) <= WIDEST else line[: WIDEST - 1] + "…"
