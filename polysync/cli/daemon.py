"""`polysync daemon`: the daemon itself, in the foreground."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

import click

from polysync.cli.failure import Failure, usage
from polysync.cli.group import verb
from polysync.cli.loading import usable, where
from polysync.cli.session import Session
from polysync.config.cache import load_cached
from polysync.config.decode import Loaded
from polysync.config.load import without_tables
from polysync.config.seen import seen_of
from polysync.config.where import find_home
from polysync.home import Home


@verb("daemon", examples=["polysync daemon", "polysync daemon -c /etc/polysync/polysync.toml --data /var/lib/polysync"])
@click.pass_obj
def command(session: Session) -> int:
    """Run the daemon in the foreground until SIGTERM or Ctrl-C; SIGHUP reads the configuration again.

    Tasks that run when it ends go on, and are found again at the next start (`on_shutdown` changes that).
    Exits with 2 for a configuration with errors, and with 4 where another daemon owns the home.
    """
    from polysync.clock import SystemClock, this_zone

    folder = Path(session.around.folder).absolute()
    config = folder / where(session)
    clock = SystemClock()

    cache = _home_before_reading(session, config).cache
    errands: list[Callable[[], None]] = []

    def read() -> Loaded:
        now, env = clock.read().wall, session.around.env
        found = load_cached(config, cache, env=env, host_zone=this_zone(), now=now, later=errands.append)
        return without_tables(found)

    gc.disable()  # until everything stands: nothing that is made on the way there is garbage
    loaded = read()
    for warning in loaded.warnings:
        session.remark(str(warning))
    configuration = usable(loaded)
    home = find_home(session.option("data"), session.around.env, folder, config, configuration.daemon.data_dir)
    seen = seen_of(loaded, config)
    del loaded
    try:
        from polysync.daemon.opening import CannotStart, Options
        from polysync.daemon.service import run
    except ValueError as error:  # a failpoint that does not exist
        raise usage(str(error)) from error
    options = Options(
        config=config,
        home=home.absolute(),
        configuration=configuration,
        seen=seen,
        load=read,
        clock=clock,
        errands=errands,
    )
    try:
        return run(options)
    except CannotStart as error:
        raise Failure(error.message, code=error.code, status=error.status, hint=error.hint) from error


def _home_before_reading(session: Session, config: Path) -> Home:
    """The home as far as it can be known before the configuration is: named, pointed at, or the usual one."""
    from polysync.daemon.pointer import read_pointer

    given, env = session.option("data"), session.around.env
    pointed = None if given else read_pointer(config, env, os.geteuid())
    return Home((pointed or find_home(given, env, Path(session.around.folder), config)).absolute())
