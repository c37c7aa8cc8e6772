"""The vaults of the configuration, each made when its first secret is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from polysync.config.specials import vault_of
from polysync.domain.run import Reason
from polysync.domain.settings import Vault as VaultDefinition
from polysync.domain.values import VaultType
from polysync.ports import NoRoom, PortError, Secret, Vault

# Ours are imported by name: to look for entry points costs more than they do, and they may not be installed.
BUILT_IN: Final = {
    VaultType.ENV: ("polysync.vaults.environment", "EnvironmentVault"),
    VaultType.FILE: ("polysync.vaults.file", "FileVault"),
    VaultType.COMMAND: ("polysync.vaults.command", "CommandVault"),
}
PREFIX: Final = "vault://"


class Vaults:
    """Fetches what `vault://VAULT/SECRET` refers to."""

    def __init__(self, definitions: Mapping[str, VaultDefinition], env: Mapping[str, str], folder: str) -> None:
        self._definitions = definitions
        self._env = env
        self._folder = folder
        self._made: dict[str, Vault] = {}

    async def fetch(self, reference: str) -> Secret:
        """The secret; every way in which that can fail is a `PortError` with the reason secret_error."""
        name = vault_of(reference)
        try:
            secret = await self._vault(name).fetch(reference.removeprefix(PREFIX).removeprefix(name)[1:])
        except PortError as error:
            kind = NoRoom if isinstance(error, NoRoom) else PortError
            message = f"vault {name}: {error}"
            raise kind(message, error.permanent, error.retry_after, reason=Reason.SECRET_ERROR) from error
        if "\0" in secret.reveal():
            raise _refused(f"vault {name}: the secret holds a NUL character, which no environment can carry")
        return secret

    def _vault(self, name: str) -> Vault:
        vault = self._made.get(name)
        if vault is None:
            definition = self._definitions.get(name)
            if definition is None:
                raise _refused("it is not in the configuration any more")
            vault = self._made[name] = _class_of(definition.type)(
                definition.options, env=self._env, folder=self._folder
            )
        return vault


def _class_of(kind: VaultType) -> Any:
    if kind in BUILT_IN:
        module, name = BUILT_IN[kind]
        return getattr(import_module(module), name)
    from polysync.plugins import Kind, PluginBroken, PluginMissing, load  # noqa: PLC0415 - 3 MB that few need

    try:
        return load(Kind.VAULT, kind.value)
    except PluginMissing:
        raise _refused(f"vaults of type {kind.value} are not available in this version") from None
    except PluginBroken as error:
        raise _refused(str(error)) from error


def _refused(message: str) -> PortError:
    return PortError(message, permanent=True, reason=Reason.SECRET_ERROR)
