"""The small words of the domain: closed choices, and the values that definitions are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

NAME_PATTERN: Final = r"(?!\d+\Z)[A-Za-z0-9][A-Za-z0-9._:-]{0,99}"  # not all digits: a number is a run id
JOB_PATTERN: Final = NAME_PATTERN + r"(?:@[1-9]\d{0,8})?"
SHELL_PLATFORMS: Final = frozenset({"local", "ssh", "slurm", "ray", "kubernetes", "docker"})  # run any script
UNLIMITED: Final = 1024  # what "unlimited" concurrency means: the bound that a typo cannot pass


class Catchup(StrEnum):
    """Which missed slots still run."""

    LATEST = "latest"
    ALL = "all"
    SKIP = "skip"


class Overlap(StrEnum):
    """What a due run does when its task is already running at its limit."""

    QUEUE = "queue"
    SKIP = "skip"
    TERMINATE = "terminate"


class Gap(StrEnum):
    """What happens to a local time that a clock change leaves out."""

    AUTO = "auto"
    AFTER = "after"
    SKIP = "skip"


class Fold(StrEnum):
    """What happens to a local time that a clock change repeats."""

    AUTO = "auto"
    FIRST = "first"
    SECOND = "second"
    BOTH = "both"


class DayMatch(StrEnum):
    """How day-of-month and day-of-week combine."""

    AUTO = "auto"
    ANY = "any"
    ALL = "all"


class Roll(StrEnum):
    """Where a slot goes that falls on a day its calendars leave out."""

    SKIP = "skip"
    NEXT = "next"
    PREVIOUS = "previous"


class Backoff(StrEnum):
    """How the delay grows from one extra attempt to the next."""

    CONSTANT = "constant"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"


class Jitter(StrEnum):
    """How a retry delay is spread."""

    NONE = "none"
    FULL = "full"
    EQUAL = "equal"


class RetryPreset(StrEnum):
    """A ready-made set of retry policies."""

    NONE = "none"
    BY_OUTCOME = "by_outcome"


class Outcome(StrEnum):
    """What one attempt came to."""

    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    INTERMEDIATE = "intermediate"
    FATAL = "fatal"
    CANCELLED = "cancelled"


class Trigger(StrEnum):
    """Why a run was created."""

    CRON = "cron"
    CATCHUP = "catchup"
    MANUAL = "manual"
    DEPENDENCY = "dependency"
    EVENT = "event"
    WEBHOOK = "webhook"
    FILE = "file"
    CHILD = "child"
    RERUN = "rerun"
    BACKFILL = "backfill"
    SERVICE = "service"
    STARTUP = "startup"


class OnStart(StrEnum):
    """Whether a task runs when the daemon starts."""

    NO = "no"
    DAEMON = "daemon"
    BOOT = "boot"


class Mode(StrEnum):
    """Whether a task runs or only lends its keys."""

    RUN = "run"
    TEMPLATE = "template"


class EdgeOn(StrEnum):
    """Which end of an upstream run counts for a dependency."""

    SUCCESS = "success"
    FAILURE = "failure"
    COMPLETION = "completion"
    SKIPPED = "skipped"


class UpstreamFailure(StrEnum):
    """What a join does when an upstream run ended in a way that does not count."""

    WAIT = "wait"
    SKIP = "skip"
    FAIL = "fail"


class OnUnknown(StrEnum):
    """What to do about a remote start whose fate cannot be known."""

    FAIL = "fail"
    RETRY = "retry"


class Restart(StrEnum):
    """When a process is started again."""

    NEVER = "never"
    ON_FAILURE = "on_failure"
    ALWAYS = "always"


class OnStale(StrEnum):
    """What happens to a run without a sign of life."""

    ALERT = "alert"
    KILL = "kill"


class EnvBase(StrEnum):
    """The environment that a process starts from."""

    INHERIT = "inherit"
    CLEAN = "clean"


class LogFull(StrEnum):
    """What happens when a run's log reaches its limit."""

    DROP_OLD = "drop_old"
    DROP_NEW = "drop_new"
    KILL_TASK = "kill_task"


class Signal(StrEnum):
    """The signal that asks a process to stop."""

    HUP = "HUP"
    INT = "INT"
    QUIT = "QUIT"
    TERM = "TERM"
    USR1 = "USR1"
    USR2 = "USR2"
    KILL = "KILL"


class OnShutdown(StrEnum):
    """What happens to running tasks when the daemon stops."""

    DETACH = "detach"
    STOP = "stop"


class LogLevel(StrEnum):
    """How much the daemon says about itself."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How the daemon's own messages look."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class ParamType(StrEnum):
    """The type of a parameter."""

    STRING = "string"
    SECRET = "secret"  # noqa: S105 - the name of a type, not a secret
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    JSON = "json"
    LIST = "list"


class Direction(StrEnum):
    """Whether a parameter is sent, read back, or both."""

    IN = "in"
    OUT = "out"
    INOUT = "inout"


class ProfileType(StrEnum):
    """What a contention profile limits."""

    CONCURRENCY = "concurrency"
    RATE = "rate"


class Scope(StrEnum):
    """Whether a contention profile counts per platform or over everything."""

    PLATFORM = "platform"
    GLOBAL = "global"


class OnExceed(StrEnum):
    """What a run does when a contention profile has no room."""

    QUEUE = "queue"
    REJECT = "reject"
    DEFER = "defer"


class Algorithm(StrEnum):
    """How a rate is measured."""

    TOKEN = "token"  # noqa: S105 - the name of an algorithm, not a secret
    LEAKY = "leaky"


class Role(StrEnum):
    """What somebody on the socket may do."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class VaultType(StrEnum):
    """Where a vault keeps its secrets."""

    ENV = "env"
    FILE = "file"
    COMMAND = "command"
    KEYRING = "keyring"
    HASHICORP = "hashicorp"
    AWS = "aws"
    AZURE = "azure"
    GOOGLE = "google"


class WebhookProfile(StrEnum):
    """How a webhook's sender signs its calls."""

    GENERIC = "generic"
    GITHUB = "github"


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the three clocks, taken together; everything that decides is handed one."""

    wall: datetime  # aware, UTC
    monotonic: timedelta  # stands still while the host sleeps, never steps
    boot: timedelta  # goes on while the host sleeps, never steps


@dataclass(frozen=True, slots=True)
class Quorum:
    """How many of a task's dependencies must be met: all, any, a count or a percentage."""

    need: int | None = None  # None: all of them
    percent: bool = False

    def of(self, edges: int) -> int:
        """The number of edges, out of `edges`, that must be met; a percentage rounds up."""
        if self.need is None:
            return edges
        wanted = -(-edges * self.need // 100) if self.percent else self.need
        return max(1, min(edges, wanted))


@dataclass(frozen=True, slots=True)
class Codes:
    """A set of exit codes, kept as inclusive ranges."""

    ranges: tuple[tuple[int, int], ...] = ()

    def __contains__(self, code: object) -> bool:
        if isinstance(code, int):
            for low, high in self.ranges:  # four times as fast as any(), and each exit asks four times
                if low <= code <= high:
                    return True
        return False


@dataclass(frozen=True, slots=True)
class NeverOn:
    """What is never retried: exit codes, and substrings of the error text in any case."""

    codes: Codes = Codes()
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """The value that a task gives one parameter: a literal, a vault reference, an output or a state key."""

    value: Any = None
    vault: str | None = None  # the vault://… reference, where it is one
    upstream: str | None = None  # the task whose output is taken
    output: str | None = None
    state: str | None = None  # the key in the state store
    default: Any = None
    has_default: bool = False
    type: ParamType | None = None
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """What an implicit shell job executes: a script for the shell, or an argument list without one."""

    script: str | None = None
    argv: tuple[str, ...] = field(default=())


Tags = Mapping[str, str]
