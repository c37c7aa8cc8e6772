"""The files of the configuration, read while nobody writes them: an editor may be half way through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Final

from polysync.clock import Clock
from polysync.config.decode import Loaded
from polysync.config.seen import Seen, is_newer, seen_of, stamp_of

QUIET: Final = timedelta(milliseconds=100)  # a file that was edited this lately may be written to still
PATIENCE: Final = timedelta(seconds=1)  # after it what stands there is read all the same
TRIES: Final = 3  # to read all of it between two edits
AGAIN: Final = timedelta(seconds=1)  # between two looks whether a file is newer


class Files:
    """The files, and what the daemon has of them."""

    def __init__(
        self,
        main: Path,
        load: Callable[[], Loaded],
        clock: Clock,
        seen: Seen | None,
        errands: list[Callable[[], None]] | None = None,
    ) -> None:
        self.main = main
        self.seen = seen  # of the configuration that holds; None where that is not known
        self.newer = False
        self._load = load
        self.errands = [] if errands is None else errands  # what reading leaves to do, when nobody waits
        self._clock = clock
        self._looked: timedelta | None = None

    async def read(self) -> tuple[Loaded, Seen | None]:
        """What stands there now; without `Seen` it was edited whenever it was read."""
        give_up = self._clock.read().monotonic + PATIENCE
        names: Iterable[str] = (str(self.main), *(self.seen.files if self.seen is not None else ()))
        tries = 0
        while True:
            tries += 1
            await self._be_quiet(names, give_up)
            loaded, seen = await asyncio.to_thread(self._read)
            names = loaded.files
            hasty = self._clock.read().monotonic < give_up and self._youth(names)
            if tries == TRIES or (seen is not None and not hasty):
                return loaded, seen

    async def run_errand(self) -> None:
        """Keep what was read last for the next start."""
        if self.errands:
            await asyncio.to_thread(self.errands.pop())

    def take(self, seen: Seen | None) -> None:
        """The configuration that was read from these holds from now on."""
        self.seen, self.newer, self._looked = seen, False, None

    def look_soon(self) -> None:
        """What was seen of the files is not to be believed any more."""
        self._looked = None

    async def look(self) -> bool:
        """See whether the files are newer than the configuration that holds; now and then is enough."""
        now, seen = self._clock.read().monotonic, self.seen
        if seen is not None and (self._looked is None or now - self._looked >= AGAIN):
            self._looked = now
            newer = await asyncio.to_thread(is_newer, seen)
            if seen is self.seen:  # else another one holds by now
                self.newer = newer
        return self.newer

    def _read(self) -> tuple[Loaded, Seen | None]:
        loaded = self._load()
        del self.errands[:-1]  # each holds a whole configuration
        return loaded, seen_of(loaded, self.main)

    async def _be_quiet(self, names: Iterable[str], give_up: timedelta) -> None:
        while (wait := self._youth(names)) and self._clock.read().monotonic < give_up:  # noqa: ASYNC110 - others write
            await asyncio.sleep(wait.total_seconds())

    def _youth(self, names: Iterable[str]) -> timedelta:
        """How long until the newest of the files is quiet; a file from the future is a clock that was set."""
        edited = max((stamp.edited for stamp in map(stamp_of, names) if stamp is not None), default=0)
        age = self._clock.read().wall.timestamp() - edited / 1e9
        return max(timedelta(0), QUIET - timedelta(seconds=age)) if age >= 0 else timedelta(0)
