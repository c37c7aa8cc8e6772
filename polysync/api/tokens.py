"""Tokens for the TCP listener: made once, shown once, and known by their hashes from then on."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from polysync.domain.settings import Token

MARK: Final = "psync_"  # so that people and scanners see what it is
BYTES: Final = 32  # nobody guesses so many


def new_token() -> str:
    """A token that nobody had before."""
    return MARK + secrets.token_urlsafe(BYTES)


def hash_of(token: str) -> str:
    """What the configuration keeps of a token."""
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def holder(tokens: Iterable[Token], shown: str) -> Token | None:
    """The token that was shown; it takes the same time whichever it is, and also for none."""
    given, found = hash_of(shown), None
    for token in tokens:
        if compare_digest(given, token.sha256.lower()):
            found = token
    return found
