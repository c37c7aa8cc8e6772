"""Processes on this host, which outlive the daemon and are found again by it."""

from polysync.adapters.local.adapter import LocalAdapter

__all__ = ["LocalAdapter"]
