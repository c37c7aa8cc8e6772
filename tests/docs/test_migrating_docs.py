"""The page about coming from other schedulers shows what the importers really make."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from polysync.config.imports.crontab import from_crontab
from polysync.config.imports.runwisp import from_runwisp
from polysync.config.imports.systemd import from_systemd
from polysync.config.imports.verdict import Mark

PAGE = Path(__file__).parents[2] / "docs" / "migrating.md"
BLOCKS: list[tuple[str, str]] = re.findall(
    r"^```(\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


def shown(language: str, number: int = 0) -> str:
    """One example of the page."""
    return [text for name, text in BLOCKS if name == language][number]


def example(number: int) -> dict[str, Any]:
    """What the page says that an import gives."""
    return tomllib.loads(shown("toml", number))


def test_migrating_page_shows_what_a_crontab_becomes() -> None:
    assert tomllib.loads(from_crontab(shown("crontab"), "crontab").toml) == example(0)


def test_migrating_page_shows_what_units_become() -> None:
    units = {text.splitlines()[0].removeprefix("# "): text for name, text in BLOCKS if name == "ini"}

    assert sorted(units) == ["backup.service", "backup.timer"]
    assert tomllib.loads(from_systemd(units).toml) == example(1)


def test_migrating_page_shows_what_a_runwisp_file_becomes() -> None:
    assert tomllib.loads(from_runwisp(shown("runwisp"), "runwisp.toml").toml) == example(2)


def test_migrating_page_explains_every_mark() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert [mark for mark in Mark if f" {mark.value} |" not in text] == []


def test_migrating_page_tells_the_truth_about_single_values() -> None:
    def cron(line: str) -> Any:
        (task,) = tomllib.loads(from_crontab(f"{line} job\n", "crontab").toml)["tasks"].values()
        return task.get("cron", task.get("run_on_start"))

    assert cron("0~30 * * * *") == "H(0-30) * * * *"
    assert cron("5/15 * * * *") == "5-59/15 * * * *"
    assert cron("@reboot") == "boot"
