"""`polysync runs`: the history, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from polysync.cli import drawn
from polysync.cli.group import verb
from polysync.cli.moments import moment, utc_text
from polysync.cli.session import Session
from polysync.domain.render import Cell
from polysync.domain.run import State
from polysync.domain.values import Trigger

USUAL: Final = 20
EXAMPLES: Final = [
    "polysync runs",
    "polysync runs --task back* --state failed --since -2d",
    "polysync runs --json",
]


class States(click.Choice[str]):
    """One state or several with commas between."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Each of them is one."""
        return ",".join(super(States, self).convert(word, param, ctx) for word in str(value).split(","))


@verb("runs", examples=EXAMPLES)
@click.option("--task", metavar="T", help="Of this task, or of those that a pattern means: back*.")
@click.option("--state", type=States([state.value for state in State]), metavar="S", help="In this state, or S,S ….")
@click.option("--since", metavar="D", help="Created at or after this time: 2026-03-29, 14:00, -2d …")
@click.option("--until", metavar="D", help="Created before this time.")
@click.option("--trigger", type=click.Choice([trigger.value for trigger in Trigger]), metavar="X", help="Made by this.")
@click.option("--tag", metavar="T", help="With this tag: NAME or NAME=VALUE.")
@click.option("--correlation-id", metavar="C", help="That belong together under this id.")
@click.option("--external-id", metavar="X", help="With this id of another system.")
@click.option("--archived", flag_value="1", default=None, help="Archived ones too.")
@click.option("--limit", type=click.IntRange(1, 500), default=USUAL, metavar="N", help="How many. Default: 20.")
@click.option("--cursor", metavar="C", help="Go on where a page ended, as it told.")
@click.pass_obj
def command(session: Session, /, **given: Any) -> int:
    """The runs, newest first: what ran, what did not, and why."""
    wanted = {name: value for name, value in given.items() if value is not None}
    for name in ("since", "until"):
        if name in wanted:
            wanted[name] = _time(session, wanted[name], f"--{name}")
    return drawn.runs(session, wanted)


def lines(session: Session, runs: Sequence[Mapping[str, Any]]) -> Sequence[Sequence[Cell | str]]:
    """A table of runs."""
    from polysync.api.tables import Screen
    from polysync.api.tables import runs as table

    screen = Screen(session.now, session.width, session.colour, session.glyphs)
    return table({"items": runs, "next": None}, screen).lines


def _time(session: Session, text: str, option: str) -> str:
    from zoneinfo import ZoneInfo

    return utc_text(moment(text, option, session.now, ZoneInfo(session.host_zone)).at)
