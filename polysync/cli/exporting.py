"""Logs as files: one for each attempt and stream, with every byte that is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from polysync.cli.failure import FAILED, Failure, reason_of
from polysync.cli.outpour import data_of


class Export:
    """Files in a folder; none that is there already is touched."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.sizes: dict[Path, int] = {}
        self.left_out = 0

    def all(self, pieces: Iterable[Mapping[str, Any]]) -> None:
        """Write every piece into the file of its attempt and stream."""
        with ExitStack() as stack:
            files: dict[Path, BinaryIO] = {}
            for piece in pieces:
                path = self._folder / f"attempt-{int(piece['attempt'])}.{'err' if piece['stream'] == 'err' else 'out'}"
                if path not in files:
                    files[path] = stack.enter_context(self._made(path))
                data = data_of(piece)
                files[path].write(data)
                self.sizes[path] = self.sizes.get(path, 0) + len(data)
                self.left_out += int(piece.get("left_out", 0))

    def _made(self, path: Path) -> BinaryIO:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return path.open("xb")
        except FileExistsError as error:
            message = f"{path} is there already" if path.exists() else f"{self._folder} is not a folder"
            raise Failure(message, code="exists", status=FAILED, hint="export into another folder") from error
        except OSError as error:
            raise Failure(f"{path}: {reason_of(error)}", code="unwritable", status=FAILED) from error
