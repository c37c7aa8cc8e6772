"""The ways in: the socket, and the users and groups whom the configuration lets in."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from polysync.api.auth import Doorkeeper
from polysync.cli.checkups.finding import Finding, fail, ok, skip, warn
from polysync.domain.safe_text import safe_text
from polysync.domain.settings import Access


def socket_finding(path: Path, *, answers: bool, held: bool) -> Finding:
    """Whether somebody could answer there, and why not; `held`: a daemon owns the home."""
    if answers:
        return ok("socket", str(path))
    try:
        found = path.lstat()
    except OSError:
        if held:
            return fail("socket", f"{path} is gone although a daemon runs", "restart the daemon; what runs goes on")
        return skip("socket", f"nobody answers at {path}")
    if not stat.S_ISSOCK(found.st_mode):
        return fail("socket", f"{path} is in the way: it is no socket", f"look at it, and then: rm {path}")
    if found.st_uid not in {os.geteuid(), 0}:
        return warn("socket", f"{path} belongs to user {found.st_uid}", "[access] in its configuration says who may")
    if not held:
        return skip("socket", f"{path} was left behind by a daemon that died; the next one takes its place")
    return fail("socket", f"nobody answers at {path}", "the log of the daemon says more; restart it, what runs goes on")


def access_finding(access: Access) -> Finding:
    """Whether this host knows everybody whom `[access]` names."""
    unknown = sorted(set(Doorkeeper(access).unknown))
    if unknown:
        names = safe_text(", ".join(unknown))
        return warn("access", f"not of this host: {names}", "correct [access], or make the user or the group")
    named = len({*access.admins, *access.operators, *access.viewers})
    who = f"and {named} more in [access]" if named else "alone"
    return ok("access", f"root and the user of the daemon, {who}")
