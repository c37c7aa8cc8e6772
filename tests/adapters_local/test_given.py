"""What a process was given is read from the process itself, and from no other."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from polysync.adapters.local.given import given_to

TOKEN = "token-1"  # noqa: S105 - the mark of an attempt
NAMES = {"KEY", "MULTI", "NONE"}


@contextmanager
def process(**environment: str) -> Iterator[dict[str, int]]:
    """A process with this environment, and the handle of it."""
    begun = ["/bin/sh", "-c", "echo begun; read -r _"]  # before its first word it may not have its environment yet
    with subprocess.Popen(begun, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as made:
        assert made.stdout is not None
        made.stdout.readline()
        try:
            yield {"pid": made.pid}
        finally:
            made.kill()


def test_values_are_those_it_was_started_with() -> None:
    with process(POLYSYNC_TOKEN=TOKEN, KEY="a=b c", MULTI="x\ny", OTHER="z") as handle:
        assert given_to(handle, TOKEN, NAMES) == {"KEY": "a=b c", "MULTI": "x\ny"}


def test_one_that_is_gone_or_another_gives_nothing() -> None:
    with process(POLYSYNC_TOKEN=TOKEN + "0", KEY="x") as handle:
        assert given_to(handle, TOKEN, NAMES) == {}
    assert given_to(handle, TOKEN, NAMES) == {}
    assert given_to({}, TOKEN, NAMES) == {}
    assert given_to({"pid": "remote"}, TOKEN, NAMES) == {}
