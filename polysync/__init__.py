"""Polysync: one daemon, one TOML file, one SQLite home, one socket."""

__version__ = "0.1.0"
