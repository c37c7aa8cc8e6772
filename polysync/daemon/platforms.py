"""The platforms of the configuration: an adapter for each, made when the first attempt goes there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
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
        self._made: dict[str, list[tuple[Platform, Adapter]]] = {}  # by name, the newest last

    def configure(self, configuration: Configuration) -> None:
        """Another configuration holds; adapters whose platform changed are made anew when they are wanted next."""
        self._configuration = configuration

    def adapter_for(self, name: str, kept: Platform | None = None) -> Adapter:
        """The adapter of a platform; one that cannot be had fails the attempt and nothing else.

        `kept` is the platform as the definition of the attempt knows it, where it names that one.
        """
        made = self._made.setdefault(name, [])
        platform = kept or platform_named(name, self._configuration)
        if platform is None:
            if not made:
                raise _refused(f"there is no platform called {name} in the configuration any more")
            return made[-1][1]  # what runs there is followed to its end
        for before, adapter in made:
            if before == platform:
                return adapter
        adapter = self._here(platform.options) if platform.type == LOCAL else _adapter(platform)
        made.append((platform, adapter))
        return adapter

    def close(self) -> None:
        """Let go of what the adapters hold; what runs goes on."""
        for _, adapter in chain.from_iterable(self._made.values()):
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
