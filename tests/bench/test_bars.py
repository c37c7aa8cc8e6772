"""How bars are judged."""

from __future__ import annotations

from datetime import date

import pytest

from tests.bench.bars import CONTROL, Bar, Family, Figures, Line, Verdict, judged, measure, table
from tests.bench.page import page, this_machine
from tests.bench.run import chosen
from tests.bench.schedules import expressions

AT_LEAST = Bar(1, "work", "peer", "peer", "ours", at_least=2)
AT_MOST = Bar(2, "cost", "limit", "ours", "peer", at_most=1.5)


def figures(ours: float, peer: float, control: float = 1.0) -> Figures:
    return {"ours": ours, "peer": peer, CONTROL: control}


@pytest.mark.parametrize(
    ("bar", "ours", "verdict"),
    [
        (AT_LEAST, 1.0, Verdict.OK),
        (AT_LEAST, 2.0, Verdict.MISSED),
        (AT_MOST, 3.0, Verdict.OK),
        (AT_MOST, 9.0, Verdict.MISSED),
    ],
)
def test_bar_is_kept_or_missed_by_the_median(bar: Bar, ours: float, verdict: Verdict) -> None:
    (line,) = judged([bar], [figures(100.0, 3.0), *[figures(ours, 3.0)] * 3, figures(0.1, 3.0)])

    assert line.verdict is verdict


def test_round_on_a_busy_machine_does_not_count() -> None:
    (line,) = judged([AT_LEAST], [*[figures(1.0, 4.0)] * 3, *[figures(9.0, 4.0, control=2.1)] * 4])

    assert (line.ratio, line.verdict) == (4.0, Verdict.OK)


def test_too_few_calm_rounds_are_no_verdict() -> None:
    (line,) = judged([AT_LEAST], [*[figures(1.0, 4.0)] * 2, *[figures(9.0, 4.0, control=3.0)] * 4])

    assert line.verdict is Verdict.NOISY


def test_table_shows_every_bar_with_its_bound() -> None:
    rows = table(judged([AT_LEAST, AT_MOST], [figures(1.0, 4.0)] * 3))

    assert [row.split() for row in rows[1:]] == [
        ["1", "work", "peer", "4.00", ">=", "2", "ok"],
        ["2", "cost", "limit", "0.25", "<=", "1.5", "ok"],
    ]


def test_rounds_are_measured_beside_a_control() -> None:
    found = measure(Family("one", (AT_LEAST,), lambda: lambda: {"ours": 1.0, "peer": 2.0}), rounds=2)

    assert len(found) == 2
    assert all(round_["ours"] == 1.0 and round_[CONTROL] > 0 for round_ in found)


def test_families_are_chosen_by_name_or_number() -> None:
    assert [family.name for family in chosen(["21"])] == ["walking"]
    assert [family.name for family in chosen(["planning"])] == ["planning"]
    assert len(chosen([])) >= 2


def test_family_that_is_none_is_refused() -> None:
    with pytest.raises(SystemExit, match="no such bar: 99"):
        chosen(["99"])


def test_mixture_of_schedules_is_the_same_every_time() -> None:
    assert expressions(100) == expressions(100)
    assert 20 < len(set(expressions(100))) < 100


def test_page_says_what_when_and_on_what_machine() -> None:
    bar = Bar(20, "planning", "croniter", "a", "b", at_least=12)
    made = page([Line(bar, 17.5, Verdict.OK), Line(bar, 3.0, Verdict.MISSED)], date(2026, 11, 21), "2 cores")
    assert "Measured on 2026-11-21: 2 cores." in made
    assert "| 20 | planning | croniter | 17.50 | >= 12 | ok |" in made
    assert made.endswith("| MISSED |\n")
    assert "cores" in this_machine()
