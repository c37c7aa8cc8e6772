"""How bars are judged."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from polysync.config.load import load
from tests.bench.bars import (
    CONTROL,
    Bar,
    Family,
    Figures,
    Line,
    NotMeasured,
    Round,
    Verdict,
    judged,
    measure,
    table,
    taken,
)
from tests.bench.daemons import argv, burst
from tests.bench.page import page, this_machine
from tests.bench.quiet import sleepers
from tests.bench.run import chosen
from tests.bench.schedules import expressions
from tests.bench.starts import not_due
from tests.config.many import many

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


def test_figure_alone_is_judged_against_its_bound_and_noisy_where_the_machine_misses_it_too() -> None:
    bar = Bar(7, "lag", "", "ours", at_most=20, unit="ms", control="ticker", control_at_most=20)
    shaky, calm = ([{**figures(30.0, 1.0), "ticker": ticker}] * 3 for ticker in (25.0, 3.0))

    assert [judged([bar], rounds)[0].verdict for rounds in (shaky, calm)] == [Verdict.NOISY, Verdict.MISSED]
    assert judged([bar], calm)[0].figure == "30 ms"
    assert judged([bar], [{**figures(5.0, 1.0), "ticker": 25.0}] * 3)[0].verdict is Verdict.OK


def test_figure_that_this_machine_cannot_give_is_shown_with_the_reason() -> None:
    (line,) = judged([Bar(6, "burst", "cron", "ours", "cron", at_most=1)], [figures(1.0, 1.0)] * 3, {"cron": "no root"})

    assert table([line])[1].endswith("not measured: no root")


def test_family_that_cannot_be_measured_here_leaves_lines_that_say_so() -> None:
    def prepare() -> Round:
        raise NotMeasured("no C compiler")

    (line,) = taken(Family("spawn", (AT_LEAST,), prepare))
    assert (line.verdict, line.told) == (Verdict.ABSENT, "not measured: no C compiler")


@pytest.mark.parametrize("text", [burst(3, argv(("/bin/true",)), 1_800_000_000.0), sleepers(3), not_due(many(8))])
def test_generated_configurations_are_good(text: str, tmp_path: Path) -> None:
    (tmp_path / "polysync.toml").write_text(text)
    loaded = load(tmp_path / "polysync.toml", env={})

    assert loaded.config is not None, loaded.problems
    assert len(loaded.config.tasks) in {3, 8}
