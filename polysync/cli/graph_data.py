"""The graph of tasks as text for other programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from polysync.config.graph import Graph, Link
from polysync.domain.safe_text import safe_text

NARROW: Final = 40  # characters of a condition on an edge of a picture


def as_dot(graph: Graph) -> str:
    """A drawing for Graphviz."""
    nodes = [f"  {_dot(name)} [label={_dot(graph.label(name))}];" for name in graph.tasks]
    edges = [f"  {_dot(link.source)} -> {_dot(link.target)}{_dot_words(link)};" for link in graph.links]
    return "\n".join(["digraph polysync {", "  rankdir=LR;", "  node [shape=box];", *nodes, *edges, "}"])


def _dot(text: str) -> str:
    return '"' + safe_text(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _dot_words(link: Link) -> str:
    return f" [label={_dot(link.words)}]" if link.words else ""


def as_mermaid(graph: Graph) -> str:
    """A drawing for Mermaid; the names stand in labels only, so that none of them is taken for syntax."""
    number = {name: f"t{index}" for index, name in enumerate(graph.tasks)}
    nodes = [f'  {number[name]}["{_mermaid(graph.label(name))}"]' for name in graph.tasks]
    edges = [f"  {number[link.source]} -->{_mermaid_words(link)} {number[link.target]}" for link in graph.links]
    return "\n".join(["flowchart LR", *nodes, *edges])


def _mermaid(text: str) -> str:
    """Everything that Mermaid or HTML could read as syntax becomes a numbered character."""
    return "".join(char if char.isalnum() or char in " ._:-%()" else f"#{ord(char)};" for char in safe_text(text))


def _mermaid_words(link: Link) -> str:
    return f'|"{_mermaid(link.words[:NARROW])}"|' if link.words else ""


EXPORTS: Final[Mapping[str, Callable[[Graph], str]]] = {"dot": as_dot, "mermaid": as_mermaid}
