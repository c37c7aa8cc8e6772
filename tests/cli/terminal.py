"""A terminal for tests: runs the command line in this process, with everything it touches handed in."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from polysync.cli.entry import run
from polysync.cli.surroundings import Surroundings

NOW = datetime(2026, 3, 27, 10, 0, tzinfo=UTC)  # two days before Europe's clocks go forward


class Screen(io.StringIO):
    """A stream that says whether it is a terminal, and which characters it can write."""

    def __init__(self, *, terminal: bool = False, charset: str = "utf-8") -> None:
        super().__init__(newline="")
        self.terminal = terminal
        self.charset = charset

    @property
    def encoding(self) -> str:  # type: ignore[override]  # io.StringIO has none
        return self.charset

    def isatty(self) -> bool:
        return self.terminal


class Said(NamedTuple):
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class Terminal:
    """A folder, an environment and a clock in which commands run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env: dict[str, str] = {"HOME": str(folder / "nobody")}
        self.columns: int | None = None
        self.tty = False
        self.charset = "utf-8"
        self.now = NOW
        self.zone = "Europe/Bratislava"

    def write(self, text: str, name: str = "polysync.toml") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def around(self, stdin: str = "", env: Mapping[str, str] | None = None) -> Surroundings:
        """The world that a command is handed."""
        return Surroundings(
            env={**self.env, **(env or {})},
            folder=str(self.folder),
            stdin=io.StringIO(stdin),
            stdout=Screen(terminal=self.tty, charset=self.charset),
            stderr=Screen(terminal=self.tty, charset=self.charset),
            columns=self.columns,
            now=lambda: self.now,
            zone=lambda: self.zone,
        )

    def polysync(self, *words: str, stdin: str = "", env: Mapping[str, str] | None = None) -> Said:
        """Run one command."""
        out, err = (Screen(terminal=self.tty, charset=self.charset) for _ in range(2))
        around = self.around(stdin, env).but(stdout=out, stderr=err)
        return Said(run(words, around), out.getvalue(), err.getvalue())
