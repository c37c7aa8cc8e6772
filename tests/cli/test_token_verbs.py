"""`polysync token`: made once, shown once, taken away in place."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from polysync.api.tokens import hash_of
from tests.cli.terminal import Terminal

CONFIG = """\
# the listener
[api]
listen = "127.0.0.1:9477"
[[api.token]]  # for the dashboards
name = "grafana"
role = "viewer"
sha256 = "{}"

# our work
[tasks.t]
run = "x"
"""
HASH = "a" * 64


@pytest.fixture
def place(terminal: Terminal) -> Terminal:
    terminal.write(CONFIG.format(HASH))
    return terminal


def text_of(terminal: Terminal) -> str:
    return (terminal.folder / "polysync.toml").read_text()


def test_a_new_token_is_shown_with_the_table_that_lets_it_in(terminal: Terminal) -> None:
    said = terminal.polysync("token", "new", "ci", "--role", "operator")
    assert said.status == 0
    token = said.lines[0]
    assert said.lines[2:] == ["[[api.token]]", 'name = "ci"', 'role = "operator"', f'sha256 = "{hash_of(token)}"']
    assert "once" in said.err


def test_a_new_token_for_programs(place: Terminal) -> None:
    before = text_of(place)
    data = place.polysync("token", "new", "ci", "--json").data
    assert data["sha256"] == hash_of(data["token"])
    assert (data["role"], data["written"], data["diff"]) == ("viewer", False, [])
    assert data["token"] not in data["toml"]
    assert text_of(place) == before


def test_a_token_can_be_written_and_keeps_the_file_as_it_is(place: Terminal) -> None:
    path = place.folder / "polysync.toml"
    path.chmod(0o640)
    dry = place.polysync("token", "new", "ci", "--write", "--dry-run")
    assert 'name = "ci"' in dry.out
    assert text_of(place) == CONFIG.format(HASH)
    said = place.polysync("token", "new", "ci", "--write")
    assert said.status == 0
    assert said.lines[0] not in text_of(place)
    assert hash_of(said.lines[0]) in text_of(place)
    for comment in ("# the listener", "# for the dashboards", "# our work"):
        assert comment in text_of(place)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [one["name"] for one in place.polysync("token", "list", "--json").data["items"]] == ["grafana", "ci"]


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("new", "grafana"), 4, "there is a token grafana already"),
        (("new", "a b"), 2, "a token is named with"),
        (("new", "17"), 2, "a token is named with"),
        (("new", "x", "--role", "king"), 2, "invalid value for '--role'"),
        (("revoke", "nobody"), 3, "no token is called nobody"),
        (("revoke", "grafana"), 2, "would not be valid after that"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    place: Terminal, words: tuple[str, ...], status: int, told: str
) -> None:
    said = place.polysync("token", *words)
    assert (said.status, told in said.err) == (status, True)
    assert text_of(place) == CONFIG.format(HASH)


def test_a_token_is_revoked_in_the_file_that_holds_it(place: Terminal) -> None:
    place.write('include = ["more.toml"]\n' + CONFIG.format(HASH))
    more = place.write('# other people\n[tasks.u]\nrun = "y"\n', "more.toml")
    assert place.polysync("token", "new", "ci", "--write").status == 0
    dry = place.polysync("token", "revoke", "ci", "--dry-run")
    assert '-name = "ci"' in dry.out
    assert "nothing was changed" in dry.err
    said = place.polysync("token", "revoke", "graf")  # as far as it is the only one
    assert said.status == 0
    assert '-name = "grafana"' in said.out
    assert "reload" in said.err
    assert "grafana" not in text_of(place)
    assert "# our work" in text_of(place)
    assert more.read_text().startswith("# other people")


def test_a_list_for_people_shows_no_whole_hash(place: Terminal) -> None:
    said = place.polysync("token", "list")
    assert "grafana" in said.out
    assert HASH not in said.out
    place.write('[tasks.t]\nrun = "x"\n')
    said = place.polysync("token", "list")
    assert (said.status, said.out) == (0, "")
    assert "no tokens" in said.err
    assert place.polysync("token", "revoke", "x").status == 3
    assert place.polysync("token", "list", "--json").data == {"items": [], "next": None}


def test_tokens_of_a_file_with_other_problems_can_be_seen_and_revoked(place: Terminal) -> None:
    other = '[[api.token]]\nname = "ci"\nsha256 = "' + "b" * 64 + '"\n[tasks.u]\nrum = 1\n'
    place.write(CONFIG.format(HASH) + other)
    assert len(place.polysync("token", "list", "--json").data["items"]) == 2
    assert place.polysync("token", "revoke", "ci").status == 0
    assert "b" * 64 not in text_of(place)


def test_an_inline_token_is_revoked_too(place: Terminal) -> None:
    place.write(
        '[api]\ntoken = [{ name = "a", sha256 = "' + HASH + '" }, { name = "b", sha256 = "' + "b" * 64 + '" }]\n'
    )
    data = place.polysync("token", "revoke", "a", "--json").data
    assert data["written"]
    assert HASH not in text_of(place)
    assert "b" * 64 in text_of(place)


def test_no_configuration_is_needed_for_a_token(terminal: Terminal, tmp_path: Path) -> None:
    assert terminal.polysync("token", "new", "x", "--write").status == 2
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_toml_is_not_edited(terminal: Terminal) -> None:
    terminal.write("[api\n")
    said = terminal.polysync("token", "new", "x", "--write")
    assert (said.status, terminal.folder.joinpath("polysync.toml").read_text()) == (2, "[api\n")
