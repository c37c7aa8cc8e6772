"""Check commands that outlived the daemon that asked with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapters_local.waiting_for import until_now
from tests.service.test_services import Place, lives, quoted, service


@pytest.mark.slow
def test_a_check_that_was_under_way_when_the_daemon_was_killed_is_ended_by_the_next(tmp_path: Path) -> None:
    """Nobody is left who would bound it, and what it started elsewhere is in no group of its own any more."""
    place = Place(tmp_path)
    asks = "setsid sh -c 'echo $$ >> asks; exec sleep 1000' & echo $$ >> asks; exec sleep 1000"
    place.write(service("web", more=f'health_check = {{ run = {quoted(asks)}, every = "500s", timeout = "400s" }}'))
    with place.served(leave=True) as first:
        until_now(lambda: len(place.said("asks")) == 2)
        pids = place.pids("web")
        first.process.kill()
    left = [int(pid) for pid in place.said("asks")]
    assert all(map(lives, left))
    with place.served() as second:
        until_now(lambda: not any(map(lives, left)))
        assert place.pids("web") == pids  # the service itself is none of them
        until_now(lambda: len(place.said("asks")) == 4)  # nobody knows how it is until it was asked again
        assert second.process.poll() is None
