"""The judge of the soak: it finds what grows, and takes noise for noise."""

from __future__ import annotations

import random

import pytest

from tests.seeds import seed_of
from tests.soak.slopes import table, trend


def samples(each: float, noise: float = 0.0, bursts: int = 0) -> list[tuple[float, float]]:
    dice = random.Random(seed_of("slopes"))
    made = [(15.0 * n, 1000 + each * n + noise * (dice.random() - 0.5)) for n in range(80)]
    for at in dice.sample(range(80), bursts):
        made[at] = (made[at][0], made[at][1] + 5000)
    return made


@pytest.mark.parametrize(
    ("each", "noise", "bursts", "flat"), [(0, 0, 0, True), (0, 80, 5, True), (2, 40, 5, False), (-3, 10, 0, True)]
)
def test_growth_is_told_from_noise_and_bursts(each: float, noise: float, bursts: int, flat: bool) -> None:
    found = trend("rss", samples(each, noise, bursts), share=0.05, least=10)
    assert found.flat is flat
    assert found.growth == pytest.approx(79 * each, abs=60)


def test_small_things_may_grow_by_the_least() -> None:
    assert trend("fds", samples(0.1), share=0, least=10).flat
    assert not trend("fds", samples(0.1), share=0, least=5).flat


def test_too_few_samples_are_no_verdict() -> None:
    with pytest.raises(ValueError, match="tell nothing"):
        trend("fds", samples(1)[:2], share=1, least=1)


def test_the_table_names_what_grows() -> None:
    lines = table(
        [trend("rss", samples(9), share=0.01, least=1), trend("fds", samples(0), share=0, least=1)]
    ).splitlines()
    assert (lines[1].split()[0], lines[1].split()[-1]) == ("rss", "GROWS")
    assert lines[2].split()[-1] == "flat"
