"""The parts of a daemon, each made once and handed to those that need it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from polysync.adapters.local.adapter import LocalAdapter
from polysync.adapters.local.identity import boot_id
from polysync.api.auth import Doorkeeper
from polysync.api.binding import bind_socket, place_of, remove_socket, socket_path
from polysync.api.office import Office
from polysync.api.server import Server
from polysync.clock import Clock
from polysync.daemon.attempt import Attempts
from polysync.daemon.board import NoticeBoard
from polysync.daemon.bus import Bus
from polysync.daemon.counts import Counts
from polysync.daemon.desk import FrontDesk
from polysync.daemon.disk import Disk
from polysync.daemon.driver import Driver
from polysync.daemon.feed import Feed
from polysync.daemon.files import Files
from polysync.daemon.health import Health
from polysync.daemon.housekeeping import Housekeeping
from polysync.daemon.inbox import Inbox
from polysync.daemon.listener import Listener
from polysync.daemon.metrics import Metrics
from polysync.daemon.opening import Options, is_shared
from polysync.daemon.platforms import Platforms
from polysync.daemon.probes import Prober
from polysync.daemon.pruner import Pruner
from polysync.daemon.reload import Reloading
from polysync.daemon.secrecy import Secrecy
from polysync.daemon.sink import RunSink
from polysync.daemon.spawn import Tasks
from polysync.daemon.wal import Wal
from polysync.daemon.work import Preparer
from polysync.domain.capture import Limit
from polysync.domain.definition import Definition
from polysync.domain.effects import Action, Record
from polysync.domain.masking import Masks
from polysync.domain.placement import LOCAL
from polysync.domain.rows import Attempt, Run
from polysync.domain.service_views import ServiceView
from polysync.domain.settings import Configuration, Service
from polysync.domain.task import Task
from polysync.home import Home
from polysync.ports import Adapter, PortError
from polysync.store.check import quick_check
from polysync.store.database import JOURNAL
from polysync.store.errors import StorageBroken
from polysync.store.journal import SqliteJournal, open_journal
from polysync.store.log_reading import LogReading
from polysync.store.log_schema import LOGS
from polysync.store.log_search import LogSearch
from polysync.store.logs import LogBook
from polysync.store.overview import Overview
from polysync.store.reading import SqliteReader
from polysync.store.reserve import Reserve
from polysync.store.writer import Hooks

REST: Final = 1.0  # seconds between two tries to open what cannot be opened now
T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Stores:
    """What is on disk, open."""

    disk: Disk
    journal: SqliteJournal
    logs: LogBook
    reading: LogReading
    reader: SqliteReader
    word: str  # that no other home has
    epoch: int  # how often the home was opened


class Doom:
    """Where every part says that it died; the driver is told, and the daemon ends."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.driver: Driver | None = None
        self._early: BaseException | None = None

    def strike(self, error: BaseException) -> None:
        """Something died; from the loop."""
        if self.driver is not None:
            self.driver.fail(error)
        else:
            self._early = self._early or error

    def strike_from_thread(self, error: BaseException) -> None:
        """Something died; from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.strike, error)

    def watch(self, driver: Driver) -> None:
        """From now on the driver is told; also of what died before there was one."""
        self.driver = driver
        if self._early is not None:
            driver.fail(self._early)


class Parts:
    """Everything that runs, joined; `close_with` takes it down."""

    def __init__(self, options: Options, home: Home, stores: Stores, log: Any, doom: Doom) -> None:
        self._options = options
        self._log = log
        self.home = home
        self.stores = stores
        self.socket = socket_path(home, shared=is_shared(options.configuration))
        self.inbox, self.bus, self.tasks = Inbox(), Bus(stores.epoch), Tasks(doom.strike)
        self.feed = Feed(stores.reading, lambda run_id: run_id in self.driver.tally, stores.reading.told)
        self.platforms = Platforms(options.configuration, self._here)
        self.platforms.adapter_for(LOCAL)  # imported now, and not when the first run is due
        self.preparer = Preparer(
            options.configuration,
            self._definition_of,
            env=os.environ,
            folder=options.config.parent,
            socket=self.socket,
        )
        self.prober = Prober(str(home.path))
        self.health = Health(
            looker=self.prober,
            prepare=self.preparer.prepare,
            inbox=self.inbox,
            tasks=self.tasks,
            clock=options.clock,
        )
        self.board = NoticeBoard(
            lambda: self.driver,
            Overview(stores.reader.database),
            options.clock,
            options.config,
        )
        self.secrecy = Secrecy(lambda: self.driver)
        self.counts = Counts(lambda: self.driver.engine)
        self.driver = self._driver()
        doom.watch(self.driver)
        self.reloading = Reloading(
            Files(options.config, options.load, options.clock, options.seen, options.errands),
            driver=self.driver,
            inbox=self.inbox,
            bus=self.bus,
            clock=options.clock,
            log=log,
            admit=self._admit,
        )
        self.housekeeping = keep_house(self, options.clock, log)
        self.desk = self._front_desk()
        self.metrics = Metrics(self.counts, self.driver, self.desk, self.housekeeping.facts, options.clock)
        holds = options.configuration
        self.server = Server(self._office(), Doorkeeper(holds.access, tokens=holds.api.token), log=self._complain)
        self.listener = Listener(self.server.tcp, holds.api, options.config.parent, log)

    def close_with(self, stack: AsyncExitStack) -> None:
        """Have everything end with the stack, those who ask first."""
        stack.callback(self.feed.close)
        stack.callback(self.bus.close)
        stack.callback(self.platforms.close)
        stack.callback(self.prober.close)
        stack.push_async_callback(self.tasks.close)

    async def open_api(self, stack: AsyncExitStack) -> None:
        """Listen on the socket of the home, which is ours."""
        listening = bind_socket(self.home, shared=is_shared(self._options.configuration))
        stack.callback(remove_socket, self.socket, place_of(self.socket))
        stack.push_async_callback(self.server.close)
        await self.server.start(listening)
        await self.listener.follow()

    def _configured(self, configuration: Configuration) -> None:
        """It is stored that this configuration holds: all parts follow, before anything is started under it."""
        self.platforms.configure(configuration)
        self.preparer.configure(configuration)
        self.stores.disk.configure(configuration.storage.min_free_space)
        self.stores.logs.configure(compress=configuration.storage.compress)
        self._log.configure(configuration.daemon.log_format, configuration.daemon.log_level)
        self.reloading.committed(configuration)
        self.listener.configure(configuration.api)

    def _settled(self, records: Sequence[Record], actions: Sequence[Action], configuration: Configuration) -> None:
        self.health.settled(records, actions, configuration)
        self.board.pasts.settled(records)

    def _admit(self, doorkeeper: Doorkeeper) -> None:
        self.server.admit(doorkeeper)

    def _front_desk(self) -> FrontDesk:
        return FrontDesk(
            driver=self.driver,
            inbox=self.inbox,
            bus=self.bus,
            feed=self.feed,
            disk=self.stores.disk,
            clock=self._options.clock,
            facts=self._facts,
            troubles=lambda: [*self.reloading.troubles(), *self.listener.troubles()],
            storage=self.housekeeping.facts,
        )

    def _driver(self) -> Driver:
        boot = boot_id()
        attempts = Attempts(
            prepare=self.preparer.prepare,
            cover_for=self.preparer.cover,
            adapter_for=self._adapter_for,
            sink_for=self._sink_for,
            inbox=self.inbox,
            tasks=self.tasks,
            boot_id=boot,
        )
        return Driver(
            configuration=self._options.configuration,
            boot_id=boot,
            home=self.stores.word,
            journal=self.stores.journal,
            clock=self._options.clock,
            inbox=self.inbox,
            bus=self.bus,
            launcher=attempts,
            disk=self.stores.disk,
            on_over=self.feed.over,
            on_configured=self._configured,
            on_settled=self._settled,
            meter=self.counts.settled,
        )

    def _sink_for(self, run_id: int, number: int, fresh: bool, masks: Masks | None) -> RunSink:  # noqa: FBT001 - the attempt's own order
        return RunSink(
            run_id,
            number,
            logs=self.stores.logs,
            feed=self.feed,
            inbox=self.inbox,
            clock=self._options.clock,
            gauges=self.driver.gauges,
            fresh=fresh,
            masks=masks,
            limit=self._limit_of(run_id),
            low=lambda: self.stores.disk.low,
        )

    def _limit_of(self, run_id: int) -> Limit:
        """How much of the output of a run is kept."""
        run = self.driver.engine.run(run_id)
        definition = None if run is None else self._definition_of(run)
        return Limit() if definition is None else Limit(definition.task.log_max_size, definition.task.log_on_full)

    def _here(self, settings: Mapping[str, Any]) -> Adapter:
        made: Adapter = LocalAdapter(
            settings, home=self.home, clock=self._options.clock, descriptors=self._options.descriptors
        )
        return made

    def _office(self) -> Office:
        return Office(
            desk=self.desk,
            reader=self.stores.reader,
            logs=self.stores.reading,
            search=LogSearch(self.home.logs, self.home.database),
            sensitive=self.secrecy.sensitive,
            secret=self.secrecy.secret,
            task_of=self._task_of,
            task_names=lambda: self.driver.configuration.tasks,
            reloads=self.reloading,
            now=lambda: self._options.clock.read().wall,
            degraded=self.desk.degraded,
            upkeep=self.housekeeping,
            board=self.board,
            audit=self.stores.reader.audit,
            metrics=lambda: self.metrics.text() if self.driver.configuration.api.metrics else None,
            events=self.bus.recent,
            services=self._services,
            service_of=self._service_of,
            trouble_of=self.health.trouble,
        )

    def _services(self) -> Sequence[ServiceView]:
        return self.driver.engine.services()  # of the engine of this moment, as above

    def _service_of(self, name: str) -> Service | None:
        return self.driver.configuration.services.get(name)

    def counts_on(self, digest: str) -> bool:
        """Whether a definition must stay stored."""
        return self.driver.engine.knows(digest)

    def _adapter_for(self, run: Run, attempt: Attempt) -> Adapter:
        definition = self._definition_of(run)
        kept = None if definition is None else definition.platform
        return self.platforms.adapter_for(attempt.platform, kept if kept and kept.name == attempt.platform else None)

    def _definition_of(self, run: Run) -> Definition | None:
        return self.driver.engine.definition(run)  # of the engine of this moment: a failed commit makes another one

    def _task_of(self, run: Run) -> Task | None:
        """The definition a run was made under where it is at hand, else today's."""
        definition = self._definition_of(run)
        return self.driver.configuration.tasks.get(run.task) if definition is None else definition.task

    def _facts(self) -> Mapping[str, Any]:
        tasks = len(self.driver.configuration.tasks)
        return {
            "config": self.reloading.facts(),
            "home": str(self.home.path),
            "tasks": tasks,
            "log": {"dropped": self._options.unread()},
            "tcp": self.listener.facts(),
        }

    def _complain(self, what: str, error: BaseException | None) -> None:
        self._log.error(what, error=repr(error))


def keep_house(parts: Parts, clock: Clock, log: Any) -> Housekeeping:
    """Have a home kept in order."""
    home, stores = parts.home, parts.stores
    writer = stores.journal.writer
    pruner = Pruner(stores.journal, stores.logs, home, clock, parts.counts_on)
    return Housekeeping(
        pruner,
        disk=stores.disk,
        wals={
            "database": Wal(home.database, JOURNAL, writer.run_apart, clock),
            "logs": Wal(home.logs, LOGS, stores.logs.apart, clock),
        },
        clock=clock,
        configuration=lambda: parts.driver.configuration,
        minutes=lambda entry: stores.journal.commit((), (entry,)),
        tasks=parts.tasks,
        log=log,
    )


async def open_stores(
    options: Options,
    home: Home,
    doom: Doom,
    stack: AsyncExitStack,
    complain: Callable[[PortError], None] = lambda _error: None,
) -> Stores:
    """The databases of a home, brought to today's schema where need be; a disk that is full or busy is waited for."""
    storage = options.configuration.storage
    reserve = Reserve(home.reserve)
    disk = Disk(home.path, storage.min_free_space, reserve)
    with suppress(PortError):  # the disk will be found wanting at the first look, and new attempts wait
        reserve.ensure()
    on_death = doom.strike_from_thread
    journal = open_journal(home, options.clock, on_full=disk.give_way, on_death=on_death)
    stack.push_async_callback(journal.close)
    word = await _patiently(journal.home_word, complain)  # made or migrated before anybody reads it
    epoch = await _patiently(journal.epoch, complain)
    damage = await journal.writer.run(quick_check)
    if damage:
        remedy = "polysync check says all of it; put back a copy that polysync backup made"
        raise StorageBroken(f"{home.database} is damaged, and nothing is started from it: {damage[0]}; {remedy}")
    hooks = Hooks(on_full=disk.output_found_none, on_death=on_death)
    book = partial(LogBook.open, home.logs, snapshots=home.snapshots, leeway=disk.leeway)
    open_logs = partial(book, compress=storage.compress, hooks=hooks)
    logs = await _patiently(open_logs, complain)
    stack.push_async_callback(logs.close)
    reading = await _patiently(partial(LogReading.open, home.logs), complain)
    stack.push_async_callback(reading.close)  # before the book: the last connection carries the write-ahead log over
    reader = await _patiently(partial(SqliteReader.open, home.database, logs), complain)
    stack.push_async_callback(reader.close)
    return Stores(disk=disk, journal=journal, logs=logs, reading=reading, reader=reader, word=word, epoch=epoch)


async def _patiently(opening: Callable[[], Awaitable[T]], complain: Callable[[PortError], None]) -> T:
    """What `opening` comes to in the end, unless it never can."""
    while True:
        try:
            return await opening()
        except PortError as error:
            if error.permanent:
                raise
            complain(error)
        await asyncio.sleep(REST)
