"""What an attempt says about itself, with its secrets covered, before anything decides or remembers it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from polysync.domain.disguise import MOST, secrets_in
from polysync.domain.inputs import AttemptReported
from polysync.domain.masking import Masks
from polysync.domain.outcome import Exit
from polysync.domain.rows import Message

WITHHELD: Final = "withheld"  # the codes of messages
MASKED: Final = "masked"
NONE: Final = Masks()


@dataclass(frozen=True, slots=True)
class Cover:
    """What is masked in all that comes from one attempt."""

    masks: Masks = NONE
    sealed: Masks = NONE  # of those the secrets of vaults: not kept even where nobody is shown them
    withheld: str = ""  # why the secrets are not known: then nothing that the work said is kept

    @property
    def known(self) -> Masks | None:
        """What a sink masks by; None where it must leave everything out."""
        return None if self.withheld else self.masks

    def join(self, other: Cover) -> Cover:
        """A cover for what the one or the other covers."""
        return Cover(self.masks.join(other.masks), self.sealed.join(other.sealed), self.withheld or other.withheld)

    def text(self, text: str) -> str:
        """`text` with the secrets in it covered; nothing of it where they are not known."""
        return "" if self.withheld else self.masks.mask_text(text)


def masked_report(report: AttemptReported, masks: Masks | None) -> AttemptReported:
    """A report without secrets; without words where the secrets are not known."""
    if masks is None:
        percent = None if report.progress is None else (report.progress[0], "")
        return AttemptReported(report.run_id, report.attempt, progress=percent)
    if not masks:
        return report
    return replace(
        report,
        progress=report.progress and (report.progress[0], masks.mask_text(report.progress[1])),
        outputs=masked_data(report.outputs, masks),
        messages=masked_messages(report.messages, masks),
    )


def masked_exit(ended: Exit, cover: Cover) -> Exit:
    """The end of an attempt without secrets; sensitive outputs are kept for those that are given them."""
    if cover.withheld:
        return _withheld(ended, cover.withheld)
    told = (text for name in ended.sensitive for text in secrets_in(ended.outputs.get(name)))
    masks = cover.masks.add(islice(told, MOST))
    if not masks:
        return ended
    closed = {name: value for name, value in ended.outputs.items() if name in ended.sensitive}
    others = {name: value for name, value in ended.outputs.items() if name not in closed}
    outputs = {**masked_data(others, masks), **masked_data(closed, cover.sealed)}
    changed = tuple(name for name, value in ended.outputs.items() if outputs.get(name, ...) != value)
    return replace(
        ended,
        error=masks.mask_text(ended.error),
        outputs=outputs,
        messages=(*masked_messages(ended.messages, masks), *_told(changed, masks)),
        sensitive=tuple(cover.sealed.mask_all(ended.sensitive)),
    )


def masked_messages(messages: Iterable[Message], masks: Masks) -> tuple[Message, ...]:
    """Messages without secrets."""
    said = tuple(messages)
    texts = [text for message in said for text in (message.code, message.text)]
    masked = masks.mask_all(texts)
    if masked is texts:
        return said
    pairs = zip(masked[::2], masked[1::2], said, strict=True)
    return tuple(Message(code, text, message.error) for code, text, message in pairs)


def masked_data(value: Any, masks: Masks) -> Any:
    """JSON data without secrets; a number that is one becomes stars."""
    texts = list(_leaves(value))
    masked = masks.mask_all(texts)
    return value if masked is texts else _with(value, zip(texts, masked, strict=True))


def _leaves(value: Any) -> Iterator[str]:
    """Every text in JSON data, names and numbers among them."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield name
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    elif not (value is None or isinstance(value, bool)):
        yield str(value)


def _with(value: Any, pairs: Iterator[tuple[str, str]]) -> Any:
    """The same data with other texts, which come in the order of `_leaves`."""
    if isinstance(value, Mapping):
        return {next(pairs)[1]: _with(item, pairs) for item in value.values()}
    if isinstance(value, list | tuple):
        return [_with(item, pairs) for item in value]
    if value is None or isinstance(value, bool):
        return value
    before, after = next(pairs)
    return value if before == after else after


def _told(changed: tuple[str, ...], masks: Masks) -> tuple[Message, ...]:
    """Whoever is given these outputs gets stars, and should not have to wonder why."""
    if not changed:
        return ()
    names = ", ".join(map(masks.mask_text, changed))
    return (Message(MASKED, f"secrets were masked in the outputs {names}; give a secret on by its reference"),)


def _withheld(ended: Exit, why: str) -> Exit:
    lost = f"; so were its outputs {', '.join(ended.outputs)}" if ended.outputs else ""
    told = Message(WITHHELD, f"what this attempt put out was left out: {why}{lost}")
    return replace(ended, error=ended.error and why, outputs={}, messages=(told,), sensitive=())
