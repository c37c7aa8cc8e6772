"""A crontab as a polysync.toml: what cron would have run, when, and in which surroundings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from polysync.config.imports import agreement, crontab_task
from polysync.config.imports import crontab_lines as lines
from polysync.config.imports.crontab_command import split_percent
from polysync.config.imports.crontab_schedule import Schedule
from polysync.config.imports.crontab_settings import Surroundings, apply
from polysync.config.imports.naming import Names, from_command
from polysync.config.imports.render import Table, document
from polysync.config.imports.verdict import Imported, Mark, Verdict
from polysync.config.imports.wording import entry_text, names_secret, printable
from polysync.domain.errors import ValueProblem

TWICE: Final = "take the line out of the crontab when this task is live, or it runs twice"
_COMMENTED_OUT: Final = re.compile(
    r"(?:@(?:reboot|hourly|daily|midnight|weekly|monthly|yearly|annually)"
    r"|[-*\d,/~]+[ \t]+[-*\d,/~]+(?:[ \t]+[-*\dA-Za-z,/~]+){3})[ \t]+\S"
)


@dataclass(slots=True)
class _Import:
    """The crontab read so far."""

    path: str
    last_entry: int
    user_column: bool
    opinion: agreement.Opinion | None
    at: Surroundings = field(default_factory=Surroundings)
    names: Names = field(default_factory=Names)
    above: list[str] = field(default_factory=list)  # the comment directly above
    tables: list[Table] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    def say(self, line: int, text: str, mark: Mark, reason: str, name: str | None = None) -> None:
        self.verdicts.append(Verdict(self.path, line, entry_text(text), mark, name, reason))

    def take(self, line: lines.Line) -> None:
        match line:
            case lines.Comment():
                self.comment(line)
                return
            case lines.Setting():
                self.setting(line)
            case lines.Entry():
                self.entry(line)
            case lines.Broken():
                self.say(line.line, line.text, Mark.SKIPPED, line.reason)
        self.above = []

    def comment(self, line: lines.Comment) -> None:
        if _COMMENTED_OUT.match(line.text):
            self.say(line.line, f"# {line.text}", Mark.NOTE, "an entry that is commented out; it stays out")
            self.above = []
        elif lines.is_header(line.text):
            self.above = []
        else:
            self.above.append(printable(line.text))

    def setting(self, line: lines.Setting) -> None:
        effect = apply(self.at, line.name, line.value)
        shown = f"{line.name}=***" if names_secret(line.name) else line.text
        if line.line > self.last_entry:
            self.say(line.line, shown, Mark.NOTE, "no entry follows it, so it changes nothing")
            return
        self.at = effect.after
        self.say(line.line, shown, effect.mark, effect.reason)

    def entry(self, line: lines.Entry) -> None:
        try:
            name, notes = self.task(line)
        except ValueProblem as problem:
            self.say(line.line, line.text, Mark.SKIPPED, problem.message)
            return
        self.say(line.line, line.text, Mark.ADJUSTED if notes else Mark.IMPORTED, "; ".join((*notes, TWICE)), name)

    def task(self, line: lines.Entry) -> tuple[str, list[str]]:
        """Add the task of one entry: its name, and what a person should check about it."""
        account, rest = lines.split_account(line.rest) if self.user_column else (lines.owner_of(self.path), line.rest)
        flags, rest = lines.split_flags(rest)
        command = split_percent(rest)
        crontab_task.check(line, account, command, self.at)
        name = self.names.free(from_command(command.text))
        plan = crontab_task.schedule(line)
        notes = [*plan.notes, *self.second_look(plan, name), *crontab_task.remarks(line, command, flags)]
        keys = crontab_task.keys(plan, command, account, self.at, self.above, one_copy="s" in flags)
        self.tables.append(Table(("tasks", self.names.take(name)), keys, (f"{self.path}:{line.line}",)))
        return name, notes

    def second_look(self, plan: Schedule, name: str) -> list[str]:
        """Raise ValueProblem for a schedule that would be refused; say where another reading differs."""
        if not plan.cron:
            return []
        agreement.check(plan.cron, name)
        differs = agreement.disagreement(plan.cron, name, self.opinion) if self.opinion else ""
        return [differs] if differs else []


def _preface(path: str, source: _Import, guess: str) -> list[Verdict]:
    """What is to be said about the file as a whole."""
    said = []
    if source.tables:
        said.append(f"{len(source.tables)} tasks; as long as their lines stay in the crontab, cron runs them too")
    if guess:
        how = "entries are read with a user column" if source.user_column else "entries are read without a user column"
        said.append(f"{how}: {guess}")
    if any("user" in table.keys for table in source.tables):
        said.append("its tasks name a user, so the daemon must run as root")
    if path.rpartition("/")[2] == "anacrontab":
        said.append('an anacrontab is not a crontab; write each line as a task with cron = "@daily" or the like')
    return [Verdict(path, 0, entry_text(path), Mark.NOTE, None, reason) for reason in said]


def from_crontab(
    text: str,
    path: str,
    *,
    system: bool | None = None,
    zone: str | None = None,
    second_opinion: agreement.Opinion | None = None,
) -> Imported:
    """The tasks of a crontab; `system` says whether it has a user column, None lets path and content decide."""
    read = list(lines.read_lines(text))
    column, guess = lines.has_user_column(read, path) if system is None else (system, "")
    entries = [line for line in read if isinstance(line, lines.Entry)]
    source = _Import(path, entries[-1].line if entries else 0, column, second_opinion)
    for line in read:
        source.take(line)
    intro = [
        f"Imported from the crontab {path}.",
        "Each task runs as under cron: clean environment, no catch-up, copies may overlap.",
    ]
    scheduler = [Table(("scheduler",), {"timezone": zone})] if zone else []
    verdicts = (*_preface(path, source, guess if entries else ""), *source.verdicts)
    return Imported(document(intro, [*scheduler, *source.tables]), verdicts)
