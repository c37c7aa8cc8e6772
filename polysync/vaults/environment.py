"""Secrets from the daemon's own environment: `vault://NAME_OF_VAULT/VARIABLE`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from polysync.ports import Secret
from polysync.vaults.refusal import check_options, refused, text_option

OPTIONS: Final = ("prefix",)


class EnvironmentVault:
    """A vault of environment variables; `prefix` stands before every name."""

    def __init__(self, options: Mapping[str, Any], *, env: Mapping[str, str], folder: str) -> None:
        del folder
        check_options("env", options, OPTIONS)
        self._prefix = text_option("env", options, "prefix")
        self._env = env

    async def fetch(self, name: str) -> Secret:
        """The value of the variable; one that is not set is a permanent error."""
        variable = self._prefix + name
        value = self._env.get(variable)
        if value is None:
            raise refused(f"the environment variable {variable} is not set where the daemon was started")
        return Secret(value)
