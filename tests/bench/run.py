"""Measure the bars and print their table: `python tests/bench/run.py [--rounds N] [--write] [FAMILY | NUMBER]...`."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # so that it runs as a plain file

from polysync.clock import SystemClock
from tests.bench.bars import ROUNDS, Family, Verdict, table, taken
from tests.bench.page import page, this_machine
from tests.bench.registry import FAMILIES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"


def chosen(words: list[str]) -> list[Family]:
    """The families that were asked for, by name or by the number of one of their bars; all where none was."""
    unknown = [word for word in words if not any(_meant(family, word) for family in FAMILIES)]
    if unknown:
        sys.exit(f"no such bar: {', '.join(unknown)}; there are {', '.join(family.name for family in FAMILIES)}")
    return [family for family in FAMILIES if not words or any(_meant(family, word) for word in words)]


def main(arguments: list[str]) -> int:
    """Measure, print, and return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description="Measure the bars and print their table.")
    parser.add_argument("bars", nargs="*", metavar="FAMILY|NUMBER", help="what to measure; everything by default")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"rounds of each family, {ROUNDS} by default")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md, once everything is measured")
    given = parser.parse_args(arguments)
    if given.write and given.bars:
        parser.error("the page holds every bar; leave the names out")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # so that what was started is ended too
    lines = []
    for family in chosen(given.bars):
        print(f"measuring {family.name} …", file=sys.stderr, flush=True)
        lines += taken(family, max(given.rounds, 1))
    lines.sort(key=lambda line: line.bar.number)
    print("\n".join(table(lines)))
    if given.write:
        PAGE.write_text(page(lines, SystemClock().read().wall.date(), this_machine()), encoding="utf-8")
    return 1 if any(line.verdict is Verdict.MISSED for line in lines) else 0


def _meant(family: Family, word: str) -> bool:
    return word == family.name or any(word == str(bar.number) for bar in family.bars)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
