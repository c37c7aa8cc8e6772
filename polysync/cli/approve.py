"""`polysync approve`: say yes to a run that waits for it."""

from __future__ import annotations

from typing import Final

from polysync.cli.deciding import decision

command: Final = decision(
    "approve",
    "Approve runs: one that waits to begin is queued, one that waits with its result succeeds.",
    "polysync approve deploy --comment 'looks fine'",
)
