"""Starting a process without stopping the world: libc's posix_spawn, called where the interpreter is not held.

`os.posix_spawn` and `subprocess` keep the interpreter until the child has executed its program; a call through
ctypes lets go of it, and can change the folder besides.  Where libc lacks what is needed, `subprocess` stands in.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

STATUS: Final = 9  # the descriptor at which the shim expects its status file
SETSIGDEF, SETSIGMASK, SETSID = 0x04, 0x08, 0x80  # the same in glibc and musl
# Generous: what libc keeps in them takes 80, 336 and 128 bytes.
ACTIONS_SIZE, ATTRIBUTES_SIZE, SIGNALS_SIZE = 256, 1024, 256
POINTER: Final = ctypes.sizeof(ctypes.c_void_p)
SPOOL: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
# A shim that cannot be handed descriptor 9 gets the status file as its input, and puts things right itself.
BY_INPUT: Final = "exec 9>&0 </dev/null; "


class Environment:
    """The variables that many processes begin with, ready for libc, to which each adds its own."""

    __slots__ = ("count", "pointers", "strings")

    def __init__(self, strings: Sequence[bytes]) -> None:
        self.strings = strings
        self.count = len(strings)
        self.pointers = (ctypes.c_char_p * self.count)(*strings)


class Order(NamedTuple):
    """A process to start: program first in `argv`, every string as the kernel gets it."""

    argv: Sequence[bytes]
    environment: Environment
    own: Sequence[bytes]  # NAME=value, none of which stands in `environment`
    folder: bytes
    out: bytes
    err: bytes
    status: int  # the locked status file


Spawn = Callable[[Order], int]


def spawner() -> Spawn:
    """The best way to start a process that this host offers."""
    try:
        return PosixSpawn().spawn
    except (OSError, AttributeError):
        return spawn_by_subprocess


class PosixSpawn:
    """posix_spawn of this libc, with everything that is the same for each call made once."""

    def __init__(self, library: str | None = None) -> None:
        free, held = ctypes.CDLL(library), ctypes.PyDLL(library)
        # Only the spawn itself is worth letting go of the interpreter.
        self._spawn = free.posix_spawn
        self._init = held.posix_spawn_file_actions_init
        self._open = held.posix_spawn_file_actions_addopen
        self._dup = held.posix_spawn_file_actions_adddup2
        self._close = held.posix_spawn_file_actions_addclose
        self._chdir = held.posix_spawn_file_actions_addchdir_np
        self._close_from = getattr(held, "posix_spawn_file_actions_addclosefrom_np", None)
        self._destroy = held.posix_spawn_file_actions_destroy
        self._attributes = self._make_attributes(held)

    def spawn(self, order: Order) -> int:
        """Start the process in a session of its own, with default signals and no descriptor but 0, 1, 2 and 9."""
        actions = ctypes.create_string_buffer(ACTIONS_SIZE)
        _check(self._init(actions), "posix_spawn_file_actions_init")
        try:
            self._add(actions, order)
            return self._start(actions, order)
        finally:
            self._destroy(actions)

    def _add(self, actions: Any, order: Order) -> None:
        what = "posix_spawn_file_actions"
        _check(self._open(actions, 0, b"/dev/null", os.O_RDONLY, 0), what)
        _check(self._open(actions, 1, order.out, SPOOL, 0o600), what)
        _check(self._open(actions, 2, order.err, SPOOL, 0o600), what)
        _check(self._dup(actions, order.status, STATUS), what)
        for descriptor in range(3, STATUS):
            _check(self._close(actions, descriptor), what)
        if self._close_from is not None:  # glibc 2.34; else close-on-exec alone has to do, as everywhere in Python
            _check(self._close_from(actions, STATUS + 1), what)
        _check(self._chdir(actions, order.folder), what)

    def _start(self, actions: Any, order: Order) -> int:
        pid = ctypes.c_int()
        arguments = (ctypes.c_char_p * (len(order.argv) + 1))(*order.argv)
        given, own = order.environment, order.own
        environment = (ctypes.c_char_p * (given.count + len(own) + 1))(*own)
        # Copied as it stands: to make every pointer anew would cost more than all the rest.
        ctypes.memmove(ctypes.addressof(environment) + len(own) * POINTER, given.pointers, given.count * POINTER)
        program = order.argv[0]
        error = self._spawn(ctypes.byref(pid), program, actions, self._attributes, arguments, environment)
        _check(error, os.fsdecode(program))
        return pid.value

    @staticmethod
    def _make_attributes(library: Any) -> Any:
        attributes = ctypes.create_string_buffer(ATTRIBUTES_SIZE)
        # Every bit, where sigfillset of glibc leaves out 32 and 33, which its spawn would then ignore in the child.
        everything = ctypes.create_string_buffer(b"\xff" * SIGNALS_SIZE, SIGNALS_SIZE)
        nothing = ctypes.create_string_buffer(SIGNALS_SIZE)
        flags = ctypes.c_short(SETSIGDEF | SETSIGMASK | SETSID)
        what = "posix_spawnattr"
        _check(library.posix_spawnattr_init(attributes), what)
        _check(library.posix_spawnattr_setsigdefault(attributes, everything), what)
        _check(library.posix_spawnattr_setsigmask(attributes, nothing), what)
        _check(library.posix_spawnattr_setflags(attributes, flags), what)
        return attributes


def spawn_by_subprocess(order: Order) -> int:
    """The same through `subprocess`, which holds everything up; the shim takes its status file as input."""
    script = order.argv.index(b"-c") + 1
    argv = list(order.argv)
    argv[script] = os.fsencode(BY_INPUT) + argv[script]
    environment = dict(entry.split(b"=", 1) for entry in (*order.environment.strings, *order.own))
    out = os.open(order.out, SPOOL | os.O_CLOEXEC, 0o600)
    try:
        err = os.open(order.err, SPOOL | os.O_CLOEXEC, 0o600)
        try:
            return _popen(argv, environment, order, (out, err))
        finally:
            os.close(err)
    finally:
        os.close(out)


def _popen(argv: Sequence[bytes], environment: dict[bytes, bytes], order: Order, spools: tuple[int, int]) -> int:
    process = subprocess.Popen(  # noqa: S603 - the point of it all
        argv,
        stdin=order.status,
        stdout=spools[0],
        stderr=spools[1],
        cwd=order.folder,
        env=environment,
        start_new_session=True,
    )
    process.returncode = 0  # somebody else waits for it: Popen must not, when it is collected
    return process.pid


def _check(error: int, what: str) -> None:
    if error:
        raise OSError(error, os.strerror(error), what)
