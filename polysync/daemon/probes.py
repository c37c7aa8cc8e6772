"""One look at whether a service is well: a connection, a page, or a command beside it.

Nothing here decides.  A look ends in a `Verdict`, or in a `PortError` where nobody could look.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from ipaddress import ip_address
from typing import Final, NamedTuple

from polysync.adapters.local.exits import SIGNALS
from polysync.adapters.local.inquiry import Ended, Inquiries
from polysync.adapters.local.threads import Threads
from polysync.daemon.page import NotHttp, page_of, status_of, trust
from polysync.domain.errors import ValueProblem
from polysync.domain.masking import Masks
from polysync.domain.quantity import format_span
from polysync.domain.settings import HealthCheck
from polysync.domain.values import Command
from polysync.ports import PortError, Secret, Work

WORDS: Final = 1024  # bytes of what a command said last
LOCALHOST: Final = ("127.0.0.1", "::1")  # this name needs no resolver, and a resolver may hang
WELL: Final = range(200, 400)
Prepare = Callable[[], Awaitable[Work]]


class Verdict(NamedTuple):
    """What a look came to."""

    well: bool
    text: str = ""  # why not


class Prober:
    """Looks at services; every look is bounded by its own timeout."""

    def __init__(self, home: str) -> None:
        self._inquiries = Inquiries(home)
        self._threads = Threads()
        self._names: dict[str, asyncio.Future[Sequence[str]]] = {}  # being looked up, each once
        self._trusts: dict[bool, ssl.SSLContext] = {}

    def close(self) -> None:
        """Begin no further look."""
        self._inquiries.close()
        self._threads.close()

    def forget(self, token: str) -> None:
        """The attempt with this token is over."""
        self._inquiries.forget(token)

    async def look(self, check: HealthCheck, prepare: Prepare) -> Verdict:
        """One look; `PortError` where it could not be made, which says nothing about the service."""
        if check.command is not None or check.run is not None:
            return await self._command(check, await prepare())
        try:
            async with asyncio.timeout(check.timeout.total_seconds()):
                return await (self._page(check) if check.http is not None else self._connection(check))
        except TimeoutError:
            return Verdict(well=False, text=_late(check.timeout))
        except (ValueProblem, NotHttp) as error:
            return Verdict(well=False, text=str(error))
        except OSError as error:
            return Verdict(well=False, text=_said(error))

    async def _command(self, check: HealthCheck, work: Work) -> Verdict:
        command = Command(script=check.run) if check.command is None else Command(argv=check.command)
        try:
            ended = await self._inquiries.ask(work, command, check.timeout)
        except PortError as error:
            if error.permanent:
                return Verdict(well=False, text=str(error))
            raise
        return Verdict(well=ended.status == 0, text="" if ended.status == 0 else _why(ended, check.timeout, work))

    async def _connection(self, check: HealthCheck) -> Verdict:
        host, _, port = (check.tcp or "").rpartition(":")
        async with self._connected(host.strip("[]"), int(port), check.timeout):
            return Verdict(well=True)

    async def _page(self, check: HealthCheck) -> Verdict:
        page = page_of(check.http or "")
        context = await self._trust(loopback=_is_loopback(page.host)) if page.tls else None
        async with self._connected(page.host, page.port, check.timeout, context) as (reader, writer):
            status = await status_of(page, reader, writer)
        return Verdict(well=status in WELL, text="" if status in WELL else f"it answers {status}")

    async def _trust(self, *, loopback: bool) -> ssl.SSLContext:
        known = self._trusts.get(loopback)
        if known is None:  # the certificates of the host are many
            known = self._trusts[loopback] = await self._threads.call(partial(trust, loopback=loopback))
        return known

    @asynccontextmanager
    async def _connected(
        self, host: str, port: int, patience: timedelta, context: ssl.SSLContext | None = None
    ) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
        """A connection to the first address that takes one; each gets its share of the time."""
        *others, last = await self._addresses(host)
        share = patience.total_seconds() / (1 + len(others))
        connect = partial(asyncio.open_connection, port=port, ssl=context, server_hostname=host if context else None)
        connection = None
        for address in others:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(share):
                    connection = await connect(address)
                break
        reader, writer = connection or await connect(last)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def _addresses(self, host: str) -> Sequence[str]:
        if host == "localhost":
            return LOCALHOST
        if _is_address(host):
            return (host,)
        looking = self._names.get(host)
        if looking is None:
            looking = self._names[host] = self._threads.call(partial(_look_up, host))
            looking.add_done_callback(partial(self._looked_up, host))
        return await asyncio.shield(looking)

    def _looked_up(self, host: str, looking: asyncio.Future[Sequence[str]]) -> None:
        del self._names[host]
        if not looking.cancelled():
            looking.exception()  # whoever asked may have left


def _look_up(host: str) -> Sequence[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host.partition("%")[0]).is_loopback)


def _late(timeout: timedelta) -> str:
    return f"no answer within {format_span(timeout)}"


def _why(ended: Ended, timeout: timedelta, work: Work) -> str:
    """How a command ended, and what it said last without its secrets."""
    if ended.status is None:
        how = _late(timeout)
    elif ended.status < 0:
        how = f"killed by SIG{SIGNALS.get(-ended.status, -ended.status)}"
    else:
        how = f"exit {ended.status}"
    masks = Masks(value.reveal() for value in work.environment.values() if isinstance(value, Secret))
    words = masks.mask(ended.words)[-WORDS:].decode("utf-8", "replace").strip()
    return f"{how}: {words}" if words else how


def _said(error: OSError) -> str:
    """What the system said, without the address that everybody knows."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {error.verify_message}"
    if isinstance(error, socket.gaierror | ssl.SSLError) or not error.errno:
        return str(error.strerror or error)
    return os.strerror(error.errno)
