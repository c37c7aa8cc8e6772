"""`polysync request-changes`: send the result of a run back."""

from __future__ import annotations

from typing import Final

from polysync.cli.deciding import decision

command: Final = decision(
    "request-changes",
    "Send results back: the run is done again, with the comment in POLYSYNC_REVIEW_COMMENT.",
    "polysync request-changes letter --comment 'shorter, please'",
)
