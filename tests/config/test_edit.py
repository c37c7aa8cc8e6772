"""An edit changes what was meant and nothing else, and keeps every comment."""

from __future__ import annotations

import re
import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from polysync.config.edit import add_block, remove_key, set_value
from polysync.config.files import write_atomically
from polysync.domain.errors import ValueProblem

TEXT = """\
#:schema x
top = 1 # the top

# about a
[tasks.a] # here
run = "x" # what
env = { A = "1" } # e

# about b
[tasks.b]
run = "y"
b.c = 1

[[notifier]]
id = "n"
"""


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        (("top",), 2, "top = 1 #", "top = 2 #"),
        (("tasks", "a", "run"), 'say "hi"', 'run = "x"', "run = 'say \"hi\"'"),
        (("tasks", "a", "env", "A"), "2", '{ A = "1" }', '{ A = "2" }'),
        (("tasks", "a", "env", "B"), "2", '{ A = "1" }', '{ A = "1", B = "2" }'),
        (("tasks", "a", "timeout"), "5s", "} # e\n", '} # e\ntimeout = "5s"\n'),
        (("tasks", "b", "b", "d"), 2, "b.c = 1\n", "b.c = 1\nb.d = 2\n"),
        (("notifier", 0, "id"), "m", '"n"', '"m"'),
        (("new",), True, "# the top\n", "# the top\nnew = true\n"),
        (("daemon", "max_running"), 5, 'id = "n"\n', 'id = "n"\n\n[daemon]\nmax_running = 5\n'),
    ],
)
def test_a_value_is_set_in_place(path: Any, value: Any, old: str, new: str) -> None:
    assert set_value(TEXT, path, value) == TEXT.replace(old, new)


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (("top",), "top = 1 # the top\n", ""),
        (("tasks", "a", "run"), 'run = "x" # what\n', ""),
        (("tasks", "a", "env", "A"), '{ A = "1" }', "{ }"),
        (("tasks", "b", "b"), "b.c = 1\n", ""),
        (("tasks", "b"), '[tasks.b]\nrun = "y"\nb.c = 1\n\n', ""),
        (("tasks", "a"), '[tasks.a] # here\nrun = "x" # what\nenv = { A = "1" } # e\n\n', ""),
        (("notifier", 0), '[[notifier]]\nid = "n"\n', ""),
    ],
)
def test_a_key_or_a_table_is_removed(path: Any, old: str, new: str) -> None:
    assert remove_key(TEXT, path) == TEXT.replace(old, new)


def test_a_block_stands_behind_its_likes_an_empty_line_away() -> None:
    block = '# imported\n[tasks.c]\nrun = "z"\n'
    content = {"run": "z"}
    assert add_block(TEXT, ("tasks", "c"), content, comment="imported") == TEXT.replace(
        "[[notifier]]", block + "\n[[notifier]]"
    )
    after_a = add_block(TEXT, ("tasks", "c"), content, after=("tasks", "a"))
    assert after_a.index("[tasks.a]") < after_a.index("[tasks.c]") < after_a.index("# about b")
    assert add_block(TEXT, ("jobs", "j"), {"type": "x"}) == TEXT + '\n[jobs.j]\ntype = "x"\n'
    assert add_block("a = 1", ("b",), {}) == "a = 1\n\n[b]\n"
    assert add_block("", ("b",), {"c": [1, {"d": "e"}]}) == '[b]\nc = [1, { d = "e" }]\n'


def test_a_list_of_tables_grows_by_one() -> None:
    changed = add_block(TEXT, ("notifier",), {"id": "m", "type": "ntfy"}, listed=True)
    assert tomllib.loads(changed)["notifier"][1] == {"id": "m", "type": "ntfy"}


def test_a_long_table_gets_a_header_of_its_own() -> None:
    parameters = {f"parameter-{n}": {"type": "string", "required": True} for n in range(3)}
    changed = add_block("", ("jobs", "j@2"), {"platform": "p", "parameters": parameters})
    assert changed.startswith('[jobs."j@2"]\nplatform = "p"\n\n[jobs."j@2".parameters]\nparameter-0 = { type')


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda: set_value(TEXT, ("tasks", "a"), 1), "tasks.a is a table"),
        (lambda: set_value(TEXT, ("top", "x"), 1), "top is not a table"),
        (lambda: set_value(TEXT, ("notifier", 5, "id"), 1), r"notifier\[5\].id does not exist"),
        (lambda: remove_key(TEXT, ("nope",)), "nope does not exist"),
        (lambda: add_block(TEXT, ("tasks", "a"), {}), "tasks.a exists already"),
        (lambda: set_value("a = [[1], [2]]", ("a", 2), 1), r"a\[2\] does not exist"),
        (lambda: set_value("a = [1]", ("a", "b"), 1), r"a.b does not exist"),
        (lambda: set_value("a = [1]", ("a", 0, "b"), 1), r"a\[0\] is not a table"),
        (lambda: add_block("a = { b = 1 }", ("a", "c"), {"d": 1}), "a.c cannot be changed in place; edit"),
    ],
)
def test_what_cannot_be_done_in_place_is_refused(change: Any, said: str) -> None:
    with pytest.raises(ValueProblem) as refused:
        change()
    assert re.match(said, f"{refused.value}; {refused.value.hint}")


def test_a_first_key_stands_below_the_directives() -> None:
    assert set_value("#:schema x\n[a]\n", ("b",), 1) == "#:schema x\nb = 1\n[a]\n"
    assert set_value("", ("b",), 1) == "b = 1\n"
    assert set_value("[a]", ("a", "b"), 1) == "[a]\nb = 1\n"


def test_a_table_without_a_header_of_its_own_gets_one() -> None:
    assert set_value("[a.b]\nc = 1\n", ("a", "d"), 1) == "[a.b]\nc = 1\n\n[a]\nd = 1\n"


def test_items_of_lists_and_inline_tables_are_removed_with_their_comma() -> None:
    assert remove_key("a = [1, 2, 3]\n", ("a", 0)) == "a = [ 2, 3]\n"
    assert remove_key("a = [1, 2, 3]\n", ("a", 2)) == "a = [1, 2]\n"
    assert remove_key("a = { b.c = 1, d = 2 }\n", ("a", "b", "c")) == "a = { d = 2 }\n".replace("{ d", "{ d")
    assert set_value("a = [1, 2]\n", ("a", 1), 3) == "a = [1, 3]\n"
    assert set_value("[[a]]\nb = {}\n", ("a", 0, "b", "c"), 1) == "[[a]]\nb = { c = 1 }\n"


def test_strings_are_written_the_plain_way() -> None:
    assert set_value("a = 1\n", ("a",), "x\ny\n") == "a = '''\nx\ny\n'''\n"
    assert set_value("a = 1\n", ("a",), ["x\ny"]) == 'a = ["x\\ny"]\n'
    assert set_value("a = 1\n", ("a",), {}) == "a = {}\n"


SCALARS = st.one_of(
    st.integers(-(2**40), 2**40),
    st.booleans(),
    st.dates(),
    st.datetimes(),
    st.floats(allow_nan=False),
    st.text(st.characters(codec="utf-8"), max_size=10),
)
KEYS = st.text(st.characters(codec="utf-8"), max_size=5)
TABLES = st.dictionaries(
    KEYS,
    st.recursive(SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(KEYS, v, max_size=3), max_leaves=8),
    max_size=4,
)


@given(st.dictionaries(KEYS, TABLES, max_size=3), KEYS, KEYS, TABLES)
@settings(max_examples=150)
def test_any_edit_gives_exactly_the_wanted_data(
    data: dict[str, Any], table: str, name: str, content: dict[str, Any]
) -> None:
    text = "# first\n" + tomli_w.dumps(data)
    if table not in data:
        grown = add_block(text, (table,), content)
        assert tomllib.loads(grown) == {**tomllib.loads(text), table: content}
        assert tomllib.loads(remove_key(grown, (table,))) == tomllib.loads(text)
        return
    wanted = deepcopy(tomllib.loads(text))
    wanted[table][name] = 7
    if not isinstance(data[table].get(name), dict):
        assert tomllib.loads(set_value(text, (table, name), 7)) == wanted
    for key in data[table]:
        shrunk = tomllib.loads(remove_key(text, (table, key)))
        assert key not in shrunk.get(table, {})


@given(SCALARS)
@settings(max_examples=100)
def test_any_value_is_written_as_it_is_read(value: Any) -> None:
    assert tomllib.loads(set_value("a = 1\n", ("a",), value))["a"] == value


# ---------------------------------------------------------------- files


def test_a_file_is_replaced_with_its_mode_kept_and_through_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "real.toml", tmp_path / "link.toml"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    write_atomically(link, "new é\r\n")
    assert path.read_bytes() == "new é\r\n".encode()
    assert path.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [link, path]


def test_a_new_file_is_made(tmp_path: Path) -> None:
    write_atomically(tmp_path / "new.toml", "x")
    assert (tmp_path / "new.toml").read_text() == "x"


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomically(tmp_path / "folder", "x")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]
