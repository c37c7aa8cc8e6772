"""A campaign: daemons are started, killed at named places or at any time, and started again; then all is judged."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Final

from polysync.clock import SystemClock
from polysync.failpoints import PLACES
from tests.chaos.client import Asking
from tests.chaos.site import Site, until
from tests.chaos.work import KINDS, config
from tests.house.sources import ROOT

JOURNAL: Final = "campaign"
LONGEST: Final = 15.0  # seconds until a place must have been passed
ONCE: Final = "start."  # places that are passed once in a life


@dataclass(frozen=True, slots=True)
class Strike:
    """One way to end a daemon: at a place, or after some time, perhaps standing still before."""

    place: str = ""
    passage: int = 1
    after: float = 0.0
    from_start: bool = False  # the time counts from the first instruction, not from when it is ready
    still: float = 0.0
    pause: float = 0.0  # until the next start
    trouble: str = ""  # a failpoint that does not kill

    @property
    def failpoint(self) -> str:
        """What the daemon is told."""
        return f"{self.place}=kill@{self.passage}" if self.place else self.trouble


@dataclass(slots=True)
class Campaign:
    """What was done to a site."""

    site: Site
    seed: int
    landed: Counter[str] = field(default_factory=Counter)  # by place; "" is any time
    missed: list[Strike] = field(default_factory=list)
    patience: float = 60.0  # seconds for everything to come to its end

    def strike_all(self, strikes: Iterable[Strike]) -> None:
        """Carry out strikes while a client asks for more and more work."""
        self._first()
        asking = Asking(self.site)
        asking.start()
        try:
            for strike in strikes:
                self.strike(strike)
        finally:
            asking.stop()

    def strike(self, strike: Strike) -> None:
        """One life of a daemon."""
        process = self.site.start(strike.failpoint)
        if strike.place:
            self._at_place(process, strike)
        else:
            self._at_any_time(process, strike)
        self.site.note(JOURNAL, kill=strike.failpoint or "time", code=process.returncode, alive=self.site.alive())
        if strike.pause:
            Event().wait(strike.pause)

    def settle(self) -> None:
        """Let everything that was decided come to its end, then everything else, and leave nothing running."""
        last = self.site.start()
        now = int(SystemClock().read().wall.timestamp())
        self.site.note(JOURNAL, until=now)
        until(lambda: self._decided(now) or last.poll() is not None, self.patience, 0.1)
        if not self._decided(now):
            self._wedged(last, f"slots up to {now} are not decided")
        self.site.end(last)
        self.site.configure(config(scheduled=False))
        last = self.site.start()
        until(lambda: self._empty() or last.poll() is not None, self.patience, 0.1)
        if not self._empty():
            self._wedged(last, f"{self.site.open_runs()} runs are not over, or spools stay")
        code = self.site.end(last)
        if code != 0:
            self.site.note(JOURNAL, **{"daemons wedged": f"exit status {code} at the end"})
        if not until(lambda: not self.site.processes(), 5.0, 0.1):
            self.site.note(JOURNAL, **{"processes left behind": self.site.processes()})

    def judged(self) -> dict[str, Any]:
        """The verdict of the judge, who is another process, with the kills that landed."""
        words = [sys.executable, "-m", "tests.chaos.judge", str(self.site.folder)]
        told = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, timeout=60)
        verdict: dict[str, Any] = json.loads(told.stdout)
        verdict["figures"]["kills landed"] = self.landed.total()
        verdict["figures"]["places hit"] = len(self.landed.keys() & set(PLACES))
        return verdict

    def _first(self) -> None:
        """One quiet life, so that it is known from when on nothing may be missing."""
        process = self.site.start()
        if not self.site.ready(process):
            raise AssertionError(f"the daemon does not start: {(self.site.folder / 'daemon.log').read_text()}")
        self.site.note(JOURNAL, ready=int(SystemClock().read().wall.timestamp()))
        self.site.end(process)

    def _at_place(self, process: subprocess.Popen[bytes], strike: Strike) -> None:
        try:
            code = process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            self.missed.append(strike)
            return
        if code == -signal.SIGKILL:
            self.landed[strike.place] += 1
        else:
            self.missed.append(strike)
            self.site.note(JOURNAL, **{"daemons wedged": f"exit status {code} instead of {strike.failpoint}"})

    def _at_any_time(self, process: subprocess.Popen[bytes], strike: Strike) -> None:
        if not strike.from_start and not self.site.ready(process):
            self.site.note(JOURNAL, **{"daemons wedged": f"not ready: {process.poll()}"})
        ended = until(lambda: process.poll() is not None, strike.after)
        if strike.still and not ended:
            process.send_signal(signal.SIGSTOP)
            Event().wait(strike.still)
        process.kill()
        if process.wait() == -signal.SIGKILL:
            self.landed[""] += 1
        else:
            self.site.note(JOURNAL, **{"daemons wedged": f"ended by itself: {process.returncode}"})

    def _decided(self, now: int) -> bool:
        newest = self.site.rows(
            "SELECT task, max(slot) / 1000000, max(id) FROM runs WHERE slot IS NOT NULL GROUP BY task"
        )
        last = {name: max(kind.due(now - 60, now)) for name, kind in KINDS.items() if kind.period}
        done = {task for task, slot, _ in newest if task in last and slot >= last[task]}
        return done == last.keys() and self.site.open_runs(max(row[2] for row in newest) - 20) == 0

    def _empty(self) -> bool:
        return self.site.open_runs() == 0 and not self.site.spools()

    def _wedged(self, process: subprocess.Popen[bytes], words: str) -> None:
        state = "runs" if process.poll() is None else f"ended with {process.returncode}"
        self.site.note(JOURNAL, **{"daemons wedged": f"{words}; the daemon {state}"})


def sweep(chance: random.Random) -> Iterator[Strike]:
    """Each named place once."""
    for place in PLACES:
        passage = 1 if place.startswith((ONCE, "api.")) else chance.randint(1, 4)
        yield Strike(place, passage, pause=_pause(chance))


def anything(chance: random.Random) -> Strike:
    """A strike of any kind."""
    kind = chance.random()
    if kind < 0.5:
        place = chance.choice(PLACES)
        return Strike(place, 1 if place.startswith(ONCE) else chance.randint(1, 6), pause=_pause(chance))
    if kind < 0.7:
        return Strike(after=chance.uniform(0.1, 1.2), from_start=True, pause=_pause(chance))
    still = chance.uniform(0.1, 0.6) if kind < 0.8 else 0.0
    return Strike(after=chance.uniform(0.0, 1.5), still=still, pause=_pause(chance))


def plan(seed: int, kills: int) -> list[Strike]:
    """At least so many strikes, each place among them."""
    chance = random.Random(seed)
    strikes = list(sweep(chance))
    strikes += [anything(chance) for _ in range(kills - len(strikes))]
    chance.shuffle(strikes)
    return strikes


def _pause(chance: random.Random) -> float:
    return chance.uniform(0.1, 1.5) if chance.random() < 0.25 else 0.0
