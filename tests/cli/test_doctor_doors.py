"""What the doctor says of the ways in: the socket, those who may use it, and those who read for hours."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from polysync.cli.checkups.doors import access_finding, socket_finding
from polysync.cli.checkups.finding import Mark
from polysync.cli.checkups.running import daemon_findings
from polysync.domain.settings import Access


def test_a_socket_that_answers_is_fine(tmp_path: Path) -> None:
    assert socket_finding(tmp_path / "s", answers=True, held=True).mark is Mark.OK


@pytest.mark.parametrize(("held", "mark"), [(True, Mark.FAIL), (False, Mark.SKIP)])
def test_a_socket_that_is_not_there(tmp_path: Path, held: bool, mark: Mark) -> None:
    assert socket_finding(tmp_path / "s", answers=False, held=held).mark is mark


@pytest.mark.parametrize(("held", "mark"), [(True, Mark.FAIL), (False, Mark.SKIP)])
def test_a_socket_at_which_nobody_answers(tmp_path: Path, held: bool, mark: Mark) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))
    found = socket_finding(tmp_path / "s", answers=False, held=held)
    assert found.mark is mark
    assert bool(found.remedy) is held


def test_something_else_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("a file")
    found = socket_finding(tmp_path / "s", answers=False, held=False)
    assert (found.mark, found.remedy) == (Mark.FAIL, f"look at it, and then: rm {tmp_path / 's'}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_the_socket_of_somebody_else(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "s"))
    os.chown(tmp_path / "s", 4713, 4713)
    found = socket_finding(tmp_path / "s", answers=False, held=True)
    assert (found.mark, "4713" in found.text) == (Mark.WARN, True)


def test_whom_the_configuration_lets_in() -> None:
    assert access_finding(Access()).text.endswith("alone")
    known = access_finding(Access(viewers=("root", "@root")))
    assert (known.mark, known.text.endswith("2 more in [access]")) == (Mark.OK, True)
    ghosts = access_finding(Access(admins=("ghost-4713",), reveal=("@ghosts-4713",)))
    assert (ghosts.mark, ghosts.text) == (Mark.WARN, "not of this host: @ghosts-4713, ghost-4713")


@pytest.mark.parametrize(("seconds", "found"), [(0, []), (599, []), (3600.0, ["warn"])])
def test_who_reads_for_an_hour_keeps_the_log_from_being_cut(seconds: float, found: list[str]) -> None:
    told = {"storage": {"oldest_reader_s": seconds}}
    assert [one.mark.value for one in daemon_findings(told) if one.name == "readers"] == found
