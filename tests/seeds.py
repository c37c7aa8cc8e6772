"""Where the chance in a test comes from: one seed, printed, and taken from POLYSYNC_SEED to repeat a run."""

from __future__ import annotations

import os
import sys


def seed_of(name: str) -> int:
    """The seed of this run, printed so that a failure can be repeated."""
    given = os.environ.get("POLYSYNC_SEED")
    seed = int(given) if given else int.from_bytes(os.urandom(4))
    sys.stderr.write(f"{name}: POLYSYNC_SEED={seed}\n")
    return seed
