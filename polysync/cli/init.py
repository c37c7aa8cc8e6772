"""`polysync init`: a first configuration, or one made of what another scheduler runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click

from polysync.cli.failure import REFUSED, USAGE, Failure, count, reason_of
from polysync.cli.group import verb
from polysync.cli.sample import SAMPLE
from polysync.cli.schema import text_of_schema
from polysync.cli.session import Session
from polysync.cli.sources import READERS, STDIN, imported
from polysync.config.decode import Loaded, decode
from polysync.config.imports.verdict import Mark, Verdict
from polysync.config.report import problem_data
from polysync.config.where import NAME
from polysync.domain.render import ASCII, Cell, Glyphs, Style, wrapped

SCHEMA_LINE: Final = "#:schema ./polysync.schema.json\n"
SCHEMA: Final = "polysync.schema.json"
STYLES: Final = {Mark.IMPORTED: Style.GOOD, Mark.ADJUSTED: Style.WARN, Mark.SKIPPED: Style.BAD, Mark.NOTE: Style.DIM}
WORDS: Final = {Mark.IMPORTED: "imported", Mark.ADJUSTED: "to check", Mark.SKIPPED: "left out", Mark.NOTE: "noted"}


@verb(
    "init",
    examples=[
        "polysync init",
        "polysync init --from crontab                  what crontab -l prints",
        "polysync init --from crontab /etc/crontab --dry-run",
        "polysync init --from systemd /etc/systemd/system -o units.toml",
    ],
)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option(
    "--from", "kind", type=click.Choice([*READERS]), help="Import from this; FILE may be - for standard input."
)
@click.option("-o", "--output", metavar="FILE", help="Where to write. Default: -c/--config, else ./polysync.toml.")
@click.option("--dry-run", is_flag=True, help="Print the configuration, write nothing.")
@click.option("--force", is_flag=True, help="Overwrite a file that exists.")
@click.pass_obj
def command(session: Session, /, files: Sequence[str], **given: Any) -> int:
    """Start a polysync.toml with an example, or import what another scheduler runs.

    An import accounts for every entry: imported, to check, left out or noted, each with the reason.
    """
    if files and given["kind"] is None:
        raise Failure("what is it?", code="usage", status=USAGE, hint=f"polysync init --from crontab {files[0]}")
    target = Path(session.around.folder) / (given["output"] or session.option("config") or NAME)
    dry = given["dry_run"] or given["output"] == STDIN
    if not dry and not given["force"] and os.path.lexists(target):
        raise _exists(_shown(target, session))
    text, verdicts = _text(session, given["kind"], files)
    loaded = _checked(session, text, target)
    if not dry:
        _write(target.parent / SCHEMA, text_of_schema(), force=True)
        _write(target, text, force=given["force"])  # last: where it stands, all of it was written
    if session.json:
        session.document(_data(None if dry else target, text, verdicts, loaded))
    else:
        _tell(session, None if dry else target, text, verdicts)
    return 0


def _exists(name: str) -> Failure:
    return Failure(
        f"{name} exists already", code="exists", status=REFUSED, hint="--force overwrites it, -o FILE writes another"
    )


def _text(session: Session, kind: str | None, files: Sequence[str]) -> tuple[str, Sequence[Verdict]]:
    if kind is None:
        return SAMPLE.replace("{zone}", session.host_zone), ()
    made = imported(session, kind, files)
    lead = "" if made.toml.startswith("#:schema") else SCHEMA_LINE
    return lead + made.toml, made.verdicts


def _checked(session: Session, text: str, target: Path) -> Loaded:
    """The configuration that is about to be written; one that would be refused is not written."""
    loaded = decode(text, target.name, env=session.around.env, host_zone=session.host_zone, now=session.now)
    if loaded.errors:
        raise Failure(
            "the import made a configuration that would be refused; nothing was written",
            code="invalid_configuration",
            status=USAGE,
            hint="--json shows its text; this is a fault of the import, please report it",
            problems=loaded.errors,
            beside={"toml": text},
        )
    return loaded


def _write(target: Path, text: str, *, force: bool) -> None:
    """Write a file at once or not at all; without `force` one that has come into being meanwhile is kept."""
    place = Path(os.path.realpath(target))
    draft = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _publish(draft, place, force=force)
    except OSError as error:
        raise Failure(f"cannot write {target}: {reason_of(error)}", code="unwritable", status=USAGE) from error
    finally:
        with suppress(OSError):
            draft.unlink()


def _publish(draft: Path, place: Path, *, force: bool) -> None:
    """Give a written file its name; a hard link cannot overwrite what is there."""
    if force:
        draft.replace(place)
        return
    try:
        place.hardlink_to(draft)
    except FileExistsError:
        raise _exists(place.name) from None


def _data(target: Path | None, text: str, verdicts: Sequence[Verdict], loaded: Loaded) -> dict[str, Any]:
    return {
        "written": str(target) if target else None,
        "schema": str(target.parent / SCHEMA) if target else None,
        "toml": text,
        "valid": not loaded.errors,
        "problems": [problem_data(problem) for problem in loaded.problems],
        "verdicts": [
            {
                "path": one.path,
                "line": one.line,
                "entry": one.entry,
                "mark": one.mark.value,
                "name": one.name,
                "reason": one.reason,
            }
            for one in verdicts
        ],
    }


def _tell(session: Session, target: Path | None, text: str, verdicts: Sequence[Verdict]) -> None:
    if target is None:
        session.around.stdout.write(text)  # TOML writes control characters as escapes
        say = session.remark
    else:
        say = session.line
    if not session.quiet:
        for one in verdicts:
            _tell_verdict(session, one, say)
        if verdicts:
            say(_summary(verdicts))
    if target is not None and not session.quiet:
        _next_steps(session, target, imported=bool(verdicts))


def _tell_verdict(session: Session, one: Verdict, say: Any) -> None:
    mark = signs(session.glyphs)[one.mark]
    where = f"{one.path}:{one.line}" if one.line else one.path
    name = (f" {session.glyphs.arrow} ", Cell(one.name, Style.NAME)) if one.name else ()
    entry = "" if one.entry == one.path else one.entry
    say(Cell(f"{mark} ", STYLES[one.mark]), Cell(f"{where}: ", Style.DIM), entry, *name)
    for line in wrapped(one.reason, session.text_width, "    "):
        say(Cell(line, Style.PLAIN if one.mark is Mark.SKIPPED else Style.DIM))


def signs(glyphs: Glyphs) -> dict[Mark, str]:
    """The sign of each verdict; where they cannot be shown, letters that look alike."""
    listed = ("ok", "~", "x", "-") if glyphs is ASCII else (glyphs.good, glyphs.close, glyphs.bad, glyphs.note)
    return dict(zip((Mark.IMPORTED, Mark.ADJUSTED, Mark.SKIPPED, Mark.NOTE), listed, strict=True))


def _summary(verdicts: Sequence[Verdict]) -> str:
    marks = [one.mark for one in verdicts]
    said = ", ".join(f"{marks.count(mark)} {words}" for mark, words in WORDS.items() if mark in marks)
    return f"{count(len(verdicts), 'verdict')}: {said}"


def _next_steps(session: Session, target: Path, *, imported: bool) -> None:
    name = _shown(target, session)
    option = "" if name == NAME else f" -c {name}"
    steps = [
        (f"polysync{option} validate", "checks it"),
        (f"polysync{option} next", "shows what is due"),
        (f"polysync{option} simulate", "shows a week of it"),
    ]
    session.line()
    session.line(Cell(f"{session.glyphs.good} ", Style.GOOD), f"wrote {name}, and {SCHEMA} for your editor")
    session.line("Next: look through it, then" if imported else "Next: edit it, then")
    width = max(len(step) for step, _ in steps)
    for step, words in steps:
        session.line("  ", Cell(step.ljust(width), Style.NAME), f"  {words}")


def _shown(target: Path, session: Session) -> str:
    folder = Path(session.around.folder)
    return str(target.relative_to(folder)) if target.is_relative_to(folder) else str(target)
