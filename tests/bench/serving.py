"""The API over a home that has no daemon, in a process of its own: `python tests/bench/serving.py HOME`.

Its stores, its server and its routes are those of a daemon; there is nothing under way.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def served(home: Path) -> Iterator[Path]:
    """The socket of an API over this home."""
    words = [sys.executable, __file__, str(home)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield Path(process.stdout.readline().decode().strip())
        finally:
            process.kill()


async def main(folder: Path) -> None:
    """Serve until killed."""
    from polysync.api.auth import Doorkeeper  # noqa: PLC0415 - found by the path that is set below
    from polysync.api.binding import bind_socket, socket_path  # noqa: PLC0415 - as above
    from polysync.api.office import Office  # noqa: PLC0415 - as above
    from polysync.api.server import Server  # noqa: PLC0415 - as above
    from polysync.domain.settings import Access  # noqa: PLC0415 - as above
    from polysync.home import Home  # noqa: PLC0415 - as above
    from polysync.store.log_reading import LogReading  # noqa: PLC0415 - as above
    from polysync.store.log_search import LogSearch  # noqa: PLC0415 - as above
    from polysync.store.logs import LogBook  # noqa: PLC0415 - as above
    from polysync.store.reading import SqliteReader  # noqa: PLC0415 - as above

    home = Home(folder)
    logs: Any = await LogBook.open(home.logs)
    reader = await SqliteReader.open(home.database, logs)
    desk: Any = Nothing()
    office = Office(
        desk=desk,
        reader=reader,
        logs=await LogReading.open(home.logs),
        search=LogSearch(home.logs, home.database),
        sensitive=lambda _run: frozenset(),
        task_of=lambda _run: None,
        task_names=lambda: (),
    )
    server = Server(office, Doorkeeper(Access()), log=print)
    await server.start(bind_socket(home))
    print(socket_path(home), flush=True)
    await asyncio.Event().wait()


class Nothing:
    """A desk without anything on it."""

    def live(self, _run_id: int) -> None:
        """No run is under way."""

    def why(self, _run_id: int) -> tuple[()]:
        """Nothing is known of what waits."""
        return ()


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    asyncio.run(main(Path(sys.argv[1])))
