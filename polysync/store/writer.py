"""The only writer of a database file: one thread, one connection, and everything that waits in one commit.

A unit of work is a closure over the connection.  One that breaks a law fails alone: the group is then
undone and carried out again, each unit in a savepoint of its own.  What the world does (disk full, busy,
broken) fails the whole group.  So a unit may run more than once, and must not change what it was made of.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from polysync.failpoints import hit
from polysync.ports import PortError
from polysync.store.errors import StorageBroken, StorageBusy, StorageFull, world_error

Result = TypeVar("Result")
Unit = Callable[[sqlite3.Connection], Result]
GROUP: Final = 256  # units of one commit: more would make the first wait for long
MOST: Final = 10_000  # units that may wait; whoever comes then is turned away


@dataclass(slots=True)
class Hooks:
    """What the owner of a writer wants to hear or to say; all are called in the writer's thread."""

    guard: Callable[[sqlite3.Connection], None] | None = None  # in each transaction, first: may we still write?
    finish: Callable[[sqlite3.Connection], None] | None = None  # last: write what the units only noted
    on_rollback: Callable[[], None] | None = None  # something that a unit did may not be stored
    on_full: Callable[[], bool] | None = None  # the disk is full; True: there is space now, try once more
    on_death: Callable[[BaseException], None] | None = None  # the thread is over: so must the process be


@dataclass(slots=True)
class _Waiting:
    work: Unit[Any]
    future: asyncio.Future[Any] | None = None
    apart: bool = False  # between two transactions, and in none
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Carries out units of work in order, as many as wait in one transaction."""

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        *,
        name: str,
        inline: bool = False,
        hooks: Hooks | None = None,
    ) -> None:
        self._connect = connect
        self._hooks = hooks or Hooks()
        self._before, self._after = f"{name}.before_commit", f"{name}.after_commit"
        self._pending: deque[_Waiting] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._failure: PortError | None = None
        self._connection: sqlite3.Connection | None = None
        self._thread = None if inline else threading.Thread(target=self._main, name=f"{name} writer", daemon=True)
        self.commits = 0  # groups that were committed
        if self._thread is not None:
            self._thread.start()

    @property
    def waiting(self) -> int:
        """How many units wait for their turn."""
        return len(self._pending)

    async def run(self, work: Unit[Result]) -> Result:
        """Have a unit carried out; returning means that it is durable, and leaving early does not stop it."""
        if self._thread is None:
            return self.call(work)
        # Where the caller is cancelled, its future is: the unit in the queue knows nothing of that.
        return await self.submit(work)

    async def run_apart(self, work: Unit[Result]) -> Result:
        """Have something carried out between two transactions: a checkpoint, which can be in none."""
        if self._thread is None:
            return self.call(work, apart=True)
        return await self.submit(work, apart=True)

    def submit(self, work: Unit[Result], *, apart: bool = False) -> asyncio.Future[Result]:
        """Put a unit in line; the future of the running loop is resolved once it is durable."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        with self._wake:
            if self._closing:
                raise StorageBroken("the database is closed")
            if len(self._pending) >= MOST:
                raise StorageBusy(f"{MOST} units wait for the database already")
            self._pending.append(_Waiting(work, future, apart))
            self._wake.notify()
        return future

    def call(self, work: Unit[Result], *, apart: bool = False) -> Result:
        """Carry out a unit at once, on the thread of the caller; only where the writer has none of its own."""
        if self._thread is not None:
            raise RuntimeError("this writer has a thread: use run()")
        if self._closing:
            raise StorageBroken("the database is closed")
        one = _Waiting(work, apart=apart)
        self._carry_out([one])
        if one.error is not None:
            raise one.error
        result: Result = one.result
        return result

    async def close(self) -> None:
        """Finish what waits, and close the connection."""
        if self._thread is None:
            self._closing = True
            self._shut()
            return
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)

    # ---- the thread

    def _main(self) -> None:
        group: list[_Waiting] = []
        try:
            self._open()
            while group := self._next_group():
                self._carry_out(group)
                _resolve(group)
        except BaseException as error:  # noqa: BLE001 - whatever it was, nobody may wait for a dead thread
            self._die(error, group)
        finally:
            self._shut()

    def _open(self) -> PortError | None:
        """Open the file where it is not open yet; a disk that is full or busy now may open it later."""
        if self._connection is not None or self._failure is not None:
            return self._failure
        try:
            self._connection = self._connect()
        except Exception as error:
            found = world_error(error)
            if found is None:
                raise
            if found.permanent:
                self._failure = found
            return found
        return None

    def _next_group(self) -> list[_Waiting]:
        with self._wake:
            while not self._pending and not self._closing:
                self._wake.wait()
            group = [self._pending.popleft()] if self._pending else []
            while self._pending and len(group) < GROUP and not group[0].apart and not self._pending[0].apart:
                group.append(self._pending.popleft())
            return group

    def _die(self, error: BaseException, group: list[_Waiting]) -> None:
        with self._wake:
            self._closing = True
            group = [*group, *self._pending]
            self._pending.clear()
        for one in group:
            one.error = StorageBroken(f"the writer of the database died: {error!r}")
            one.error.__cause__ = error
        _resolve(group)
        if self._hooks.on_death is not None:
            self._hooks.on_death(error)

    def _shut(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # ---- one group

    def _carry_out(self, group: Sequence[_Waiting]) -> None:
        error = self._open() or self._commit(group)
        if isinstance(error, StorageFull) and self._hooks.on_full is not None and self._hooks.on_full():
            error = self._open() or self._commit(group)
        if error is None:
            self.commits += 1
            error = self._tell_committed()
        if error is None:
            return
        if error.permanent:
            self._failure = error  # after an I/O error nothing that a retry says can be believed
        for one in group:
            one.error = error

    def _commit(self, group: Sequence[_Waiting]) -> PortError | None:
        """Carry out the group in one transaction; on trouble with the world all of it is undone."""
        connection = self._connection
        if connection is None or connection.in_transaction:
            return StorageBroken("a unit of work left its transaction open")
        if group[0].apart:
            return _alone(connection, group[0])
        try:
            if not self._together(connection, group):
                self._one_by_one(connection, group)
            hit(self._before)
            connection.execute("COMMIT")
            return None
        except BaseException as error:
            self._undo(connection, "ROLLBACK")
            found = world_error(error)
            if found is None:
                raise
            return found

    def _begin(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        if self._hooks.guard is not None:
            self._hooks.guard(connection)

    def _together(self, connection: sqlite3.Connection, group: Sequence[_Waiting]) -> bool:
        """Carry out units without a line between them; False: one of them broke a law, and all are undone."""
        self._begin(connection)
        try:
            for one in group:
                one.error = None
                one.result = one.work(connection)
            if self._hooks.finish is not None:
                self._hooks.finish(connection)
        except Exception as error:
            if world_error(error) is not None:
                raise
            self._undo(connection, "ROLLBACK")
            return False
        _still_open(connection)
        return True

    def _one_by_one(self, connection: sqlite3.Connection, group: Sequence[_Waiting]) -> None:
        """Carry out the same units, and leave out those that break a law."""
        self._begin(connection)
        for one in group:
            connection.execute("SAVEPOINT unit")
            try:
                one.result = one.work(connection)
                if self._hooks.finish is not None:
                    self._hooks.finish(connection)
            except Exception as error:
                # After some errors SQLite has rolled back by itself, and there is no savepoint to go back to.
                if world_error(error) is not None or not connection.in_transaction:
                    raise
                self._undo(connection, "ROLLBACK TO unit")
                one.error = error
            _still_open(connection)
            connection.execute("RELEASE unit")

    def _undo(self, connection: sqlite3.Connection, statement: str) -> None:
        if self._hooks.on_rollback is not None:
            self._hooks.on_rollback()
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):  # the error that led here says more
                connection.execute(statement)

    def _tell_committed(self) -> PortError | None:
        try:
            hit(self._after)
            return None
        except OSError as error:  # durable, but nobody will hear so: the memory of it goes as after a rollback
            if self._hooks.on_rollback is not None:
                self._hooks.on_rollback()
            return world_error(error)


def _alone(connection: sqlite3.Connection, one: _Waiting) -> PortError | None:
    try:
        one.result = one.work(connection)
    except Exception as error:
        found = world_error(error)
        if found is None:
            raise
        return found
    return None


def _still_open(connection: sqlite3.Connection) -> None:
    if not connection.in_transaction:
        raise StorageBroken("a unit of work ended the transaction that it shares")


def _resolve(group: Sequence[_Waiting]) -> None:
    """Wake everybody who waits, with one call into each loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
    for one in group:
        if one.future is not None:
            by_loop.setdefault(one.future.get_loop(), []).append(one)
    for loop, many in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, many)


def _settle(many: Sequence[_Waiting]) -> None:
    for one in many:
        if one.future is None or one.future.done():
            continue
        if one.error is None:
            one.future.set_result(one.result)
        else:
            one.future.set_exception(one.error)
