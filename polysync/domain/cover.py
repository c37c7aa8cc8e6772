"""What an attempt says about itself, with its secrets covered, before anything decides or remembers it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from polysync.domain.inputs import AttemptReported
from polysync.domain.masking import Masks
from polysync.domain.outcome import Exit
from polysync.domain.params import text_of
from polysync.domain.rows import Message

WITHHELD: Final = "withheld"  # the codes of messages
MASKED: Final = "masked"


@dataclass(frozen=True, slots=True)
class Cover:
    """What is masked in all that comes from one attempt."""

    masks: Masks = Masks()
    sealed: Masks = Masks()  # of those the secrets of vaults: not kept even where nobody is shown them
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


def secrets_in(value: Any) -> Iterator[str]:
    """What is to be masked of a sensitive value: all of it as one text, and whatever stands in it."""
    if value is None or isinstance(value, bool):
        return  # there are too few of them to be a secret
    yield text_of(value)
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for item in items:
        yield from secrets_in(item)


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
    masks = cover.masks.add(text for name in ended.sensitive for text in secrets_in(ended.outputs.get(name)))
    if not masks:
        return ended
    outputs = {
        masks.mask_text(name): masked_data(value, cover.sealed if name in ended.sensitive else masks)
        for name, value in ended.outputs.items()
    }
    changed = tuple(name for name, value in ended.outputs.items() if outputs.get(name) != value)
    return replace(
        ended,
        error=masks.mask_text(ended.error),
        outputs=outputs,
        messages=(*masked_messages(ended.messages, masks), *_told(changed, masks)),
        sensitive=tuple(map(masks.mask_text, ended.sensitive)),
    )


def masked_messages(messages: Iterable[Message], masks: Masks) -> tuple[Message, ...]:
    """Messages without secrets."""
    return tuple(replace(said, code=masks.mask_text(said.code), text=masks.mask_text(said.text)) for said in messages)


def masked_data(value: Any, masks: Masks) -> Any:
    """JSON data without secrets; a number that is one becomes stars."""
    if isinstance(value, Mapping):
        return {masks.mask_text(name): masked_data(item, masks) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked_data(item, masks) for item in value]
    if value is None or isinstance(value, bool):
        return value
    text = text_of(value)
    masked = masks.mask_text(text)
    return value if masked == text else masked


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
