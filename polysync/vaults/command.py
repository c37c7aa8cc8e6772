"""Secrets from a command, which covers pass, age, sops, op and the command lines of the clouds."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from polysync.domain.errors import ValueProblem
from polysync.domain.quantity import parse_span
from polysync.ports import Secret
from polysync.vaults.refusal import as_text, check_options, failed, refused

OPTIONS: Final = ("command", "timeout")
NAME: Final = "{name}"
TIMEOUT: Final = "30s"  # a login at a cloud takes seconds, and a question that nobody answers takes for ever
LARGEST: Final = 1 << 20
FAREWELL: Final = 1.0  # seconds


class CommandVault:
    """A vault that asks a program: `command = ["pass", "show", "{name}"]`; what it prints is the secret."""

    def __init__(self, options: Mapping[str, Any], *, env: Mapping[str, str], folder: str) -> None:
        check_options("command", options, OPTIONS)
        self._argv = _argv(options.get("command"))
        self._timeout = _span(options.get("timeout", TIMEOUT))
        self._env = env
        self._folder = folder

    async def fetch(self, name: str) -> Secret:
        """What the command prints for that name; its other words are told to nobody."""
        if name.startswith("-") or "\0" in name:
            raise refused(f"{name!r} is not the name of a secret")
        process = await self._started([part.replace(NAME, name) for part in self._argv])
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                printed = await _printed(process)
        except TimeoutError:
            raise refused(f"{self._argv[0]} did not answer in time", permanent=False) from None
        finally:
            await _ended(process)
        if len(printed) > LARGEST:
            raise refused(f"{self._argv[0]} printed more than 1 MB for {name}")
        if process.returncode:
            # Only another try can tell an unknown name from a vault that cannot be reached.
            raise refused(f"{self._argv[0]} ended with {process.returncode} for {name}", permanent=False)
        return Secret(as_text(printed, f"what {self._argv[0]} printed for {name}"))

    async def _started(self, argv: list[str]) -> Process:
        try:
            return await asyncio.create_subprocess_exec(
                *argv,
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=DEVNULL,
                env=dict(self._env),
                cwd=self._folder,
                start_new_session=True,
            )
        except OSError as error:
            raise failed(error, f"cannot start {argv[0]}: {error.strerror}") from error


async def _printed(process: Process) -> bytes:
    """Everything up to the end of the output, or a little more than is allowed."""
    stream, printed = process.stdout, b""
    while stream is not None and len(printed) <= LARGEST and (piece := await stream.read(LARGEST)):
        printed += piece
    if len(printed) <= LARGEST:
        await process.wait()
    return printed


async def _ended(process: Process) -> None:
    """Leave nothing running, whatever made us stop listening."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # The end is only seen once the pipe is empty; whoever left the group and holds it is not waited for.
    with suppress(TimeoutError):
        async with asyncio.timeout(FAREWELL):
            while process.stdout is not None and await process.stdout.read(LARGEST):
                pass
            await process.wait()


def _argv(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value or not all(isinstance(part, str) for part in value):
        raise refused('a vault of type command needs command = ["PROGRAM", "{name}"]')
    if not any(NAME in part for part in value):
        raise refused("the command of a vault must hold {name}, or every secret would be the same")
    return tuple(value)


def _span(value: Any) -> timedelta:
    try:
        return parse_span(value)
    except (ValueProblem, TypeError, AttributeError):
        raise refused('the timeout of a vault is a time such as "10s"') from None
