"""Which fields hold secrets, by their names, and which values are only references to one."""

from __future__ import annotations

import re
from typing import Any, Final

HIDDEN: Final = "***"
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


def masked(name: str, value: Any) -> Any:
    """JSON data with every literal that is a secret hidden, however deep it stands."""
    if isinstance(value, dict):
        sensitive = bool(value.get("sensitive")) or value.get("type") == "secret"
        return {
            key: HIDDEN if sensitive and key in {"default", "value"} and item is not None else masked(key, item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [masked(name, item) for item in value]
    return HIDDEN if is_literal_secret(name, value) else value
