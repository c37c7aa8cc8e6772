"""`polysync graph`: drawings, trees and text for other programs."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from tests.cli.terminal import Terminal

TASKS = """
[tasks.extract]
run = "x"
[tasks.clean]
run = "x"
depends_on = ["extract"]
[tasks.verify]
run = "x"
depends_on = ["extract"]
[tasks.load]
run = "x"
depends_on = ["clean", "verify"]
[tasks.rollback]
run = "x"
depends_on = [{ task = "load", on = "failure" }]
[tasks.report]
run = "x"
depends_on = [{ task = "load", when = "outputs.name == 'a\\"b'" }, "verify"]
depends_mode = "any"
[tasks.alone]
run = "x"
[tasks.quiet]
run = "x"
unlisted = true
[tasks.shape]
mode = "template"
"""
LOOP = """
[tasks.a]
run = "x"
depends_on = ["c"]
max_turns = 5
[tasks.b]
run = "x"
depends_on = ["a"]
[tasks.c]
run = "x"
depends_on = ["b"]
"""


def test_graph_draws_layers(terminal: Terminal) -> None:
    terminal.write(TASKS)
    said = terminal.polysync("graph", "load")
    assert said.lines[0].startswith("extract ─┬▶ clean")
    assert "load → rollback  on failure" in said.lines
    assert "load → report  when outputs.name == 'a\"b'" in said.lines
    assert "alone" not in said.out


def test_graph_lists_what_stands_alone(terminal: Terminal) -> None:
    terminal.write(TASKS)
    assert terminal.polysync("graph").lines[-2:] == ["Without dependencies:", "  alone"]
    assert terminal.polysync("graph", "--all").lines[-1] == "  alone, quiet"
    terminal.write('[tasks.one]\nrun = "x"\n')
    assert terminal.polysync("graph").lines == ["No task depends on another:", "  one"]


def test_graph_as_a_tree_names_what_comes_twice(terminal: Terminal) -> None:
    terminal.write(TASKS)
    said = terminal.polysync("graph", "--format", "tree").lines
    assert said[:8] == [
        "extract",
        "├─ clean",
        "│  └─ load",
        "│     ├─ rollback  on failure",
        "│     └─ report (any)  when outputs.name == 'a\"b'",
        "└─ verify",
        "   ├─ load  (shown above)",
        "   └─ report (any)",
    ]


def test_graph_as_data_has_nodes_and_edges(terminal: Terminal) -> None:
    terminal.write(TASKS)
    data = terminal.polysync("graph", "--json").data
    assert [node["name"] for node in data["nodes"]][:3] == ["extract", "clean", "verify"]
    assert {"from": "load", "to": "rollback", "on": "failure", "when": None} in data["edges"]
    assert json.loads(terminal.polysync("graph", "--format", "json").out) == data
    assert {node["depends_mode"] for node in data["nodes"]} == {"all", "any"}


def test_graph_escapes_for_graphviz(terminal: Terminal) -> None:
    terminal.write(TASKS)
    dot = terminal.polysync("graph", "--format", "dot").out
    assert dot.startswith("digraph polysync {")
    assert '"load" -> "report" [label="when outputs.name == \'a\\"b\'"];' in dot


def test_graph_escapes_for_mermaid(terminal: Terminal) -> None:
    terminal.write(TASKS)
    text = terminal.polysync("graph", "report", "--format", "mermaid").out
    assert text.startswith("flowchart LR\n")
    assert '["report (any)"]' in text
    assert "a#34;b" in text


def test_graph_shows_a_loop(terminal: Terminal) -> None:
    terminal.write(LOOP)
    said = terminal.polysync("graph")
    assert said.lines[0] == "a ──▶ b ──▶ c"
    assert "c → a  a loop, at most 5 turns" in said.lines


def test_graph_falls_back_to_a_tree_where_it_is_too_wide(terminal: Terminal) -> None:
    names = [f"a-rather-long-name-{i}" for i in range(12)]
    tasks = [f'[tasks.{names[0]}]\nrun = "x"\n']
    tasks += [f'[tasks.{name}]\nrun = "x"\ndepends_on = ["{up}"]\n' for up, name in pairwise(names)]
    terminal.write("".join(tasks))
    terminal.columns = 80
    said = terminal.polysync("graph")
    assert said.lines[1] == "└─ a-rather-long-name-1"
    assert all(len(line) <= 80 for line in said.lines)


def test_graph_survives_a_chain_of_thousands(terminal: Terminal) -> None:
    count = 3_000
    tasks = ['[tasks.t0]\nrun = "x"\n']
    tasks += [f'[tasks.t{i}]\nrun = "x"\ndepends_on = ["t{i - 1}"]\n' for i in range(1, count)]
    terminal.write("".join(tasks))
    said = terminal.polysync("graph")
    assert said.status == 0
    assert "(more below it)" in said.out
    assert len(terminal.polysync("graph", "--json").data["edges"]) == count - 1


def test_graph_in_plain_ascii(terminal: Terminal) -> None:
    terminal.write(TASKS)
    terminal.charset = "ascii"
    said = terminal.polysync("graph", "load")
    assert said.out.isascii()
    assert said.lines[0].startswith("extract -+> clean")


@pytest.mark.parametrize(
    ("word", "hint"),
    [("extrakt", "did you mean extract?"), ("nothing-like-it", "there are extract"), ("r", "it could be")],
)
def test_graph_of_an_unknown_task_suggests_another(terminal: Terminal, word: str, hint: str) -> None:
    terminal.write(TASKS)
    said = terminal.polysync("graph", word)
    assert said.status == 3
    assert hint in said.err


def test_graph_takes_the_beginning_of_a_name(terminal: Terminal) -> None:
    terminal.write(TASKS)
    assert terminal.polysync("graph", "rol", "--json").data == terminal.polysync("graph", "rollback", "--json").data
