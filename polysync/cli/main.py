"""The entry point: what needs no library is answered at once, the rest goes to the commands."""

from __future__ import annotations

import sys

from polysync import __version__

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
NOBODY_READS = 141  # 128 + SIGPIPE


def main(words: list[str] | None = None) -> None:
    """Run one command and end the process with its exit code."""
    given = sys.argv[1:] if words is None else words
    try:
        status = answer(given)
        if sys.stdout is not None:  # it is None where the caller has closed it
            sys.stdout.flush()
    except BrokenPipeError:
        status = NOBODY_READS
        silence()
    except KeyboardInterrupt:
        status = INTERRUPTED
    sys.exit(status)


def answer(words: list[str]) -> int:
    """The exit code of one command."""
    if words in (["--version"], ["-V"]) and sys.stdout is not None:
        sys.stdout.write(f"polysync {__version__}\n")
        return 0
    from polysync.cli.surroundings import this_process

    if words in (["--help"], ["-h"]):
        from polysync.cli.frontpage import front_page
        from polysync.cli.session import Session

        front_page(Session(this_process()))
        return 0
    from polysync.cli.entry import run

    return run(words, this_process())


def silence() -> None:
    """Nobody reads our output any more: the flush at exit must not complain about it."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
