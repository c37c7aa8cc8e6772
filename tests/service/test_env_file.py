"""Files of variables: what people write in them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from polysync.daemon.env_file import parse_env, read_env_file
from polysync.domain.errors import ValueProblem

WRITTEN = """\ufeff
# a comment
A=1
export B = two words   # and why
C='single $HOME # kept' # gone
D="double \\"quoted\\" \\n \\$x \\\\"  # gone
E=
F=a#b
A=3
  G="x"
H=# nothing
"""


def test_lines_become_variables() -> None:
    assert parse_env(WRITTEN, "f") == {
        "A": "3",
        "B": "two words",
        "C": "single $HOME # kept",
        "D": 'double "quoted" \n $x \\',
        "E": "",
        "F": "a#b",
        "G": "x",
        "H": "",
    }


def test_lines_may_end_as_on_windows() -> None:
    assert parse_env("A=1\r\nB='2'\r\n", "f") == {"A": "1", "B": "2"}


@pytest.mark.parametrize("line", ["A", "1A=5", "A='open", 'A="open', 'A="a" b', "A='a'b", "A-B=5", "A=a\0b"])
def test_other_lines_are_refused_with_their_number(line: str) -> None:
    with pytest.raises(ValueProblem, match="env_file f:2 is not NAME=value"):
        parse_env(f"OK=1\n{line}\n", "f")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueProblem, match=rf"env_file {tmp_path}/gone does not exist"):
        read_env_file(tmp_path / "gone")
    (tmp_path / "bad").write_text("A")
    with pytest.raises(ValueProblem, match=rf"^env_file {tmp_path}/bad:1 is not"):
        read_env_file(tmp_path / "bad")
