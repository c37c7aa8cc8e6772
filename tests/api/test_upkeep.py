"""Asking for a clean-up over a real socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polysync.ports import Asker, PortError
from tests.api.stage import staged


class Keeper:
    """Notes who asks for what."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []
        self.fails: PortError | None = None

    async def prune(self, asker: Asker, *, dry_run: bool) -> Mapping[str, Any]:
        if self.fails is not None:
            raise self.fails
        self.asked.append((asker.name, dry_run))
        return {"dry_run": dry_run, "runs": 3}


async def test_a_clean_up_is_asked_for_or_rehearsed(tmp_path: Path) -> None:
    keeper = Keeper()
    async with staged(tmp_path, upkeep=keeper) as stage:
        done = await stage.ask("POST", "/api/prune", b"{}")
        assert (done.status, json.loads(done.body)) == (200, {"dry_run": False, "runs": 3})
        told = await stage.ask("POST", "/api/prune", b'{"dry_run": true}')
        assert json.loads(told.body)["dry_run"] is True
        for body in (b'{"dry_run": 3}', b'{"dry": true}', b"[]"):
            assert (await stage.ask("POST", "/api/prune", body)).status in {400, 422}, body
        keeper.fails = PortError("the disk is busy")
        assert (await stage.ask("POST", "/api/prune", b"{}")).status == 503
    assert [dry for _, dry in keeper.asked] == [False, True]


async def test_where_nobody_keeps_house_that_is_said(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        assert (await stage.ask("POST", "/api/prune", b"{}")).status == 503
