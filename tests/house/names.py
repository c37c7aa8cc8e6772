"""Names: the top level as agreed, and no name that says nothing."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from tests.house.sources import Source, python

TOP: Final = {
    *("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "polysync.toml.example"),
    *("polysync", "tests", "docs", "contrib"),
    *(".ci", ".editorconfig", ".gitignore", ".pre-commit-config.yaml"),
}
EMPTY_WORDS: Final = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "base", "misc"}
NAMED_ELSEWHERE: Final = {"EnvBase"}  # the values of the configuration key env_base


def check_top_level(sources: Sequence[Source]) -> list[str]:
    """The top level holds exactly what was agreed."""
    there = {source.path.split("/")[0] for source in sources}
    return [f"{name}: not part of the agreed top level" for name in sorted(there - TOP)] + [
        f"{name}: missing from the top level" for name in sorted(TOP - there)
    ]


def check_file_names(sources: Sequence[Source]) -> list[str]:
    """No file or folder has a name that says nothing, such as utils."""
    return [
        f"{source.path}: '{word}' says nothing; name it for what it decides or does"
        for source in sources
        for part in PurePosixPath(source.path).parts
        for word in re.split(r"[^a-z]+", part.lower())
        if word in EMPTY_WORDS
    ]


def check_class_names(sources: Sequence[Source]) -> list[str]:
    """No class has a name that says nothing, such as Manager."""
    return [
        f"{source.at(node)}: {node.name}: '{word}' says nothing; name it for what it decides or does"
        for source in python(sources)
        for node in source.nodes
        if isinstance(node, ast.ClassDef) and node.name not in NAMED_ELSEWHERE
        for word in re.findall(r"[A-Z][a-z]*", node.name)
        if word.lower() in EMPTY_WORDS
    ]


def check_test_names(sources: Sequence[Source]) -> list[str]:
    """A test file has a name of its own in the whole house, so that a failure names one file."""
    homes = defaultdict(list)
    for source in python(sources, "tests"):
        if PurePosixPath(source.path).name.startswith("test_"):
            homes[PurePosixPath(source.path).name].append(source.path)
    return [f"{', '.join(paths)}: one name for several files" for paths in homes.values() if len(paths) > 1]
