"""Every rule of the house; a new one is added here and to the samples that show it can fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from tests.house import calls, comments, floors, names, pages, sizes
from tests.house.sources import Source

Rule = Callable[[Sequence[Source]], list[str]]

RULES: Final[tuple[Rule, ...]] = (
    floors.check_floors,
    floors.check_rooms,
    floors.check_purity,
    floors.check_stillness,
    floors.check_lightness,
    sizes.check_file_lengths,
    sizes.check_function_lengths,
    sizes.check_nesting,
    sizes.check_medians,
    sizes.check_ports,
    names.check_top_level,
    names.check_file_names,
    names.check_class_names,
    names.check_test_names,
    calls.check_clocks,
    calls.check_tasks,
    calls.check_deadlines,
    calls.check_queues,
    calls.check_honesty,
    comments.check_suppressions,
    comments.check_ignored_rules,
    pages.check_cited_paths,
    pages.check_cited_names,
    pages.check_machine,
    pages.check_changelog,
)
