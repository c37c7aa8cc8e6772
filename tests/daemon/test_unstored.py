"""What is told of a run while more of it is known than is stored."""

from __future__ import annotations

import asyncio

from polysync.domain.inputs import Release
from polysync.domain.run import State
from polysync.domain.task import Task
from tests.daemon.rig import ANNA, Rig, daemon, until

WORK = Task(name="work", run="true")


def test_what_is_being_stored_is_shown_to_nobody_and_what_was_shown_changes_no_more() -> None:
    """It may not come to be: a daemon that is killed now would show something else afterwards."""

    async def story(rig: Rig) -> None:
        await rig.ask(hold=True)
        held = rig.desk.live(1)
        rig.memory.gate = asyncio.Event()
        asking = rig.tasks.spawn(rig.desk.ask(Release(1), ANNA), "ask")
        await until(lambda: rig.driver.unsure)
        assert rig.driver.engine.run(1) is not None
        assert rig.desk.live(1) is None  # so that the row is read, which says what it said before
        assert rig.rows.runs[1].state is State.HELD
        rig.memory.gate.set()
        await asking
        await until(lambda: rig.rows.runs[1].state is State.RUNNING)
        assert held is not None
        assert held.state is State.HELD
        shown = rig.desk.live(1)
        assert shown is not None
        assert shown.state is State.RUNNING

    daemon(story, WORK)
