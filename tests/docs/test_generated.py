"""The pages made from the code say what the code says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from docs.generate import FOLDER, PAGES
from docs.generators import configuration, states
from docs.generators.words import words
from polysync.domain.run import State
from polysync.domain.shape import Shape
from polysync.domain.task import Task


@pytest.mark.parametrize(("name", "page"), PAGES.items())
def test_generated_page_is_current(name: str, page: Callable[[], str]) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == page(), "run: contrib/dev docs"


def test_configuration_page_names_every_key() -> None:
    page = configuration.page()

    assert [name for name in Task.__dataclass_fields__ if name != "name" and f"| `{name}` |" not in page] == []


def test_states_page_names_every_state() -> None:
    page = states.page()

    assert [state for state in State if f"`{state}`" not in page] == []


def test_words_refuse_a_shape_that_nobody_described() -> None:
    with pytest.raises(NotImplementedError, match="Shape has no words yet"):
        words(Shape())
