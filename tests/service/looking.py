"""What tests of looks at services share."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from polysync.daemon.probes import Prober, Verdict
from polysync.domain.settings import HealthCheck
from polysync.domain.task import Process
from polysync.ports import Secret, Work

HOME = "/the/home"
BRIEFLY = timedelta(milliseconds=300)
PATIENTLY = timedelta(seconds=20)
WELL = Verdict(well=True)


def work(folder: Path, process: Process | None = None, **environment: str | Secret) -> Work:
    return Work(
        token="t",  # noqa: S106 - the mark of an attempt
        run_id=1,
        number=1,
        task="web",
        type="shell",
        process=process or Process(),
        folder=str(folder),
        environment=environment,
    )


async def asked(prober: Prober, check: HealthCheck, wanted: Work | None = None) -> Verdict:
    async def prepare() -> Work:
        assert wanted is not None, "only commands need an environment"
        return wanted

    async with asyncio.timeout(PATIENTLY.total_seconds()):
        return await prober.look(check, prepare)


def unwell(text: str) -> Verdict:
    return Verdict(well=False, text=text)
