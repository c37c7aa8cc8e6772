"""`polysync wait`: until runs are over, without a look more than there is news."""

from __future__ import annotations

import select
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import click

from polysync.api import client
from polysync.api.told import FINAL
from polysync.cli.accompany import status_of, told
from polysync.cli.attach import Daemon, Lost, attach, socket_path
from polysync.cli.codes import COULD_NOT, TIMED_OUT
from polysync.cli.denied import failure, lost
from polysync.cli.failure import Failure, usage
from polysync.cli.group import verb
from polysync.cli.link import PATIENCE, PAUSE
from polysync.cli.session import Session
from polysync.cli.standing import RUN
from polysync.clock import SystemClock
from polysync.domain.errors import ValueProblem
from polysync.domain.quantity import parse_span

SHORTEST: Final = 0.001  # seconds: none at all would mean not to wait for an answer either
FINE: Final = 200
BUSY: Final = 503


class Limit:
    """How long there is to wait."""

    def __init__(self, length: timedelta | None) -> None:
        self._clock = SystemClock()
        self._end = None if length is None else self._clock.read().monotonic + length

    @property
    def left(self) -> float | None:
        """The seconds that are left; None: any number."""
        if self._end is None:
            return None
        return max((self._end - self._clock.read().monotonic).total_seconds(), SHORTEST)

    @property
    def over(self) -> bool:
        """Whether there are none left."""
        return self._end is not None and self._clock.read().monotonic >= self._end


@verb("wait", examples=["polysync wait 42", "polysync wait 42 43 --timeout 10m"])
@click.argument("numbers", metavar="ID...", nargs=-1, required=True, type=RUN)
@click.option("--timeout", metavar="D", help="Give up after this time: exit with 124; the runs go on.")
@click.pass_obj
def command(session: Session, numbers: Sequence[int], timeout: str | None) -> int:
    """Wait until runs are over, and exit as they did.

    The exit code is that of `exec`: the code of the work, or 128 and its signal; 124 for a timeout, also of this
    command; 125 where polysync could not do it, or the run never started.  Of several runs the first one in this order
    that did not end well decides.  A daemon that is restarted meanwhile is waited for.
    """
    limit = Limit(None if timeout is None else _span(timeout))
    try:
        runs = [_ended(session, number, limit) for number in dict.fromkeys(numbers)]
    except Failure as refused:
        if refused.status != TIMED_OUT:
            refused.status = COULD_NOT
        raise
    if len(runs) == 1:
        return told(session, runs[0])
    if session.json:
        session.document({"items": runs, "next": None})
        statuses = [status_of(run) for run in runs]
    else:
        statuses = [told(session, run) for run in runs]
    return next(filter(None, statuses), 0)


def _span(text: str) -> timedelta:
    try:
        return parse_span(text)
    except ValueProblem as problem:
        raise usage(f"--timeout: {text} is {problem.message}", problem.hint) from None


class Watch:
    """One run, and the daemon that tells of it."""

    def __init__(self, session: Session, number: int, limit: Limit) -> None:
        self._session = session
        self._number = number
        self._limit = limit
        self._path = str(socket_path(session))
        self.met = False  # the daemon has answered; it may go away from here on

    def look(self) -> Mapping[str, Any] | None:
        """The run if it is over; else None, after something happened to it or the time ran out."""
        with client.Client(self._path, timeout=self._limit.left) as listening, self._daemon() as daemon:
            try:
                events = self._events(listening)  # first, so that nothing falls between
                run: Mapping[str, Any] = daemon.get(f"/api/runs/{self._number}")
                if run["state"] in FINAL:
                    return run
                self.met = True
                next(events, None)
            except client.TimedOut as silent:
                if not self._limit.over:
                    raise lost(silent) from silent
            except client.Unreachable as error:
                raise lost(error) from error
        return None

    def _events(self, listening: client.Client) -> Iterator[bytes]:
        stream = listening.stream("GET", f"/api/events?run={self._number}")
        if stream.status == FINE:
            return stream.lines()
        refused = failure(stream.status, stream.whole())
        if stream.status == BUSY:
            raise Lost(refused.message, code=refused.code, status=COULD_NOT, hint=refused.hint)
        raise refused

    def _daemon(self) -> Daemon:
        """The daemon; one that took the place of another may be of another version."""
        return Daemon(self._path, again=True) if self.met else attach(self._session)


def _ended(session: Session, number: int, limit: Limit) -> Mapping[str, Any]:
    """The run once it is over, whatever becomes of the daemon meanwhile."""
    watch, looks = Watch(session, number, limit), PATIENCE
    while True:
        try:
            run = watch.look()
            if run is not None:
                return run
            looks = PATIENCE
        except Lost:
            if not (watch.met and looks):
                raise
            if looks == PATIENCE:
                session.remark("the daemon went away; waiting for it to come back …")
            looks -= 1
            select.select([], [], [], PAUSE)
        if limit.over:
            hint = f"polysync wait {number} waits for it again; polysync why {number} says what it waits for"
            raise Failure(f"run {number} is not over yet", code="timed_out", status=TIMED_OUT, hint=hint)
