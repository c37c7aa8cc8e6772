"""The long tier: `contrib/dev chaos [--kills N] [--seed N] [--keep FOLDER]` kills, counts and prints the figures."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.chaos.campaign import Campaign, plan
from tests.chaos.site import Site, monotonic


def main() -> int:
    """Run a campaign and print its figures; 1 where anything is wrong."""
    reader = argparse.ArgumentParser(prog="contrib/dev chaos", description="Kill the daemon, and count what was lost.")
    reader.add_argument("--kills", type=int, default=320, help="at least so many strikes (default: 320)")
    reader.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)), help="repeat a campaign")
    reader.add_argument("--keep", type=Path, help="a folder for everything it leaves, to look at afterwards")
    given = reader.parse_args()
    _say(f"seed {given.seed}")
    with tempfile.TemporaryDirectory(prefix="polysync-chaos-") as made:
        site = Site(given.keep or Path(made))
        campaign, began = Campaign(site, given.seed), monotonic()
        try:
            campaign.strike_all(plan(given.seed, given.kills))
            campaign.settle()
            verdict = campaign.judged()
        finally:
            site.clear()
        verdict["figures"]["seconds"] = round(monotonic() - began)
        _show(verdict, given.seed, campaign)
    return bool(verdict["wrong"])


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _show(verdict: dict[str, Any], seed: int, campaign: Campaign) -> None:
    _say(f"\n| figure | seed {seed} |\n|---|---:|")
    for name, count in verdict["figures"].items():
        _say(f"| {name} | {count} |")
    _say("\nkills by place: " + ", ".join(f"{place or 'any time'} {n}" for place, n in sorted(campaign.landed.items())))
    for strike in campaign.missed:
        _say(f"did not land: {strike.failpoint}")
    for name, examples in verdict["wrong"].items():
        _say(f"WRONG {name}: {'; '.join(examples)}")


if __name__ == "__main__":
    sys.exit(main())
