"""Ten runs are under way while their daemon is killed, twice, and started again: nothing about them is lost."""

from __future__ import annotations

import signal

import pytest

from polysync.api.client import Client
from tests.chaos.scenes import run_of
from tests.chaos.site import Site, until
from tests.faults import fault

pytestmark = [pytest.mark.slow, pytest.mark.chaos]
TEN = range(1, 11)
LINES = 300  # of each third
# Each writes a third of its output, waits for a file, writes the next, waits for another, writes the last.
SCRIPT = f"""\
echo "$POLYSYNC_RUN_ID" >>witness
say() {{ i=$1; while [ "$i" -lt "$2" ]; do
  echo "$POLYSYNC_RUN_ID out $i"; echo "$POLYSYNC_RUN_ID err $i" >&2; i=$((i + 1)); done; }}
say 0 {LINES}
until [ -e first ]; do sleep 0.05; done
say {LINES} {2 * LINES}
until [ -e second ]; do sleep 0.05; done
say {2 * LINES} {3 * LINES}
exit $((POLYSYNC_RUN_ID + 20))
"""
CONFIG = '[tasks.live]\nrun = "sh live.sh"\nmax_concurrent = "unlimited"\n'
OTHER = ("-m", "tests.chaos.mutant_daemon", "sound")


def words_of(site: Site, number: int, stream: str) -> bytes:
    with Client(str(site.socket)) as client:
        return client.request("GET", f"/api/runs/{number}/log?stream={stream}").body


def all_running(site: Site) -> bool:
    return len(site.alive()) == len(TEN) and len((site.folder / "witness").read_text().splitlines()) == len(TEN)


@fault("F3", "F4", "F8")
def test_ten_live_runs_survive_two_kills_of_their_daemon(site: Site) -> None:
    (site.folder / "live.sh").write_text(SCRIPT)
    site.configure(CONFIG)
    first = site.start()
    assert site.ready(first)
    with Client(str(site.socket)) as client:
        assert [client.request("POST", "/api/tasks/live/run", b"{}").status for _ in TEN] == [201] * len(TEN)
    assert until(lambda: all_running(site), 30)
    assert site.end(first, signal.SIGKILL) == -signal.SIGKILL
    (site.folder / "first").touch()
    site.program = OTHER  # what takes over is another program, as after an upgrade
    second = site.start()
    assert site.ready(second)
    assert len(site.alive()) == len(TEN)
    assert site.end(second, signal.SIGKILL) == -signal.SIGKILL
    (site.folder / "second").touch()
    third = site.start()
    assert site.ready(third)
    assert until(lambda: site.open_runs() == 0, 30)
    assert sorted(map(int, (site.folder / "witness").read_text().split())) == list(TEN)
    for number in TEN:
        run = run_of(site, number)
        assert (run["state"], run["exit_code"], len(run["attempts"])) == ("failed", number + 20, 1)
        for stream in ("out", "err"):
            wanted = "".join(f"{number} {stream} {i}\n" for i in range(3 * LINES))
            assert words_of(site, number, stream).decode() == wanted
    assert site.end(third) == 0
    assert not site.processes()
