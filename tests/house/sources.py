"""The files of the checkout as values, so that a rule is a function from files to complaints."""

from __future__ import annotations

import ast
import io
import subprocess
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One file: its path from the top of the checkout, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of a Python file."""
        return ast.parse(self.text, self.path)

    @cached_property
    def nodes(self) -> Sequence[ast.AST]:
        """Every node of the syntax tree."""
        return list(ast.walk(self.tree))

    @cached_property
    def functions(self) -> Sequence[Function]:
        """Every function, methods and inner functions included."""
        return [node for node in self.nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]

    @cached_property
    def tokens(self) -> Sequence[tokenize.TokenInfo]:
        """The words of a Python file, comments included."""
        return list(tokenize.generate_tokens(io.StringIO(self.text).readline))

    @property
    def room(self) -> str:
        """The folder or file directly below polysync/, for example `domain`; empty for files elsewhere."""
        parts = PurePosixPath(self.path).parts
        return parts[1].removesuffix(".py") if len(parts) > 1 and parts[0] == "polysync" else ""

    def at(self, node: ast.stmt | ast.expr | int) -> str:
        """Where a complaint points to."""
        return f"{self.path}:{node if isinstance(node, int) else node.lineno}"


def paths_of(root: Path = ROOT) -> list[str]:
    """Every file that is tracked, or would be: what git does not ignore."""
    command = ["git", "-c", f"safe.directory={root}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    return sorted({path for path in listed.split("\0") if path and (root / path).is_file()})


def read_all(root: Path = ROOT) -> list[Source]:
    """Every text file of the checkout."""
    return [Source(path, (root / path).read_text(encoding="utf-8")) for path in paths_of(root)]


def python(sources: Sequence[Source], *folders: str) -> list[Source]:
    """The Python files below the named top-level folders, or all of them."""
    return [s for s in sources if s.path.endswith(".py") and (not folders or s.path.split("/")[0] in folders)]


def dotted(node: ast.AST) -> str:
    """`a.b.c` for a chain of names, with `()` where something is called on the way."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            return f"{dotted(value)}.{attr}"
        case ast.Call(func=func):
            return f"{dotted(func)}()"
        case _:
            return "?"
