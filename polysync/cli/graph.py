"""`polysync graph`: what depends on what, drawn in the terminal or written for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import click

from polysync.cli.drawing import draw, plain
from polysync.cli.graph_data import EXPORTS
from polysync.cli.group import verb
from polysync.cli.layers import components, forward
from polysync.cli.loading import configuration, pick_one
from polysync.cli.session import Session
from polysync.config.graph import Graph, Link, as_data, graph_of
from polysync.domain.render import ASCII, Cell, Style, wrapped
from polysync.domain.safe_text import safe_text

FORMATS: Final = ("layers", "tree", "dot", "mermaid", "json")
DRAWN: Final = 200  # nodes of one drawing; above this nobody can follow the lines
DEEPEST: Final = 24  # levels of a tree; below them the names would leave the terminal
FORK, LAST, PASS, GAP = "├─ ", "└─ ", "│  ", "   "


@verb(
    "graph", examples=["polysync graph", "polysync graph load --format tree", "polysync graph --format dot | dot -Tsvg"]
)
@click.argument("task", required=False)
@click.option("--format", "form", type=click.Choice(FORMATS), default="layers", help="Default: layers, a drawing.")
@click.option("--all", "everything", is_flag=True, help="Unlisted tasks too.")
@click.pass_obj
def command(session: Session, task: str | None, form: str, *, everything: bool) -> None:
    """What depends on what; with TASK only what leads to it and what it leads to."""
    graph = graph_of(configuration(session).tasks)
    if task is not None:
        graph = graph.around(pick_one(task, graph.tasks))
    elif not everything:
        graph = graph.only(name for name, one in graph.tasks.items() if not one.unlisted)
    if session.json or form == "json":
        session.document(as_data(graph))
    elif form in EXPORTS:
        session.around.stdout.write(EXPORTS[form](graph) + "\n")
    else:
        _show(session, graph, as_tree=form == "tree")


def _show(session: Session, graph: Graph, *, as_tree: bool) -> None:
    ascii_only = session.glyphs is ASCII
    linked = {name for link in graph.links for name in (link.source, link.target)}
    arrows = list(dict.fromkeys((link.source, link.target) for link in graph.links))
    onward, loops = forward(list(graph.tasks), arrows)
    for part in components((name for name in graph.tasks if name in linked), arrows):
        members = set(part)
        inner = [arrow for arrow in onward if arrow[0] in members]
        drawn = None
        if not as_tree and len(part) <= DRAWN:
            drawn = draw(part, inner, {name: graph.label(name) for name in part}, session.text_width)
        for line in drawn if drawn is not None else _tree(graph, part, inner):
            session.line(plain(line) if ascii_only else line)
        session.line()
    _legend(session, graph, loops)
    alone = [name for name in graph.tasks if name not in linked]
    if alone:
        session.line(Cell("Without dependencies:" if linked else "No task depends on another:", Style.DIM))
        for line in wrapped(", ".join(alone), session.text_width, "  "):
            session.line(line)


def _legend(session: Session, graph: Graph, loops: Sequence[tuple[str, str]]) -> None:
    """What the lines cannot say: other ends than success, conditions, and the ways back of loops."""
    arrow, said = session.glyphs.arrow, False
    for link in graph.links:
        back = (link.source, link.target) in loops
        words = ", ".join(filter(None, (link.words, _loop(graph, link) if back else "")))
        if words:
            session.line(Cell(link.source, Style.NAME), f" {arrow} ", Cell(link.target, Style.NAME), f"  {words}")
            said = True
    if said:
        session.line()


def _loop(graph: Graph, link: Link) -> str:
    turns = max(graph.tasks[link.source].max_turns, graph.tasks[link.target].max_turns)
    return f"a loop, at most {turns} turns" if turns else "a loop"


def _tree(graph: Graph, part: Sequence[str], arrows: Sequence[tuple[str, str]]) -> Iterator[str]:
    """One connected part from its beginnings down; what comes a second time is only named."""
    onward: dict[str, list[str]] = {name: [] for name in part}
    for source, target in arrows:
        onward[source].append(target)
    words = {(link.source, link.target): link.words for link in graph.links if link.words}
    targets = {target for _, target in arrows}
    shown: set[str] = set()
    waiting = [(name, "", "", "") for name in reversed(part) if name not in targets]
    while waiting:
        name, parent, lead, branch = waiting.pop()
        again, below = name in shown, onward[name]
        shown.add(name)
        deep = len(lead) >= DEEPEST * len(GAP)
        note = f"  {words[parent, name]}" if (parent, name) in words else ""
        more = "  (shown above)" if again and below else "  (more below it)" if deep and below else ""
        yield safe_text(f"{lead}{branch}{graph.label(name)}{note}{more}")
        if again or deep:
            continue
        inner = lead + {"": "", FORK: PASS, LAST: GAP}[branch]
        children = [(child, name, inner, FORK) for child in below[:-1]] + [
            (child, name, inner, LAST) for child in below[-1:]
        ]
        waiting.extend(reversed(children))
