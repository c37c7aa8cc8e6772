"""`polysync schema`: the JSON Schema by which editors complete and check a polysync.toml."""

from __future__ import annotations

import json

import click

from polysync.cli.group import verb
from polysync.cli.session import Session


@verb("schema", examples=["polysync schema > polysync.schema.json"])
@click.pass_obj
def command(session: Session) -> None:
    """Print the JSON Schema of polysync.toml: every key with its description."""
    session.around.stdout.write(text_of_schema())


def text_of_schema() -> str:
    """The schema as a file."""
    from polysync.config.schema import schema

    return json.dumps(schema(), indent=2) + "\n"
