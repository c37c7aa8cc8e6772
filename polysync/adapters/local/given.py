"""What an attempt that lasts was given: its environment, as the kernel has it."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from polysync.adapters.local.survivors import MARK


def given_to(handle: Mapping[str, Any], token: str, names: Collection[str]) -> dict[str, str]:
    """Those of these variables that the process of a handle was started with; none where it is gone, or another's."""
    try:
        lines = Path(f"/proc/{int(handle['pid'])}/environ").read_bytes().split(b"\0")
    except (OSError, KeyError, ValueError):
        return {}
    if MARK + os.fsencode(token) not in lines:
        return {}
    found = (os.fsdecode(line).partition("=") for line in lines)
    return {name: value for name, _, value in found if name in names}
