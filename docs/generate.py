"""Writes the pages that are made from the code; `contrib/dev docs` runs it, a house test compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from docs.generators import api, cli, configuration, faults, states

FOLDER: Final = Path(__file__).parent
PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "api.md": api.page,
    "cli.md": cli.page,
    "configuration.md": configuration.page,
    "faults.md": faults.page,
    "states.md": states.page,
}


def main() -> None:
    """Write every page, and say which of them changed."""
    for name, page in PAGES.items():
        path, text = FOLDER / name, page()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            print(f"docs/{name}: as it was")
        else:
            path.write_text(text, encoding="utf-8")
            print(f"docs/{name}: written")


if __name__ == "__main__":
    main()
