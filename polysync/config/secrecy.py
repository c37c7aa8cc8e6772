"""Which fields hold secrets, by their names, and which values are only references to one."""

from __future__ import annotations

import re
from typing import Any, Final

_SECRET: Final = re.compile(
    r"(?:^|_)(?:password|passwd|secret|token|api_?key|access_?key|private_?key|credentials?|webhook_url)(?:$|_(?!url$|file$|path$|env$|name$))",
    re.IGNORECASE,
)


def is_secret_name(name: str) -> bool:
    """Whether a field of this name holds a secret."""
    return _SECRET.search(name) is not None


def is_literal_secret(name: str, value: Any) -> bool:
    """Whether a secret stands in the open here: not a vault reference, and not substituted."""
    if not isinstance(value, str) or not value or not is_secret_name(name):
        return False
    return not (value.startswith("vault://") or "${env:" in value or "${file:" in value)
