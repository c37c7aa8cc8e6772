"""`polysync config diff`: what a reload would change."""

from __future__ import annotations

from datetime import tzinfo
from pathlib import Path

import click

from polysync.cli.failure import FAILED
from polysync.cli.group import Parts, global_options, verb
from polysync.cli.loading import read, usable, where
from polysync.cli.planned import show_plan
from polysync.cli.session import Session
from polysync.config.diff import plan
from polysync.domain.schedule import load_zone
from polysync.domain.settings import Configuration


@click.group(
    "config",
    cls=Parts,
    examples=("polysync config diff old.toml polysync.toml",),
    add_help_option=False,
    no_args_is_help=False,
    params=global_options(),
    subcommand_metavar="PART",
)
def command() -> None:
    """Look at configurations side by side."""


@verb(
    "diff",
    examples=["polysync config diff /etc/polysync/polysync.toml new.toml", "polysync config diff old.toml --check"],
)
@click.argument("old")
@click.argument("new", required=False)
@click.option("--check", is_flag=True, help="Exit with 1 where anything would change.")
@click.pass_obj
def diff(session: Session, old: str, new: str | None, *, check: bool) -> int:
    """What a reload from OLD to NEW, or to the configuration in use, would change."""
    before, after = usable(read(session, Path(old))), usable(read(session, Path(new) if new else where(session)))
    found = plan(before, after, session.now)
    if session.json:
        session.document(found.to_data())
    elif found.empty:
        session.remark("nothing would change")
    else:
        show_plan(session, found, lambda name: _zone(name, after))
    return FAILED if check and not found.empty else 0


command.add_command(diff)


def _zone(name: str, after: Configuration) -> tzinfo:
    task = after.tasks.get(name)
    return load_zone((task.timezone if task else None) or after.zone)
