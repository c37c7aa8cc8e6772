"""Secrets from files, one a file: a folder that only its owner reads, or systemd's $CREDENTIALS_DIRECTORY."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from polysync.ports import Secret
from polysync.vaults.refusal import as_text, check_options, failed, refused, text_option

OPTIONS: Final = ("path",)
CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"
OTHERS: Final = 0o077  # what group and others may do with a file
LARGEST: Final = 1 << 20  # an environment takes less; anything larger is not a secret
FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


class FileVault:
    """A vault of files in the folder `path`, relative to the configuration; else in $CREDENTIALS_DIRECTORY."""

    def __init__(self, options: Mapping[str, Any], *, env: Mapping[str, str], folder: str) -> None:
        check_options("file", options, OPTIONS)
        path = text_option("file", options, "path")
        # systemd hands credentials over by access lists, which show as group bits although nobody else gets in.
        self._strict = bool(path)
        if not path and not env.get(CREDENTIALS):
            raise refused(f'a vault of type file needs path = "FOLDER" where {CREDENTIALS} is not set')
        self._folder = Path(folder, path) if path else Path(env[CREDENTIALS])

    async def fetch(self, name: str) -> Secret:
        """The content of the file; one that is missing, or that others can read, is a permanent error."""
        return Secret(await asyncio.to_thread(self._read, name))

    def _read(self, name: str) -> str:
        path = self._path(name)
        try:
            descriptor = os.open(path, FLAGS)
            try:
                return as_text(self._content(descriptor, path), str(path))
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            raise refused(f"there is no secret {path}") from None
        except OSError as error:
            raise failed(error, f"{path}: {error.strerror}", permanent=isinstance(error, PermissionError)) from error

    def _path(self, name: str) -> Path:
        """Where the secret lies; a name never leads out of the folder, not by a link either."""
        parts = PurePosixPath(name).parts
        if "\0" in name or not parts or ".." in parts or name.startswith("/"):
            raise refused(f"{name!r} is not the name of a secret")
        path = self._folder / name
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self._folder)):
            raise refused(f"{path} leads out of the folder")
        return path

    def _content(self, descriptor: int, path: Path) -> bytes:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise refused(f"{path} is not a file")
        if self._strict and about.st_mode & OTHERS:
            raise refused(f"{path} is open to other users (mode {about.st_mode & 0o777:03o}); run chmod 600 on it")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise refused(f"{path} is larger than 1 MB")
        return content
