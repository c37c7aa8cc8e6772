"""What logs.db is: known to everybody who opens it, also where nothing else of the store is wanted."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from polysync.store.database import Schema

SEALED: Final = 11  # columns that the checksum of a row of output covers, with itself

LOGS: Final = Schema(
    title="logs.db",
    application_id=0x506F6C6C,
    migrations=files("polysync.store").joinpath("logs_migrations"),
    synchronous="NORMAL",
    page_size=65536,
    copies=1,  # they are large, and of old output
    checkpoint_pages=256,  # 16 MB: more is hardly faster, but holds the writer up for longer, and takes the disk twice
)
