"""A daemon in small: it carries out attempts and stores what they say; run as a program, it can be killed anywhere.

Run as a program with a home, a folder and a number of attempts.  It writes into the folder what a daemon would
write into its databases, so that the next one goes on from there.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polysync.adapters.local import LocalAdapter
from polysync.domain.rows import Message
from polysync.home import Home
from polysync.ports import Work
from tests.adapters_local.attempts import work

LINES = 60
SCRIPT = f"""
echo $N >>witness
i=0
while [ $i -lt {LINES} ]; do
  echo "line $i of $N"
  echo "error $i" >&2
  i=$((i+1))
  [ $((i % 20)) = 0 ] && sleep 0.05
done
exit $N
"""


def attempt(folder: Path, number: int) -> Work:
    """An attempt that leaves a witness, writes numbered lines and ends with its own number."""
    return work(SCRIPT, folder, run_id=number, environment={"N": str(number)})


def expected(number: int) -> dict[str, bytes]:
    """All that it writes."""
    return {
        "out": b"".join(b"line %d of %d\n" % (i, number) for i in range(LINES)),
        "err": b"".join(b"error %d\n" % i for i in range(LINES)),
    }


class Store:
    """A sink on files: what was written stays written, and a repeat is dropped, as in the log database."""

    def __init__(self, folder: Path, number: int) -> None:
        self._paths = {stream: folder / f"{number}.{stream}" for stream in ("out", "err")}

    async def stored(self, stream: str) -> int:
        path = self._paths[stream]
        return path.stat().st_size if path.exists() else 0

    async def write(self, stream: str, offset: int, chunk: bytes) -> int:
        have = await self.stored(stream)
        assert offset <= have, "a gap"
        with self._paths[stream].open("ab") as file:
            file.write(chunk[have - offset :])
        return max(have, offset + len(chunk))

    async def leave_out(self, stream: str, offset: int, length: int) -> int:
        raise AssertionError(f"{length} bytes of {stream} were left out at {offset}")

    def excess(self, stream: str, waiting: int) -> tuple[int, int]:
        del stream, waiting
        return 0, 0

    async def report(
        self,
        *,
        progress: tuple[int, str] | None = None,
        outputs: Mapping[str, Any] | None = None,
        messages: Sequence[Message] = (),
        secrets: Sequence[str] = (),
    ) -> None:
        """Nothing is reported here."""


async def carry_on(adapter: LocalAdapter, folder: Path, number: int) -> None:
    """Take an attempt from wherever it stands to its end, and forget it once the end is stored."""
    wanted = attempt(folder, number)
    end = folder / f"{number}.end"
    handle = await adapter.find(wanted.token)
    if not end.exists():
        handle = handle or await adapter.start(wanted)
        ended = await adapter.follow(handle, Store(folder, number))
        fresh = folder / f"{number}.fresh"
        fresh.write_text(json.dumps([ended.code, ended.reason]))
        fresh.replace(end)
    if handle is not None:
        await adapter.forget(handle)


async def main(home: Path, folder: Path, count: int) -> None:
    """Carry out all attempts, as a daemon does after its start."""
    adapter = LocalAdapter(home=Home(home))
    await asyncio.gather(*[carry_on(adapter, folder, number) for number in range(1, count + 1)])
    adapter.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
