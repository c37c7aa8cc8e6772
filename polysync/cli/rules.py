"""The options that say how an expression on the command line is to be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, TypedDict
from zoneinfo import ZoneInfo

import click

from polysync.cli.failure import usage
from polysync.domain.errors import ValueProblem
from polysync.domain.schedule import load_zone
from polysync.domain.values import DayMatch, Fold, Gap

KINDS: Final[dict[str, type[StrEnum]]] = {"dst_gap": Gap, "dst_fold": Fold, "day_match": DayMatch}
WORDS: Final = {
    "dst_gap": "Local times that a clock change leaves out.",
    "dst_fold": "Local times that a clock change repeats.",
    "day_match": "How the two day fields combine.",
}


class Rules(TypedDict, total=False):
    """The rules that were given; the others are as usual."""

    name: str
    dst_gap: Gap
    dst_fold: Fold
    day_match: DayMatch


def rule_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of `rules`."""
    for key, kind in reversed(KINDS.items()):
        option = f"--{key.replace('_', '-')}"
        function = click.option(option, key, type=click.Choice([member.value for member in kind]), help=WORDS[key])(
            function
        )
    return click.option("--name", metavar="TASK", help="The name by which H in the expression spreads.")(function)


def rules(given: Mapping[str, Any]) -> Rules:
    """The rules among the options of a command."""
    made = Rules()
    if given["name"]:
        made["name"] = given["name"]
    if given["dst_gap"]:
        made["dst_gap"] = Gap(given["dst_gap"])
    if given["dst_fold"]:
        made["dst_fold"] = Fold(given["dst_fold"])
    if given["day_match"]:
        made["day_match"] = DayMatch(given["day_match"])
    return made


def zone(name: str) -> ZoneInfo:
    """The zone that `--tz` names."""
    try:
        return load_zone(name)
    except ValueProblem as problem:
        raise usage(f"--tz: {problem.message}", problem.hint) from problem
