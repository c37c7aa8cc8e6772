"""What keeps the home in order on request: a clean-up, or what one would remove."""

from __future__ import annotations

from typing import Final

from polysync.api.asked import Asked, Problems, document, flag
from polysync.api.office import Office
from polysync.api.response import Response
from polysync.api.shapes import dumps

PRUNE_KEYS: Final = frozenset({"dry_run"})


async def prune(office: Office, asked: Asked) -> Response:
    """Remove what may go, or say what would."""
    take = Problems(document(asked.request.body), PRUNE_KEYS)
    dry_run = take.take("dry_run", flag, default=False)
    take.refuse()
    found = await office.upkeep.prune(asked.asker, dry_run=dry_run)
    return Response(body=dumps(found).encode("ascii"))
