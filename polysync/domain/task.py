"""A task and a job as the user defined them: every key of their tables, once.

The groups of keys are classes of their own because services share some of them; they have no
`__slots__` because Python cannot combine several slotted bases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from polysync.domain.shape import (
    Anything,
    Choice,
    Flag,
    Many,
    Mapped,
    Named,
    Nested,
    Size,
    Span,
    Special,
    Text,
    Whole,
    key,
)
from polysync.domain.values import (
    JOB_PATTERN,
    NAME_PATTERN,
    UNLIMITED,
    Backoff,
    Catchup,
    Codes,
    DayMatch,
    Direction,
    EdgeOn,
    EnvBase,
    Fold,
    Gap,
    Jitter,
    LogFull,
    Mode,
    NeverOn,
    OnStale,
    OnStart,
    OnUnknown,
    Overlap,
    Parameter,
    ParamType,
    Quorum,
    Restart,
    RetryPreset,
    Roll,
    Signal,
    Tags,
    UpstreamFailure,
)

SECOND: Final = timedelta(seconds=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)  # a retry further away than this is a schedule
PRIORITIES: Final = {"low": -10, "normal": 0, "high": 10}
NAMES: Final = Many(Text(pattern=NAME_PATTERN, noun="a name"))
NOTIFIERS: Final = Many(Named("notifier"))
CODES: Final = Special(
    "codes",
    'exit codes 0 to 255, and ranges such as "10-19"',
    {"type": "array", "items": {"type": ["integer", "string"]}},
)
TAGS: Final = Special(
    "tags",
    "a list of words, or a table of words",
    {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "object", "additionalProperties": {"type": "string"}}]},
)
PARAMETERS: Final = Special("parameters", "a table of parameter values", {"type": "object"})
NEVER: Final = timedelta.max  # "forever": no age is older


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A file trigger: which files start the task, and when they count as complete."""

    paths: tuple[str, ...] = key(Many(Text(empty=False), lone=True, filled=True), "Glob patterns of the files that start the task.")
    settle: timedelta = key(Span(), "How long a file must have stopped changing.", timedelta(seconds=10))
    marker: str | None = key(Text(empty=False), "Glob pattern of a file that says that its neighbour is complete.", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A dependency on another task."""

    task: str = key(Named("task"), "The task upstream.")
    on: EdgeOn = key(Choice(EdgeOn), "Which end of its run counts.", EdgeOn.SUCCESS)
    when: str | None = key(Special("expression", "a condition", {"type": "string"}), "A condition over outputs, state and parameters.", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryOverride:
    """The retry keys of one outcome; what is not set here comes from the task."""

    retry_attempts: int | None = key(Whole(-1, 100), "Extra attempts after this outcome.", None)
    retry_delay: timedelta | None = key(Span(high=WEEK), "Delay before an extra attempt.", None)
    retry_backoff: Backoff | None = key(Choice(Backoff, {"fixed": "constant"}), "How the delay grows.", None)
    retry_max_delay: timedelta | None = key(Span(high=WEEK), "The longest delay.", None)
    retry_jitter: Jitter | None = key(Choice(Jitter), "How the delay is spread.", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryOn:
    """Retry policies by outcome."""

    failed: RetryOverride | None = key(Nested(RetryOverride), "Policy after a failure.", None)
    timeout: RetryOverride | None = key(Nested(RetryOverride), "Policy after a timeout.", None)
    crashed: RetryOverride | None = key(Nested(RetryOverride), "Policy after an execution vanished.", None)
    intermediate: RetryOverride | None = key(Nested(RetryOverride), "Policy after a temporary failure that the work reported.", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """When a person has to agree."""

    before: bool = key(Flag(), "Ask before the run starts.", default=False)
    after: bool = key(Flag(), "Ask before the result counts.", default=False)
    ttl: timedelta = key(Span(low=SECOND), "How long a decision may take.", timedelta(minutes=10))
    request_changes: int = key(Whole(0, 100), "How many times changes may be requested.", 3)
    reason: str | None = key(Text(), "What the person is told.", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyOn:
    """Notifiers for events beyond failure and success."""

    recovered: tuple[str, ...] = key(NOTIFIERS, "The first success after a failure.", ())
    each_attempt: tuple[str, ...] = key(NOTIFIERS, "Every failed attempt, not only the last.", ())
    missed: tuple[str, ...] = key(NOTIFIERS, "Slots that passed while the daemon was down.", ())
    approval: tuple[str, ...] = key(NOTIFIERS, "An approval is wanted.", ())


@dataclass(frozen=True, kw_only=True)
class Described:
    """Keys for display and filters."""

    title: str | None = key(Text(), "Name shown to people.", None)
    description: str | None = key(Text(), "What it is for.", None)
    group: str = key(Text(empty=False), "Heading under which it is listed.", "Tasks")
    tags: Tags = key(TAGS, "Labels for filters.", factory=dict)
    unlisted: bool = key(Flag(), "Shown only with --all.", default=False)


@dataclass(frozen=True, kw_only=True)
class Process:
    """Keys of a process on a host."""

    run: str | None = key(Text(substitute=False, noun="a script"), "Shell script, one or more lines.", None)
    command: tuple[str, ...] | None = key(Many(Text(run_variables=True), filled=True), "Program and arguments, without a shell.", None)
    env: Mapping[str, str] = key(Special("environment", "a table of strings", {"type": "object", "additionalProperties": {"type": "string"}}), "Environment variables.", factory=dict, inherit=True)
    env_file: tuple[str, ...] = key(Many(Text(empty=False), lone=True), "Files of NAME=value lines, read at dispatch, under `env`.", (), inherit=True)
    secrets: Mapping[str, str] = key(Special("secrets", "a table of vault references", {"type": "object", "additionalProperties": {"type": "string", "pattern": "^vault://"}}), "Environment variables from vaults, fetched at dispatch and never stored.", factory=dict, inherit=True)
    env_base: EnvBase = key(Choice(EnvBase), "Start from the daemon's environment or from a clean one.", EnvBase.INHERIT, inherit=True)
    working_dir: str | None = key(Text(empty=False), "Where it runs; default: the folder of the configuration file.", None, inherit=True)
    shell: str = key(Text(pattern=r"/.*", noun="an absolute path"), "The shell that runs `run`.", "/bin/sh", inherit=True)
    user: str | None = key(Text(pattern=r"[A-Za-z0-9_][A-Za-z0-9_.-]*\$?(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?", noun="a user name, or user:group"), "Run as this user; the daemon must be root.", None, inherit=True)
    umask: str | None = key(Text(pattern=r"0?[0-7]{3}", noun='an octal mask such as "027"'), "File mode mask.", None, inherit=True)
    nice: int | None = key(Whole(-20, 19), "CPU niceness.", None, inherit=True)
    memory_max: int | None = key(Size(low=1 << 20), "Memory limit of the whole process tree.", None, inherit=True)
    cpu_max: float | None = key(Special("cpu", 'a number of cores such as 1.5, or a percentage such as "150%"', {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?%$"}]}), "CPU limit of the whole process tree, in cores.", None, inherit=True)
    max_processes: int | None = key(Whole(1, 4_194_304), "Limit on the number of processes.", None, inherit=True)
    stop_signal: Signal = key(Choice(Signal, {"SIG" + s.value: s.value for s in Signal}), "Signal that asks it to stop.", Signal.TERM, inherit=True)
    graceful_stop: timedelta = key(Span(high=DAY), "Time between that signal and SIGKILL; 0s kills at once.", timedelta(seconds=5), inherit=True)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Keys for logs, history and notifications."""

    log_max_size: int = key(Size(low=1024), "Stored log per run, all attempts together.", 100 << 20, inherit=True, shown="100mb")
    log_on_full: LogFull = key(Choice(LogFull), "What happens at that size.", LogFull.DROP_OLD, inherit=True)
    keep_runs: int | None = key(Whole(1, 1_000_000, {"all": None}), "How many finished runs are kept.", None, inherit=True, shown="all")
    keep_for: timedelta = key(Span(low=SECOND, words={"forever": NEVER}), "How long finished runs are kept.", timedelta(days=30), inherit=True)
    notify_on_failure: tuple[str, ...] = key(NOTIFIERS, "Told when a run ends failed, timeout, crashed or dead.", (), inherit=True)
    notify_on_success: tuple[str, ...] = key(NOTIFIERS, "Told when a run succeeds.", (), inherit=True)
    notify_on: NotifyOn = key(Nested(NotifyOn), "Told about other events.", NotifyOn(), inherit=True)


@dataclass(frozen=True, kw_only=True)
class Scheduled:
    """Keys that say when a task runs."""

    cron: tuple[str, ...] = key(Many(Special("cron", "a cron expression", {"type": "string"}), lone=True), "One or more cron expressions.", ())
    watch: Watch | None = key(Nested(Watch), "Files that start the task.", None)
    on_event: tuple[str, ...] = key(Many(Text(pattern=NAME_PATTERN, noun="a name"), lone=True), "Named events that start the task.", ())
    timezone: str | None = key(Special("zone", "a time zone name", {"type": "string"}), "Time zone of its schedules; default: [scheduler] timezone.", None, inherit=True)
    jitter: timedelta = key(Span(high=DAY), "A start may slip up to this far, always the same for one slot.", timedelta(0), inherit=True)
    catch_up: Catchup = key(Choice(Catchup), "Which slots run that passed while the daemon was down.", Catchup.LATEST, inherit=True)
    max_catch_up_runs: int = key(Whole(1, 10_000), 'The most runs that `catch_up = "all"` starts for one gap.', 100, inherit=True)
    start_deadline: timedelta | None = key(Span(low=SECOND), "A slot later than this is skipped.", None, inherit=True)
    dst_gap: Gap = key(Choice(Gap), "Local times that a clock change leaves out.", Gap.AUTO, inherit=True)
    dst_fold: Fold = key(Choice(Fold), "Local times that a clock change repeats.", Fold.AUTO, inherit=True)
    day_match: DayMatch = key(Choice(DayMatch), "How day-of-month and day-of-week combine.", DayMatch.AUTO, inherit=True)
    only_on: tuple[str, ...] = key(Many(Named("calendar"), lone=True), "Slots count only inside these calendars.", (), inherit=True)
    skip_on: tuple[str, ...] = key(Many(Named("calendar"), lone=True), "Slots inside these calendars do not run.", (), inherit=True)
    roll: Roll = key(Choice(Roll), "Where such a slot goes.", Roll.SKIP, inherit=True)
    start_after: timedelta = key(Span(high=timedelta(days=366)), "Wait this long after being due.", timedelta(0), inherit=True)
    expires_after: timedelta | None = key(Span(low=SECOND), "Not started within this time after being due: expired.", None, inherit=True)
    run_on_start: OnStart = key(Special("on_start", 'true, false or "boot"', {"enum": [True, False, "boot"]}), "Run at each daemon start, or once per boot of the host.", OnStart.NO, shown="false")


@dataclass(frozen=True, kw_only=True)
class Joined:
    """Keys that say what a task waits for."""

    depends_on: tuple[Edge, ...] = key(Special("edges", "a list of task names or { task, on, when }", {"type": "array", "items": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/Edge"}]}}), "Tasks upstream.", ())
    depends_mode: Quorum = key(Special("quorum", '"all", "any", a number or "60%"', {"anyOf": [{"enum": ["all", "any"]}, {"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[1-9][0-9]?%$|^100%$"}]}), "How many of them must be met.", Quorum(), shown="all")
    depends_trigger: bool = key(Flag(), "true: they start the task; false: they hold back a run that something else created.", default=True)
    depends_max_age: timedelta | None = key(Span(low=SECOND), "An upstream run older than this does not count.", None)
    on_upstream_failure: UpstreamFailure = key(Choice(UpstreamFailure), "What happens when an upstream run ends another way.", UpstreamFailure.WAIT)
    max_turns: int = key(Whole(0, 10_000), "Turns of a loop through this task; 0 makes a cycle an error.", 0)


@dataclass(frozen=True, kw_only=True)
class Limited:
    """Keys that say how much runs at once, and how long."""

    max_concurrent: int = key(Whole(1, UNLIMITED, {"unlimited": UNLIMITED}), "Runs of this task at once.", 1, inherit=True)
    on_overlap: Overlap = key(Choice(Overlap), "What a due run does at that limit.", Overlap.QUEUE, inherit=True)
    queue_max: int = key(Whole(1, 10_000), "Runs that may wait; one more is skipped.", 100, inherit=True)
    priority: int = key(Whole(-100, 100, PRIORITIES), "Higher goes first.", 0, inherit=True)
    contention: tuple[str, ...] = key(Many(Named("contention"), lone=True), "Shared limits that each attempt takes part in.", (), inherit=True)
    locks: tuple[str, ...] = key(Many(Text(empty=False, run_variables=True), lone=True), "Exclusive named locks held for the whole run.", (), inherit=True)
    requirements: Mapping[str, Any] = key(Mapped(Special("label", "true, false, a string or a number", {"type": ["boolean", "string", "number"]})), "Labels that the platform must carry.", factory=dict)
    timeout: timedelta | None = key(Span(low=timedelta(milliseconds=1), words={"none": None}), "The longest one attempt may take.", None, inherit=True)
    max_duration: timedelta | None = key(Span(low=timedelta(milliseconds=1), words={"none": None}), "The longest all attempts together may take.", None, inherit=True)
    stale_after: timedelta | None = key(Span(low=SECOND), "No sign of life for this long counts as stale.", None, inherit=True)
    on_stale: OnStale = key(Choice(OnStale), "What happens to a stale run.", OnStale.ALERT, inherit=True)


@dataclass(frozen=True, kw_only=True)
class Retried:
    """Keys that say what an exit means, and what follows from it."""

    on_unknown: OnUnknown = key(Choice(OnUnknown), "A remote start whose fate cannot be known.", OnUnknown.FAIL, inherit=True)
    retry_enabled: bool = key(Flag(), "false: no retries, the settings stay.", default=True, inherit=True)
    retry_attempts: int = key(Whole(-1, 100), "Extra attempts after the first; -1 for no limit.", 0, inherit=True)
    retry_delay: timedelta = key(Span(high=WEEK), "Delay before an extra attempt.", timedelta(seconds=5), inherit=True)
    retry_max_delay: timedelta = key(Span(high=WEEK), "The longest delay.", HOUR, inherit=True)
    retry_jitter: Jitter = key(Choice(Jitter), "How the delay is spread.", Jitter.NONE, inherit=True)
    retry_backoff: Backoff = key(Choice(Backoff, {"fixed": "constant"}), "How the delay grows.", Backoff.CONSTANT, inherit=True)
    retry_preset: RetryPreset = key(Choice(RetryPreset), "by_outcome: 15s exponential up to 1h; 5 extra attempts after a timeout, 10 after an intermediate failure, 5 after a failure.", RetryPreset.NONE, inherit=True)
    retry_on: RetryOn = key(Nested(RetryOn), "Policies by outcome.", RetryOn(), inherit=True)
    retry_never_on: NeverOn = key(Special("never_on", "exit codes, ranges, or parts of the error text", {"type": "array", "items": {"type": ["integer", "string"]}}), "Failures that are never retried.", NeverOn(), inherit=True)
    success_codes: Codes = key(CODES, "Exit codes of success.", Codes(((0, 0),)), inherit=True, shown="[0]")
    skip_codes: Codes = key(CODES, "Exit codes that mean: there was nothing to do.", Codes(), inherit=True)
    fatal_codes: Codes = key(CODES, "Exit codes of a failure that no retry can mend.", Codes(), inherit=True)
    intermediate_codes: Codes = key(CODES, "Exit codes of a temporary failure.", Codes(((75, 75),)), inherit=True, shown="[75]")
    dead_letter: bool = key(Flag(), "Retries used up: keep the run as dead until somebody decides.", default=False, inherit=True)
    restart: Restart = key(Special("task_restart", '"never" or "on_failure"', {"enum": ["never", "on_failure"]}), "on_failure: try again without limit.", Restart.NEVER)


@dataclass(frozen=True, kw_only=True)
class Task(Scheduled, Joined, Limited, Retried, Kept, Process, Described):
    """A configured instance of a job, or a script of its own: `[tasks.NAME]`."""

    name: str
    job: str | None = key(Text(pattern=JOB_PATTERN, noun="the name of a job"), "The job it is an instance of; name@version for a version.", None)
    platform: str | None = key(Named("platform"), "Where it runs; default: the job's, else local.", None)
    settings: Mapping[str, Any] = key(Mapped(Anything(run_variables=True)), "Adapter settings, over the job's, over the platform's.", factory=dict)
    parameters: Mapping[str, Parameter] = key(PARAMETERS, "Values of the job's parameters.", factory=dict)
    category: str | None = key(Text(), "Free word for filters.", None)
    subject: str | None = key(Text(), "What the run is about, for filters.", None)
    extends: str | None = key(Named("template"), 'A task with mode = "template" whose keys it inherits.', None)
    mode: Mode = key(Choice(Mode), "template: never runs, only lends its keys.", Mode.RUN)
    enabled: bool = key(Flag(), "false: kept, but never fires.", default=True)
    api_trigger: bool = key(Flag(), "false: nobody can start it by hand.", default=True)
    approval: Approval | None = key(Nested(Approval), "When a person has to agree.", None)
    expect_success_within: timedelta | None = key(Span(low=SECOND), "Alert when no run succeeded for this long.", None, inherit=True)
    must_start_by: timedelta | None = key(Span(low=SECOND), "Alert when a run has not started this long after its slot.", None, inherit=True)
    warn_after: timedelta | None = key(Span(low=SECOND), "Alert when a run takes longer.", None, inherit=True)
    heartbeat_url: str | None = key(Text(pattern=r"https?://\S+", noun="a URL"), "Pinged at start, success and failure.", None, inherit=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobParameter:
    """One entry of a job's parameter schema."""

    type: ParamType = key(Choice(ParamType), "Its type.", ParamType.STRING)
    default: Any = key(Anything(), "Its value where the task gives none.", None)
    required: bool = key(Flag(), "The task must give a value.", default=False)
    choices: tuple[Any, ...] = key(Many(Anything()), "The only values accepted.", ())
    direction: Direction = key(Choice(Direction), "Sent, read back, or both.", Direction.IN)
    sensitive: bool = key(Flag(), "Shown as ***.", default=False)
    description: str | None = key(Text(), "What it is for.", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A template of one artefact on one platform: `[jobs.NAME]`. Never runs by itself."""

    name: str
    platform: str = key(Named("platform"), "Where it runs.", "local")
    type: str = key(Text(empty=False), "Kind of artefact, as the platform names it.", "shell")
    external_id: str | None = key(Text(empty=False), "The artefact's id on the platform.", None)
    title: str | None = key(Text(), "Name shown to people.", None)
    description: str | None = key(Text(), "What it is for.", None)
    tags: Tags = key(TAGS, "Labels for filters.", factory=dict)
    unlisted: bool = key(Flag(), "Shown only with --all.", default=False)
    contention: tuple[str, ...] = key(Many(Named("contention"), lone=True), "Shared limits.", ())
    settings: Mapping[str, Any] = key(Mapped(Anything(run_variables=True)), "Adapter settings, over the platform's.", factory=dict)
    parameters: Mapping[str, JobParameter] = key(Mapped(Nested(JobParameter)), "Its parameter schema.", factory=dict)
