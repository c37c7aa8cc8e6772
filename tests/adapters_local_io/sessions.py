"""Real attempts for the tests of this room: a shell that leads a session, as a shim does."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from polysync.adapters.local.identity import Identity, boot_id, stat_of
from polysync.adapters.local.survivors import survivors

SHIM = 'trap : HUP INT QUIT TERM USR1 USR2 ALRM; (exec "$@"); s=$?; exit $s'


@contextlib.contextmanager
def session(token: str, script: str, *, shim: str = SHIM) -> Iterator[tuple[subprocess.Popen[bytes], Identity]]:
    """Start a script below a shim; nothing of it is left afterwards."""
    environment = {**os.environ, "POLYSYNC_TOKEN": token}
    argv = ["/bin/sh", "-c", shim, "shim", "/bin/sh", "-c", script]
    with subprocess.Popen(argv, env=environment, start_new_session=True, stderr=subprocess.DEVNULL) as process:
        stat = stat_of(process.pid)  # nobody has asked how it ended, so it is there even where it is over
        assert stat is not None
        identity = Identity(process.pid, stat.ticks, boot_id())
        try:
            yield process, identity
        finally:
            _clear(process, token)


def _clear(process: subprocess.Popen[bytes], token: str) -> None:
    while left := survivors(process.pid, token):
        for member in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member.pid, signal.SIGKILL)
        process.poll()


def number_in(path: Path) -> int:
    """The number that a script wrote, or 0 while it has not."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int(path.read_text())
    return 0
