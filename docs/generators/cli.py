"""The page of the command line: what `--help` says, command by command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

from polysync.cli.group import GROUP
from polysync.cli.verbs import GLOBAL_OPTIONS, SECTIONS

HEAD: Final = """\
<!-- Written by `contrib/dev docs` from the help texts in polysync/cli; change those, not this. -->

# The command line

Exit status: 0 fine · 1 it ran and failed, or a check found something · 2 usage or configuration · 3 no such thing ·
4 refused · 5 the daemon cannot be reached · 124 timed out waiting.
"""
WIDTH: Final = 100


def page() -> str:
    """The commands at a glance, the options of all of them, then the help of each command."""
    context = click.Context(GROUP, info_name="polysync")
    commands = (text for name in GROUP.list_commands(context) for text in _command(GROUP, name, context))
    return "\n".join([HEAD, *_glance(), *_options(), *commands])


def _glance() -> Iterator[str]:
    yield "| command | does |"
    yield "|---|---|"
    for title, section in SECTIONS.items():
        yield f"| **{title}** | |"
        for name, (_, does) in section.items():
            yield f"| `{name}` | {does} |"
    yield ""


def _options() -> Iterator[str]:
    yield "Before or after any command, and as `POLYSYNC_CONFIG`, `POLYSYNC_DATA` and so on in the environment:\n"
    yield "| option | means |"
    yield "|---|---|"
    for written, means in GLOBAL_OPTIONS:
        yield f"| `{written}` | {means} |"
    yield ""


def _command(group: click.Group, name: str, parent: click.Context) -> Iterator[str]:
    command = group.get_command(parent, name)
    if command is None or command.hidden:
        return
    context = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH)
    yield f"## `{context.command_path}`\n"
    yield f"```\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            yield from _command(command, inner, context)
