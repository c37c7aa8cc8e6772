"""The platforms of the configuration: an adapter for each, made when the first attempt goes there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from polysync.domain.placement import LOCAL
from polysync.domain.run import Reason
from polysync.domain.settings import Configuration, Platform
from polysync.ports import Adapter, PortError

HERE: Final = Platform(name=LOCAL, type=LOCAL)  # this host is a platform, written down or not
Make = Callable[[Mapping[str, Any]], Adapter]


def platform_named(name: str, configuration: Configuration) -> Platform | None:
    """The platform of that name; this host needs no table."""
    return configuration.platforms.get(name) or (HERE if name == LOCAL else None)


class Platforms:
    """Adapters by the name of their platform."""

    def __init__(self, configuration: Configuration, here: Make) -> None:
        self._configuration = configuration
        self._here = here
        self._made: dict[str, tuple[Platform, Adapter]] = {}

    def configure(self, configuration: Configuration) -> None:
        """Another configuration holds; adapters whose platform changed are made anew when they are wanted next."""
        self._configuration = configuration

    def adapter_for(self, name: str) -> Adapter:
        """The adapter of a platform; one that cannot be had fails the attempt and nothing else."""
        made = self._made.get(name)
        platform = platform_named(name, self._configuration)
        if made is not None and (platform is None or made[0] == platform):
            return made[1]  # also of a platform that is gone: what runs there is followed to its end
        if platform is None:
            raise _refused(f"there is no platform called {name} in the configuration any more")
        adapter = self._here(platform.options) if platform.type == LOCAL else _adapter(platform)
        self._made[name] = platform, adapter
        return adapter

    def close(self) -> None:
        """Let go of what the adapters hold; what runs goes on."""
        for _, adapter in self._made.values():
            close = getattr(adapter, "close", None)  # not part of the port: most hold nothing
            if close is not None:
                close()


def _adapter(platform: Platform) -> Adapter:
    # Looking for plug-ins costs 3 MB, and most hosts have none.
    from polysync.plugins import Kind, PluginBroken, PluginMissing, load  # noqa: PLC0415 - see above

    try:
        made: Adapter = load(Kind.ADAPTER, platform.type)(platform)
    except PluginMissing:
        message = f"platform {platform.name}: nothing here can run work of type {platform.type}"
        raise _refused(message) from None
    except PluginBroken as error:
        raise _refused(f"platform {platform.name}: {error}") from error
    return made


def _refused(message: str) -> PortError:
    return PortError(message, permanent=True, reason=Reason.START_FAILED)
