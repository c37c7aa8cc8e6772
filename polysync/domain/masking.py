"""Stars over secrets: every byte of every form of a secret becomes `*`, however the output was cut.

What may be the beginning of a secret is held back until more is known, and nothing is ever cut in the
middle of one; so whoever goes on at the place up to which all was handed out needs to know nothing of
what came before it.  Secrets of less than four bytes stand in every log by chance; they are left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Final

from polysync.domain.disguise import forms, raw_of
from polysync.domain.needles import HEAD, Needles, Span, united

STAR: Final = b"*"
PATIENCE: Final = 16 << 10  # bytes: what overlaps itself for longer, such as a line of zeros, is not held back whole
BORDER: Final = b"\0"  # between texts that are masked together: no environment can carry a secret with it

__all__ = ["Masks", "Veil", "forms"]


class Masks:
    """The secrets of an attempt, and all that is masked for them; it never changes, and prints as stars."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = frozenset(secrets)

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def __contains__(self, secret: object) -> bool:
        return secret in self._secrets

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Masks) and other._secrets == self._secrets

    def __hash__(self) -> int:
        return hash(self._secrets)

    def __repr__(self) -> str:
        return "Masks(***)" if self else "Masks()"

    def add(self, more: Iterable[str]) -> Masks:
        """Masks for more secrets."""
        secrets = self._secrets.union(more)
        return self if secrets == self._secrets else Masks(secrets)

    def join(self, other: Masks) -> Masks:
        """Masks for the secrets of both."""
        return self.add(other._secrets)

    def mask(self, data: bytes) -> bytes:
        """`data` with stars over every secret, in as many bytes."""
        return starred(data, self.needles.spans(data)) if self._secrets else data

    def mask_text(self, text: str) -> str:
        """`text` with stars over every secret, and over the beginning of one at which the text was cut off."""
        if not self._secrets:
            return text
        data = raw_of(text)
        spans, cut = self.needles.spans(data), self.needles.unsettled(data)
        if len(data) - cut >= HEAD:
            spans = united([*spans, (cut, len(data))])
        return starred(data, spans).decode(errors="replace") if spans else text

    def mask_all(self, texts: Sequence[str]) -> Sequence[str]:
        """All these texts with stars over every secret; the same ones where there is none."""
        raws = list(map(raw_of, texts)) if self._secrets else []
        whole = BORDER.join(raws)
        masked = self.mask(whole)
        if masked == whole:
            return texts
        ends = list(accumulate(len(raw) + len(BORDER) for raw in raws))
        parts = (masked[end - len(BORDER) - len(raw) : end - len(BORDER)] for raw, end in zip(raws, ends, strict=True))
        return [part.decode(errors="replace") for part in parts]

    def prepare(self) -> None:
        """Work out what is looked for, before it is needed; from any thread."""
        self.longest  # noqa: B018 - to ask for it is to work it out

    @property
    def longest(self) -> int:
        """The length of the longest form."""
        return self.needles.longest

    @cached_property
    def needles(self) -> Needles:
        """What is looked for; made when the first output comes."""
        return Needles(form for secret in self._secrets for form in forms(secret))


class Veil:
    """A stream on its way: what goes in comes out masked, in as many bytes, some of it later."""

    def __init__(self, masks: Masks) -> None:
        self._masks = masks
        self._rest = b""  # held back, as it came
        self._covered = 0  # bytes of it that a secret covers which began before it

    @property
    def held(self) -> int:
        """How many bytes are held back."""
        return len(self._rest)

    def wear(self, masks: Masks) -> None:
        """Other masks hold from here on, also for what is held back."""
        self._masks = masks

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; what is certain of them, and of those held back, comes out masked."""
        if not (self._masks or self._rest):
            return data
        data = self._rest + data
        spans = self._spans(data)
        ready = self._ready(data, spans)
        self._rest = data[ready:]
        self._covered = max((end - ready for start, end in spans if start < ready < end), default=0)
        return starred(data[:ready], spans)

    def flush(self) -> bytes:
        """Nothing more comes: what is held back, masked as far as it is a secret."""
        data, spans = self._rest, self._spans(self._rest)
        self._rest, self._covered = b"", 0
        return starred(data, spans)

    def _spans(self, data: bytes) -> list[Span]:
        spans = self._masks.needles.spans(data)
        return united([(-1, self._covered), *spans]) if self._covered else spans

    def _ready(self, data: bytes, spans: list[Span]) -> int:
        """Up to where nothing can change any more, and no secret is cut through."""
        end = self._masks.needles.unsettled(data)
        whole = next((max(start, 0) for start, stop in reversed(spans) if start < end < stop), end)
        return whole if len(data) - whole <= PATIENCE + 4 * self._masks.needles.longest else end


def starred(data: bytes, spans: Iterable[Span]) -> bytes:
    """`data` with stars over the given stretches of it."""
    made = None
    for start, end in spans:
        made = made or bytearray(data)
        begin, stop = max(start, 0), min(end, len(data))
        made[begin:stop] = STAR * (stop - begin)
    return data if made is None else bytes(made)
