"""Descriptors: the daemon takes as many as it may have, and what it starts gets the limit that was there before."""

from __future__ import annotations

import resource


def raise_descriptors() -> int | None:
    """Raise our limit of open files as far as we may; the one before, for our children, where it was another.

    A program with a high limit may use `select`, or close every number up to it, and fail or take minutes: who
    wants more says so.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return None
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        return None  # the host forbids it: what we have has to do
    return soft
