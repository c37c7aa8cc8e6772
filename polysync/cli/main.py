"""The entry point: what needs no library is answered at once, the rest goes to the commands."""

from __future__ import annotations

import sys

from polysync import __version__

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
UNWRITTEN = 1
NOBODY_READS = 141  # 128 + SIGPIPE


class Unwritten(Exception):
    """A command that ended with a status, and with words that its streams did not take."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def main(words: list[str] | None = None) -> None:
    """Run one command and end the process with its exit code."""
    given = sys.argv[1:] if words is None else words
    try:
        status = answer(given)
        if sys.stdout is not None:  # it is None where the caller has closed it
            sys.stdout.flush()
    except BrokenPipeError:
        status = NOBODY_READS
        silence(1)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except Unwritten as end:
        status = end.status
        last_words(str(end))
    except OSError as error:
        status = UNWRITTEN
        last_words(f"cannot write: {(error.strerror or str(error)).lower()}")
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


def last_words(message: str) -> None:
    """Say on the error stream, where it still takes anything, why the answer could not be written."""
    try:
        if sys.stderr is not None:
            sys.stderr.write(f"error: {message}\n")
    except OSError:
        pass  # there is nowhere left to say it; the exit status still tells
    silence(1, 2)


def silence(*streams: int) -> None:
    """Nobody takes our output any more: the flush at exit must not complain about it."""
    import os

    for stream in streams:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
