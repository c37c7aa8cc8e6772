"""Another configuration while the daemon runs: looked at first, taken whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from polysync.api.auth import Doorkeeper
from polysync.clock import Clock
from polysync.config.decode import Loaded
from polysync.daemon.opening import is_shared
from polysync.daemon.parts import Parts
from polysync.domain.effects import EventName, Publish
from polysync.domain.settings import Configuration

TOLD: Final = 20  # problems that go into the log; `polysync validate` shows all


async def reload(parts: Parts, load: Callable[[], Loaded], clock: Clock, log: Any) -> bool:
    """Let the configuration on disk hold from now on; one with errors changes nothing, and they are told."""
    loaded = await asyncio.to_thread(load)
    if loaded.config is None:
        for problem in loaded.errors[:TOLD]:
            log.error("wrong in the configuration", problem=str(problem))
        log.error("the configuration has errors: the old one stays in force", problems=len(loaded.errors))
        parts.bus.publish(Publish(EventName.CONFIG_ERROR, clock.read().wall, data={"problems": len(loaded.errors)}))
        return False
    before = parts.driver.configuration
    doorkeeper = await asyncio.to_thread(Doorkeeper, loaded.config.access)  # the host's user database may be far away
    for key in restart_only(before, loaded.config):
        log.warning("takes effect only when the daemon is started again", changed=key)
    parts.configure(loaded.config, doorkeeper)
    return True


def restart_only(before: Configuration, after: Configuration) -> list[str]:
    """The changed keys that only a new start can take up."""
    keys = ("data_dir", "log_level", "log_format")
    changed = [f"[daemon] {key}" for key in keys if getattr(before.daemon, key) != getattr(after.daemon, key)]
    sections = ("storage", "api")
    if is_shared(before) is not is_shared(after):
        changed.append("where the socket stands, for [access] or tasks of another user")
    return changed + [f"[{name}]" for name in sections if getattr(before, name) != getattr(after, name)]
