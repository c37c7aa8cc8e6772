"""The entry point: what needs no library is answered at once, the rest goes to the commands."""

from __future__ import annotations

import os
import sys

from polysync import __version__
from polysync.cli.codes import FAILED, INTERRUPTED, NOBODY_READS, Unwritten

HEAVY = {"atexit", "threading"}  # whoever imports them may have something to do at the end


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
        status = FAILED
        last_words(f"cannot write: {(error.strerror or str(error)).lower()}")
    if words is None and not HEAVY & sys.modules.keys():
        os._exit(status)  # all is written, nobody asked to be called, and taking the interpreter apart takes longer
    sys.exit(status)


def answer(words: list[str]) -> int:
    """The exit code of one command."""
    if words in (["--version"], ["-V"]) and sys.stdout is not None:
        sys.stdout.write(f"polysync {__version__}\n")
        return 0
    if words[:1] == ["report"]:
        from polysync.cli.report import fast

        reported = fast(words[1:], os.environ)
        if reported is not None:
            return reported
    from polysync.cli.surroundings import this_process

    around = this_process()
    if words in (["--help"], ["-h"]):
        from polysync.cli.frontpage import front_page
        from polysync.cli.session import Session

        front_page(Session(around))
        return 0
    from polysync.cli.hot import attempt

    status = attempt(words, around)
    if status is None:
        from polysync.cli.entry import run

        return run(words, around)
    return status


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
    for stream in streams:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
