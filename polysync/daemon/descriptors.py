"""Descriptors: the daemon takes as many as it may have, and what it starts gets the limit that was there before."""

from __future__ import annotations

import resource
from collections.abc import Callable


def raise_descriptors(
    read: Callable[[int], tuple[int, int]] = resource.getrlimit,
    write: Callable[[int, tuple[int, int]], None] = resource.setrlimit,
) -> int | None:
    """Raise our limit of open files as far as we may; the one before, for our children, where it was another.

    A program with a high limit may use `select`, or close every number up to it, and fail or take minutes: who
    wants more says so.
    """
    soft, hard = read(resource.RLIMIT_NOFILE)
    if soft == hard:
        return None
    try:
        write(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        return None  # the host forbids it: what we have has to do
    return soft
