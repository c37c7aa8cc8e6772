"""Every rule of the house is able to fail: each is fed a sample that breaks it, and one that does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest

from tests.house import calls, comments, floors, names, pages, sizes
from tests.house.rules import RULES, Rule
from tests.house.sources import Source
from tests.house.wheels import check_wheels

LONG: Final = "def f() -> None:\n" + "    x = 1\n" * 51
DEEP: Final = """
def f(a):
    for b in a:
        if b:
            try:
                pass
            except b:
                if a: pass
"""
FLAT: Final = """
def f(a):
    if a:
        b
    elif 1:
        b
    elif 2:
        for b in a:
            if b: c
"""
CROWDED: Final = "class P(Protocol):\n" + "".join(f"    def m{n}(self) -> None:\n        '''Do.'''\n" for n in range(7))
CHANGES: Final = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- It works.\n"
TOP: Final = dict.fromkeys(names.TOP, "")

# rule, files that break it, what the complaint says
BREAKS: Final[list[tuple[Rule, Mapping[str, str], str]]] = [
    (floors.check_floors, {"polysync/domain/a.py": "import polysync.config"}, "may not import polysync.config"),
    (floors.check_floors, {"polysync/store/a.py": "from polysync.api import x"}, "store may not import polysync.api"),
    (floors.check_floors, {"polysync/store/a.py": "from polysync import api"}, "store may not import polysync.api"),
    (floors.check_floors, {"polysync/config/a.py": "def f():\n    import polysync.cli"}, "a.py:2"),
    (floors.check_floors, {"polysync/ports.py": "import_module('polysync.daemon')"}, "may not import polysync.daemon"),
    (floors.check_floors, {"polysync/tui/a.py": "import polysync.cli.main"}, "tui may not import polysync.cli"),
    (floors.check_floors, {"polysync/domain/a.py": "from . import b"}, "(relative)"),
    (floors.check_rooms, {"polysync/attic/a.py": ""}, "polysync/attic: on no floor"),
    (floors.check_purity, {"polysync/domain/a.py": "import os.path"}, "may not import os.path"),
    (floors.check_purity, {"polysync/domain/a.py": "def f():\n    from random import random"}, "may not import random"),
    (floors.check_stillness, {"polysync/domain/a.py": "async def f(): ..."}, "no I/O"),
    (floors.check_stillness, {"polysync/domain/a.py": "open('x')"}, "no I/O"),
    (floors.check_lightness, {"polysync/cli/a.py": "import polysync.tui.app"}, "imports polysync.tui.app only when"),
    (sizes.check_file_lengths, {"tests/a.py": "\n" * 401}, "401 lines"),
    (sizes.check_file_lengths, {"contrib/dev": "\n" * 401}, "401 lines"),
    (sizes.check_function_lengths, {"polysync/a.py": LONG}, "f has 52 lines"),
    (sizes.check_nesting, {"polysync/a.py": DEEP}, "f nests 4 deep"),
    (sizes.check_medians, {"polysync/a.py": "x = 1\n" * 141}, "the median file has 141 lines"),
    (sizes.check_medians, {"polysync/a.py": LONG}, "the median function has 52 lines"),
    (sizes.check_ports, {"polysync/ports.py": CROWDED}, "P has 7 members"),
    (
        sizes.check_ports,
        {"polysync/ports.py": "class P(Protocol):\n    def m(self) -> None: ..."},
        "P.m has no contract",
    ),
    (names.check_top_level, {**TOP, "setup.py": ""}, "setup.py: not part"),
    (names.check_top_level, dict.fromkeys(names.TOP - {"LICENSE"}, ""), "LICENSE: missing"),
    (names.check_file_names, {"polysync/domain/string_utils.py": ""}, "'utils' says nothing"),
    (names.check_class_names, {"polysync/a.py": "class RunManager: ..."}, "RunManager: 'Manager'"),
    (names.check_test_names, {"tests/a/test_x.py": "", "tests/b/test_x.py": ""}, "one name for several"),
    (calls.check_clocks, {"polysync/a.py": "import time"}, "time reads a clock"),
    (calls.check_clocks, {"polysync/a.py": "from time import monotonic"}, "time reads a clock"),
    (calls.check_clocks, {"polysync/a.py": "datetime.now(UTC)"}, "datetime.now reads a clock"),
    (calls.check_clocks, {"polysync/a.py": "date.today()"}, "date.today reads a clock"),
    (calls.check_clocks, {"polysync/a.py": "loop.time()"}, "loop.time reads a clock"),
    (calls.check_tasks, {"polysync/a.py": "asyncio.create_task(f())"}, "outside spawn"),
    (calls.check_deadlines, {"polysync/a.py": "asyncio.wait_for(f(), 1)"}, "asyncio.timeout"),
    (calls.check_queues, {"polysync/a.py": "asyncio.Queue()"}, "without a bound"),
    (calls.check_honesty, {"tests/a.py": "asyncio.sleep(1)"}, "wait for the event"),
    (calls.check_honesty, {"tests/a.py": "from unittest.mock import patch"}, "pretends"),
    (calls.check_honesty, {"tests/a.py": "def test_x(monkeypatch): ..."}, "patches"),
    (comments.check_suppressions, {"polysync/a.py": "x = 1  # " + "noqa"}, "write `# noqa: CODE - reason`"),
    (comments.check_suppressions, {"polysync/a.py": "x = 1  # " + "noqa: E501"}, "write `# noqa: CODE - reason`"),
    (comments.check_suppressions, {"polysync/a.py": "x = 1  # " + "type: ignore[misc]"}, "# reason`"),
    (comments.check_suppressions, {"polysync/a.py": "x = 1  # " + "pragma: no cover"}, "- reason`"),
    (comments.check_suppressions, {"polysync/a.py": "# " + "ruff: noqa"}, "settings live in pyproject.toml"),
    (comments.check_ignored_rules, {"pyproject.toml": '  "E501",\n'}, "E501 is ignored without a reason"),
    (pages.check_cited_paths, {"docs/a.md": "see `polysync/gone.py`"}, "`polysync/gone.py` does not exist"),
    (pages.check_cited_paths, {"docs/a.md": "see [it](../gone.md)"}, "`../gone.md` does not exist"),
    (pages.check_cited_names, {"README.md": "see `polysync.domain.gone`", "polysync/domain/__init__.py": ""}, "gone"),
    (pages.check_cited_names, {"README.md": "`polysync.a.B.d`", "polysync/a.py": "class B:\n    c = 1"}, "B.d"),
    (pages.check_machine, {"docs/a.md": "cd /" + "root/there"}, ":1: /"),
    (pages.check_machine, {"pyproject.toml": "https://pypi" + ".org/x"}, ":1: pypi"),
    (pages.check_changelog, {"CHANGELOG.md": CHANGES.replace("Unreleased", "1.0.0")}, "Unreleased"),
    (pages.check_changelog, {"CHANGELOG.md": CHANGES.replace("Added", "News")}, "a section of another name"),
    (pages.check_changelog, {"CHANGELOG.md": CHANGES + "## 1.0\n"}, "without `[x.y.z] - date`"),
    (pages.check_changelog, {}, "says nothing"),
]

# rule, files that look suspicious and keep it
KEEPS: Final[list[tuple[Rule, Mapping[str, str]]]] = [
    (
        floors.check_floors,
        {"polysync/cli/a.py": "def f():\n    import polysync.tui.app\n    import polysync.domain.run"},
    ),
    (floors.check_floors, {"polysync/config/a.py": "from polysync import clock, __version__"}),
    (floors.check_lightness, {"polysync/cli/a.py": "def f():\n    import polysync.tui.app"}),
    (floors.check_purity, {"polysync/domain/a.py": "from zoneinfo import ZoneInfo"}),
    (
        sizes.check_function_lengths,
        {"a.py": 'def f():\n    """One.\n' + "\n    # why\n" * 60 + '    """\n    # why\n    x = 1\n'},
    ),
    (sizes.check_nesting, {"a.py": FLAT}),
    (calls.check_clocks, {"polysync/clock.py": "import time", "tests/bench/run.py": "import time"}),
    (calls.check_clocks, {"polysync/a.py": "task.now()\nat.time()"}),
    (calls.check_tasks, {"polysync/a.py": "def spawn(group):\n    group.create_task(1)"}),
    (calls.check_queues, {"polysync/a.py": "asyncio.Queue(8)"}),
    (
        comments.check_suppressions,
        {"a.py": "x = 1  # " + "noqa: E501, S101 - why\ny = 1  # " + "type: ignore[misc]  # why"},
    ),
    (comments.check_ignored_rules, {"pyproject.toml": '  "E501", # why\n'}),
    (
        pages.check_cited_paths,
        {"docs/a.md": "`docs/*.md` [b](b.md#c) `docs/`\n```\n`docs/gone.md`\n```\n", "docs/b.md": ""},
    ),
    (
        pages.check_cited_names,
        {"docs/a.md": "`polysync.toml` `polysync.a.B.c`", "polysync/a.py": "class B:\n    c: int = 1"},
    ),
    (pages.check_changelog, {"CHANGELOG.md": CHANGES + "## [0.1.0] - 2026-01-31\n"}),
]


def files(samples: Mapping[str, str]) -> list[Source]:
    return [Source(path, text) for path, text in samples.items()]


@pytest.mark.parametrize(("rule", "samples", "complaint"), BREAKS)
def test_rule_refuses(rule: Rule, samples: Mapping[str, str], complaint: str) -> None:
    assert any(complaint in found for found in rule(files(samples))), rule(files(samples))


@pytest.mark.parametrize(("rule", "samples"), KEEPS)
def test_rule_accepts(rule: Rule, samples: Mapping[str, str]) -> None:
    assert rule(files(samples)) == []


def test_rules_have_all_been_seen_to_fail() -> None:
    assert {rule.__name__ for rule in RULES} == {rule.__name__ for rule, _, _ in BREAKS}


def test_wheels_refuse_a_compiled_one() -> None:
    assert check_wheels({"fast": "Root-Is-Purelib: false", "pure": "Root-Is-Purelib: true"}) == [
        "fast: has a compiled wheel"
    ]
