"""The TCP listener, as the configuration of this moment wants it.

Trouble with it never keeps the daemon from its work: an address that is not there yet, or a certificate that cannot
be read, is told, shown as `tcp` among what is degraded, and tried again.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from polysync.api.doors import TcpDoor
from polysync.api.tcp import CannotListen, is_open_secret, listen_on, parts_of, tls_of
from polysync.domain.settings import Api

AGAIN: Final = 5.0  # seconds between two tries
WORD: Final = "tcp"


class Listener:
    """Opens, renews and shuts the door to TCP."""

    def __init__(self, door: TcpDoor, api: Api, folder: Path, log: Any) -> None:
        self._door = door
        self._wanted = api
        self._folder = folder  # relative paths begin there
        self._log = log
        self._news = asyncio.Event()
        self._listen: str | None = None  # where it listens
        self.trouble = ""
        self.again = AGAIN

    def configure(self, api: Api) -> None:
        """Another configuration holds, or the same once more: certificates are read again."""
        self._wanted = api
        self._news.set()

    def troubles(self) -> list[str]:
        """What is not as it should be, in one word."""
        return [WORD] if self.trouble else []

    def facts(self) -> Mapping[str, Any]:
        """What a person should know about it."""
        door = self._door
        return {
            "listen": self._listen,
            "tls": self._listen is not None and door.tls is not None,
            "trouble": self.trouble,
            "connections": len(door.connections),
            "turned_away": door.turned_away,
            "failed_handshakes": door.failed,
        }

    async def run(self) -> None:
        """Follow the configuration for ever."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.again if self.trouble else None):
                    await self._news.wait()
            await self.follow()

    async def follow(self) -> None:
        """Do what is wanted now, as far as it can be done."""
        self._news.clear()
        api = self._wanted
        if self._listen is not None and api.listen != self._listen:
            self._shut()
        trouble = ""
        if api.listen is not None:
            try:
                await self._open(api, api.listen)
            except CannotListen as error:
                trouble = str(error)
        if trouble and trouble != self.trouble:
            self._log.error("the TCP listener is not as it should be", trouble=trouble)
        self.trouble = trouble

    async def _open(self, api: Api, listen: str) -> None:
        tls = await asyncio.to_thread(self._tls, api)
        if self._listen is None:
            listening = await asyncio.to_thread(listen_on, listen)
            self._door.open(listening, speaks=tls is None)
            self._listen = listen
            self._log.info("listens on TCP", address=listen, tls=tls is not None)
        self._door.speak(tls)
        self._door.gate.names = _names_of(listen)

    def _tls(self, api: Api) -> ssl.SSLContext | None:
        if not api.tls_cert:
            return None
        certificate, key = self._folder / api.tls_cert, self._folder / api.tls_key
        made = tls_of(certificate, key)
        if is_open_secret(key):
            self._log.warning("everybody on this host may read the key", tls_key=str(key))
        return made

    def _shut(self) -> None:
        self._door.shut()
        self._door.clear()
        self._log.info("listens on TCP no more", address=self._listen)
        self._listen = None


def _names_of(listen: str) -> frozenset[str]:
    """What a caller may call us wherever they come from."""
    name = socket.gethostname().lower()
    return frozenset({parts_of(listen)[0].lower(), name, name.partition(".")[0]})
