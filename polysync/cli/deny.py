"""`polysync deny`: say no to a run that waits for approval."""

from __future__ import annotations

from typing import Final

from polysync.cli.deciding import decision

command: Final = decision(
    "deny",
    "Deny runs that wait for approval: they fail, and are not tried again.",
    "polysync deny deploy --comment 'not on a Friday'",
)
