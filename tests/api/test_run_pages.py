"""Pages of runs in several states: one walk for each, joined to where all of them have looked."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from polysync.api.runs import LARGEST_PAGE, joined
from polysync.domain.rows import Run
from polysync.domain.run import State
from polysync.ports import RunFilter, RunPage
from tests.api.stage import a_run, staged
from tests.seeds import seed_of

STATES = (State.FAILED, State.TIMEOUT, State.SUCCEEDED)


async def test_states_with_commas_between_are_any_of_them(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.books.keep(*(a_run(number, STATES[number % 3]) for number in range(1, 20)))
        seen: list[int] = []
        cursor: str | None = ""
        while cursor is not None:
            tail = f"&cursor={cursor}" if cursor else ""
            page = json.loads((await stage.ask("GET", f"/api/runs?state=failed,timeout,failed&limit=4{tail}")).body)
            seen += [run["id"] for run in page["items"]]
            cursor = page["next"]
        assert seen == [number for number in range(19, 0, -1) if number % 3 != 2]
        assert {wanted.state for wanted, _, _ in stage.books.asked} == {State.FAILED, State.TIMEOUT}


@pytest.mark.parametrize("query", ["state=", "state=failed,", "state=failed,sleeping", "state=failed%20,timeout"])
async def test_a_state_that_does_not_exist_is_refused(tmp_path: Path, query: str) -> None:
    async with staged(tmp_path) as stage:
        assert (await stage.ask("GET", f"/api/runs?{query}")).status == 422


async def test_runs_that_were_told_much_come_on_more_pages(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        much = {"X": "x" * (LARGEST_PAGE * 3 // 5)}
        stage.books.keep(*(a_run(number, parameters=much) for number in (1, 2)), a_run(3), a_run(4, outputs=much))
        seen: list[list[int]] = []
        cursor: str | None = ""
        while cursor is not None:
            tail = f"?cursor={cursor}" if cursor else ""
            page = json.loads((await stage.ask("GET", f"/api/runs{tail}")).body)
            seen.append([run["id"] for run in page["items"]])
            cursor = page["next"]
        assert seen == [[4, 3], [2], [1]]


async def test_a_pattern_of_names_reaches_the_reader(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.ask("GET", "/api/runs?task=back*")
        assert stage.books.asked[0][0] == RunFilter(task="back*")


@pytest.mark.parametrize("number", range(20))
def test_joined_pages_leave_nothing_out(number: int) -> None:
    dice = Random(f"{seed_of('joined')} {number}")
    runs = [a_run(count, dice.choice(STATES)) for count in range(60, 0, -1)]

    def page(state: State, limit: int, before: int, span: int) -> RunPage:
        looked = [run for run in runs if before - span <= run.id < before]
        fitting = [run for run in looked if run.state is state]
        if len(fitting) > limit:
            return RunPage(fitting[:limit], fitting[limit - 1].id)
        return RunPage(fitting, before - span if before - span > 1 else None)

    found: list[Run] = []
    before: int | None = 61
    limit = dice.randint(1, 7)
    while before is not None:
        pages = [page(state, limit, before, dice.randint(3, 30)) for state in STATES]
        told = joined(pages, limit)
        found += told.runs
        assert len(told.runs) <= limit
        assert told.next is None or told.next < before
        before = told.next
    assert found == runs


def test_a_run_that_moved_on_meanwhile_is_told_once() -> None:
    run = a_run(3)
    assert joined([RunPage([run], None), RunPage([run, a_run(2)], None)], 5) == RunPage([run, a_run(2)], None)
