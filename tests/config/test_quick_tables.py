"""The quick reading of large files says what the parser says, whatever stands in them."""

from __future__ import annotations

import tomllib
from functools import partial
from random import Random
from typing import Any

import pytest

from polysync.config.quick import LARGE, tables_of
from tests.config.many import many
from tests.seeds import seed_of

FILL = 'run = "/srv/bin/step --number {0}"\ncron = "{0} * * * *"\n'
MANY = "".join(f"[tasks.fill-{n}]\n" + FILL.format(n) for n in range(40))
ODD = (
    "",
    "[tasks.a]\n",
    '[tasks.a] # why\n\n# so\nrun = "x" # and so\n\tcron = "y"\n',
    "[tasks.a]\nrun = 'x \"y\" \\'\nenabled = true\nretry_attempts = 0\nlog = false\n",
    "[tasks.a]\nrun = '''\n\nset -eu\n[tasks.b]\n[ -f x ] && y\n'''\n",
    "[tasks.a]\nrun = '''x'''\n[tasks.b]\nrun = '''it's'''\n",
    '[tasks.a]\nrun = """\n[tasks.b]\nrun = "x"\n"""\n',
    '[tasks.a]\ntags = ["x", "y"]\ncodes = [0, 7]\nenv = { A = "1", B = \'2\' }\nboth = [ "x", true ]\n',
    '[tasks.a]\ntags = [\n  "x",\n  "y",\n]\nempty = []\nnone = {}\n',
    "[tasks.a]\nruns = [\n[1],\n[2]\n]\n",
    '[tasks.a]\nrun = "a \\"b\\" \\u0041"\nat = 2026-01-01\nshare = 0.5\nbig = 1_000\nhex = 0xff\nless = -1\n',
    "[tasks.a]\nenv.A = '1'\n[tasks.a.parameters]\nday = 'x'\n[tasks.b]\nrun = 'y'\n",
    "[tasks.'a b']\nrun = 'x'\n[tasks.\"c.d\"]\nrun = 'x'\n[tasks.c.d]\nrun = 'z'\n",
    "[[route]]\nnotifiers = ['ops']\n[tasks.a]\nrun = 'x'\n[[route]]\nnotifiers = ['dev']\n",
    "[jobs.a]\n[tasks.a]\nrun = 'x'\n[jobs.b.parameters]\n[jobs.b]\ntitle = 'y'\n",
    "[daemon]\nmax_running = 4\n[ tasks . a ]\nrun = 'x'\n",
    "[tasks.a]\nrun = 'x'\n[ daemon ]\nmax_running = 4\n",
    "[tasks]\n[tasks.a]\nrun = 'x'\n",
    "  [tasks.a]\n  run = 'x'\n",
    "[tasks.1]\nrun = '\N{GREEK SMALL LETTER ALPHA}\N{NO-BREAK SPACE}\u2028x'\n",
    "[tasks.a]\nrun = ''\nnext = \"\"\n",
    # ---- what is no TOML
    "[tasks.fill-7]\nrun = 'x'\n",
    "[tasks.a]\nrun = 'x'\n[tasks.b]\n[tasks.a]\n",
    "[tasks.a]\nrun = 'x'\nrun = 'y'\n",
    "[tasks.a]\nenv = { A = '1', A = '2' }\n",
    "[tasks.a]\nrun = 'x\n[tasks.b]\nrun = 'y'\n",
    "[tasks.a]\nrun = 'x' y\n",
    "[tasks.a]\nrun = x\n",
    "[tasks.a]\nrun = 007\n",
    "[tasks.a]\nrun = '\x01'\n",
    "[tasks.a]\nrun = 'x' # \x7f\n",
    "[tasks.a]\nrun = '''x''''''\n",
    "[tasks.a]\nrun =\n'x'\n",
    "[tasks.a]\nrun = [ 'x' 'y' ]\n",
    "[tasks.a]\nenv = { A = '1', }\n",
    "[tasks.a\nrun = 'x'\n",
    "[tasks.]\nrun = 'x'\n",
    "[tasks.a]]\nrun = 'x'\n",
    "[[tasks.a]]\nrun = 'x'\n",
    "[[tasks]]\nrun = 'x'\n",
    "tasks = 1\n",
    "tasks.fill-7.run = 'x'\n",
    "a = '''\n[tasks.a]\nrun = 'x'\n[daemon]\n'''\n",
    '[daemon]\nx = """\n[tasks.a]\nrun = "x"\n[daemon]\ny = """\n',
    "[tasks.a]\nrun = 'x'\r\n",
    "[tasks.a]\nrun = 'x'\r",
    "[tasks.a]\nnumber = " + "9" * 5000 + "\n",
)


def both(text: str) -> tuple[Any, Any]:
    """What the quick reading makes of a text, and what the parser does."""
    made: list[Any] = []
    for read in (partial(tables_of, large=0), tomllib.loads):
        try:
            made.append(in_order(read(text)))
        except ValueError as error:
            made.append(repr(error))
    return made[0], made[1]


def in_order(tables: dict[str, Any]) -> Any:
    """The tables with the order of their keys and the kinds of their values, but for the order of the sections."""
    return {section: repr(table) for section, table in tables.items()}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("before", [True, False])
def test_it_says_what_the_parser_says(odd: str, *, before: bool) -> None:
    ours, theirs = both(odd + MANY if before else MANY + odd)
    assert ours == theirs


def test_a_large_file_with_everything_in_it_is_read_like_a_small_one() -> None:
    text = many(400)
    assert len(text) > LARGE
    ours, theirs = both(text)
    assert ours == theirs
    assert len(tables_of(text)["tasks"]) == 400


def test_a_file_of_other_things_is_left_to_the_parser() -> None:
    text = MANY.replace("[tasks.", "[jobs.") + "[tasks.a]\nrun = 'x'\n"
    ours, theirs = both(text)
    assert ours == theirs


PIECES = (
    "[tasks.",
    "]",
    "'",
    '"',
    "'''",
    '"""',
    "\n",
    "=",
    "{",
    "}",
    "#",
    ",",
    "[",
    "a",
    " ",
    "\\",
    "0",
    ".",
    "\r\n",
    "\t",
)


def test_what_somebody_typed_anywhere_is_read_as_the_parser_reads_it() -> None:
    random, whole = Random(seed_of("typed")), many(24)
    for _ in range(500):
        text = whole
        for _ in range(random.choice((1, 1, 1, 2, 4))):
            start = random.randrange(len(text))
            end = start + random.choice((0, 0, 1, 3, 40))
            text = text[:start] + "".join(random.choices(PIECES, k=random.randrange(3))) + text[end:]
        ours, theirs = both(text)
        assert ours == theirs
