"""Comments: every exception from a rule names the rule and its reason."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator, Sequence
from typing import Final

from tests.house.sources import Source, python

NOQA: Final = re.compile(r"# noqa: [A-Z]+[0-9]+(?:, [A-Z]+[0-9]+)* - \S")
TYPE_IGNORE: Final = re.compile(r"# type: ignore\[[a-z, -]+\]  # \S")
NO_COVER: Final = re.compile(r"# pragma: no (?:cover|branch) - \S")
RULES: Final = (
    (re.compile(r"#\s*noqa", re.IGNORECASE), NOQA, "write `# noqa: CODE - reason`"),
    (re.compile(r"#\s*type:\s*ignore"), TYPE_IGNORE, "write `# type: ignore[code]  # reason`"),
    (re.compile(r"#\s*pragma:"), NO_COVER, "write `# pragma: no cover - reason`"),
    (re.compile(r"#\s*(?:isort|ruff|mypy|pylint|flake8):"), re.compile(r"(?!)"), "settings live in pyproject.toml"),
)
ENTRY: Final = re.compile(r'^  "(?P<code>[A-Z]+[0-9]*)",(?P<reason>\s*# \S.*)?$')


def check_suppressions(sources: Sequence[Source]) -> list[str]:
    """A suppressed warning carries its code and a reason."""
    return [
        f"{source.path}:{line}: {advice}"
        for source in python(sources)
        for line, comment in _comments(source)
        for marker, form, advice in RULES
        if marker.search(comment) and not form.search(comment)
    ]


def check_ignored_rules(sources: Sequence[Source]) -> list[str]:
    """A lint rule that is switched off carries its reason beside it."""
    return [
        f"{source.path}:{number}: {entry['code']} is ignored without a reason"
        for source in sources
        if source.path == "pyproject.toml"
        for number, line in enumerate(source.text.splitlines(), 1)
        if (entry := ENTRY.match(line)) and line.strip() != '"ALL",' and not entry["reason"]
    ]


def _comments(source: Source) -> Iterator[tuple[int, str]]:
    return ((token.start[0], token.string) for token in source.tokens if token.type == tokenize.COMMENT)
