"""The examples of the page of the API do what they say, with a real curl and a real daemon."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.service.daemons import READY, daemon

PAGE: Final = Path(__file__).resolve().parents[2] / "docs/api.md"
BLOCKS: Final = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
DEADLINE: Final = 30
CONFIG: Final = '[tasks.hello]\nrun = "echo hello"\n'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("examples")
    with daemon(folder, config=CONFIG) as running:
        running.until(READY)
        yield folder


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("block", BLOCKS)
def test_an_example_works(home: Path, block: str) -> None:
    words = ["bash", "-euo", "pipefail", "-c", block]
    done = subprocess.run(words, cwd=home, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    if "follow=1" in block:
        assert '"data":"hello\\n"' in done.stdout
        assert '"state":"succeeded"' in done.stdout


def test_there_are_examples() -> None:
    assert len(BLOCKS) >= 4
