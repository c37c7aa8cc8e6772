"""Showing what is sensitive to those who may see it: never a secret, and never without a row of the audit."""

from __future__ import annotations

from typing import Final

from polysync.api.asked import Asked
from polysync.api.fields import FLAG, Field
from polysync.api.office import Office
from polysync.api.refusal import Refused
from polysync.domain.rows import Run

REVEAL: Final = Field(
    "reveal", FLAG, "Show sensitive parameters and outputs, to those whom `[access] reveal` names.", default=False
)


async def hidden(office: Office, asked: Asked, run: Run) -> frozenset[str]:
    """What is shown as stars to whoever asks."""
    sensitive = office.sensitive(run)
    if not asked.given["reveal"]:
        return sensitive
    asker, subject = asked.asker, f"run {run.id}"
    if not asker.reveal:
        office.desk.deny(asker, "reveal", subject)
        raise Refused(403, f"only those whom [access] reveal names may see this; {asker.name} is none of them")
    stays = sensitive if office.secret is None else office.secret(run)
    shown = sorted((sensitive - stays) & {*run.parameters, *run.outputs})
    await office.desk.note(asker, "reveal", subject, detail={"names": shown})
    return stays
