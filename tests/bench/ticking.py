"""The daemon with a ticker of one millisecond in its own loop: `python tests/bench/ticking.py FILE daemon …`.

At its end it writes down how late the ticker came, and when, by the clock on the wall.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

EVERY = 0.001
LATE = 0.002


class Ticking(asyncio.SelectorEventLoop):
    """A loop that notes how long nobody else had it."""

    late: list[tuple[float, float]]

    def run_forever(self) -> None:
        """Tick for as long as it runs."""
        self.late = []
        self.call_later(EVERY, self._tick, self.time() + EVERY)
        super().run_forever()
        out = Path(sys.argv[0])
        out.write_text(json.dumps([*(json.loads(out.read_text()) if out.exists() else ()), *self.late]))

    def _tick(self, due: float) -> None:
        now = self.time()
        if now - due > LATE:
            self.late.append((time.time(), now - due))
        self.call_later(EVERY, self._tick, now + EVERY)


class Policy(asyncio.DefaultEventLoopPolicy):
    """Makes such loops."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """One more."""
        return Ticking()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    del sys.argv[0]
    asyncio.set_event_loop_policy(Policy())
    from polysync.cli.main import main

    main()
