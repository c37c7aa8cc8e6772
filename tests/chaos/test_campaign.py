"""The small tier: every named place and any other moment is survived without a loss, while work goes on."""

from __future__ import annotations

import pytest

from polysync.failpoints import PLACES
from tests.chaos.campaign import Campaign, Strike, plan
from tests.chaos.site import Site
from tests.faults import fault
from tests.seeds import seed_of

pytestmark = [pytest.mark.slow, pytest.mark.chaos]
KILLS = 32


@fault("F1", "F2", "F3", "F4", "F5", "F10")
@pytest.mark.timeout(240)
def test_kills_at_every_place_and_at_any_time_lose_and_double_nothing(site: Site) -> None:
    seed = seed_of("chaos")
    campaign = Campaign(site, seed)
    campaign.strike_all(plan(seed, KILLS))
    for missed in [strike for strike in campaign.missed if strike.place not in campaign.landed]:
        campaign.strike_all([Strike(missed.place)])
    campaign.settle()
    verdict = campaign.judged()
    everything = f"seed {seed}: {verdict}\n{(site.folder / 'daemon.log').read_text()[-4000:]}"
    assert not verdict["wrong"], everything
    assert verdict["figures"]["kills landed"] >= 30, everything
    assert set(PLACES) <= campaign.landed.keys(), everything
    assert verdict["figures"]["slots expected"] > KILLS // 2, everything
    alive = verdict["figures"]["attempts alive at a kill"]
    assert alive == verdict["figures"]["of those with right exit code"], everything
