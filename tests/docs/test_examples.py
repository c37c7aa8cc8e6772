"""What README and docs show can be done as it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from polysync.cli.verbs import VERBS
from polysync.config.decode import decode
from polysync.config.load import load

ROOT: Final = Path(__file__).resolve().parents[2]
BLOCK: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND: Final = re.compile(r"`polysync ([a-z][a-z-]*)[^`]*`")
DEV: Final = re.compile(r"\./contrib/dev (\w+)")
PAGES: Final = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/**/*.md"))]
GENERATED: Final = {"configuration.md"}  # its keys speak of commands that are still to come


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Every fenced block of a language, with its page."""
    for page in PAGES:
        for name, text in BLOCK.findall(page.read_text(encoding="utf-8")):
            if name == language:
                yield page.name, text


def test_example_configuration_is_faultless() -> None:
    loaded = load(ROOT / "polysync.toml.example", env={})

    assert [str(problem) for problem in loaded.problems] == []
    assert loaded.config is not None
    assert loaded.config.tasks


@pytest.mark.parametrize(("page", "text"), list(blocks("toml")))
def test_toml_of_page_is_faultless(page: str, text: str) -> None:
    assert [str(problem) for problem in decode(text, page, env={}).problems] == []


def test_commands_of_pages_exist() -> None:
    cited = {
        (p.name, c) for p in PAGES if p.name not in GENERATED for c in COMMAND.findall(p.read_text(encoding="utf-8"))
    }

    assert {command for page, command in cited if page == "README.md"} >= {"validate", "next"}
    assert [f"{page}: polysync {command}" for page, command in sorted(cited) if command not in VERBS] == []


def test_readme_promises_the_words_that_dev_has() -> None:
    told = (ROOT / "contrib/dev").read_text(encoding="utf-8")
    words = DEV.findall((ROOT / "README.md").read_text(encoding="utf-8"))

    assert words[:2] == ["demo", "test"]
    assert [word for word in words if f"\n  {word} " not in told] == []


def test_every_command_is_documented() -> None:
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")

    assert [verb for verb in VERBS if f"\n## `polysync {verb}`\n" not in page] == []


def test_every_decision_is_numbered_once() -> None:
    names = sorted(path.name for path in (ROOT / "docs/decisions").glob("*.md"))

    assert [name[:4] for name in names] == [f"{number:04}" for number in range(1, len(names) + 1)]
