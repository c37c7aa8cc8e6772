"""Pages: what the documents name exists, and nothing names the machine it was written on."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Final

from tests.house.sources import Source, python

FENCE: Final = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
SPAN: Final = re.compile(r"`([^`\n]+)`")
LINK: Final = re.compile(r"\]\((?!https?://|mailto:|#)([^)\s#]+)(?:#[^)]*)?\)")
PATH: Final = re.compile(r"(?:polysync|tests|docs|contrib|\.ci)/[\w./*-]*")
MODULE: Final = re.compile(r"polysync(?:\.[A-Za-z_]\w*)+")
OURS_BUT_NO_MODULE: Final = {
    # files of a home and of a checkout that are called polysync.something
    *("polysync.toml", "polysync.toml.example", "polysync.db", "polysync.sock", "polysync.tcss"),
    # groups of entry points
    *("polysync.adapters", "polysync.vaults", "polysync.notifiers"),
}
MACHINE: Final = re.compile(r"(?<![\w.$}~-])/(?:work|root|tmp|home/[a-z]+|Users/\w+)/\w")
REGISTRY: Final = re.compile(r"\b(?:pypi\.org|pythonhosted\.org|registry\.npmjs\.org|proxy\.golang\.org|crates\.io)\b")
SECTIONS: Final = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
RELEASE: Final = re.compile(r"\[(?P<version>\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}")


def check_cited_paths(sources: Sequence[Source]) -> list[str]:
    """A path in backticks, or the target of a link, exists."""
    paths = {source.path for source in sources}
    known = paths | {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    return [
        f"{page.path}: `{cited}` does not exist"
        for page in _pages(sources)
        for cited, path in _citations(page)
        if not any(fnmatchcase(name, path) for name in known)
    ]


def check_cited_names(sources: Sequence[Source]) -> list[str]:
    """A `polysync.module.name` in backticks exists."""
    modules = {_module(source.path): source for source in python(sources, "polysync")}
    return [
        f"{page.path}: `{span}` does not exist"
        for page in _pages(sources)
        for span in SPAN.findall(FENCE.sub("", page.text))
        if MODULE.fullmatch(span) and span not in OURS_BUT_NO_MODULE and not _defined(span, modules)
    ]


def check_machine(sources: Sequence[Source]) -> list[str]:
    """No file names a folder of the machine it was written on, or a package registry."""
    return [
        f"{source.path}:{number}: {found[0]}"
        for source in sources
        for number, line in enumerate(source.text.splitlines(), 1)
        for found in (MACHINE.search(line), REGISTRY.search(line))
        if found
    ]


def check_changelog(sources: Sequence[Source]) -> list[str]:
    """The changelog keeps the form of keep-a-changelog and opens with what is not released yet."""
    text = next((source.text for source in sources if source.path == "CHANGELOG.md"), "")
    versions = re.findall(r"^## (.+)$", text, re.MULTILINE)
    sections = re.findall(r"^### (.+)$", text, re.MULTILINE)
    faults = {
        "does not open with `# Changelog`": not text.startswith("# Changelog\n"),
        "has no `## [Unreleased]` first": versions[:1] != ["[Unreleased]"],
        "has a version without `[x.y.z] - date`": not all(map(RELEASE.fullmatch, versions[1:])),
        "has a section of another name": not SECTIONS.issuperset(sections),
        "says nothing to users": not re.search(r"^- \S", text, re.MULTILINE),
    }
    return [f"CHANGELOG.md: {fault}" for fault, found in faults.items() if found]


def _pages(sources: Sequence[Source]) -> list[Source]:
    return [s for s in sources if s.path.endswith(".md") and (s.path.startswith("docs/") or "/" not in s.path)]


def _citations(page: Source) -> Iterator[tuple[str, str]]:
    """Every path that a page cites, as written and from the top of the checkout; `path:name` cites the path."""
    prose = FENCE.sub("", page.text)
    for span in SPAN.findall(prose):
        if PATH.fullmatch(span.split(" ")[0]):
            yield span, span.split(" ")[0].rstrip("/")
    for link in LINK.findall(prose):
        yield link, normpath(PurePosixPath(page.path).parent / link)


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _defined(name: str, modules: Mapping[str, Source]) -> bool:
    """Whether `name` is a module, or something defined in one, down to the members of a class."""
    module, rest = name, list[str]()
    while module not in modules and "." in module:
        module, _, last = module.rpartition(".")
        rest.insert(0, last)
    body: Sequence[ast.stmt] = modules[module].tree.body if module in modules else []
    for wanted in rest:
        found = next((node for node in body if wanted in _names(node)), None)
        if found is None:
            return False
        body = getattr(found, "body", [])
    return module in modules


def _names(node: ast.stmt) -> set[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Assign(targets=targets):
            return {target.id for target in targets if isinstance(target, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case _:
            return set()
