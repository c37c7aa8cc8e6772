"""Everything in the file beside jobs and tasks: the daemon, platforms, limits, services, alerts."""

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
from polysync.domain.task import Described, Job, Kept, Process, Task
from polysync.domain.values import (
    JOB_PATTERN,
    NAME_PATTERN,
    UNLIMITED,
    Algorithm,
    Backoff,
    Jitter,
    LogFormat,
    LogLevel,
    OnExceed,
    OnShutdown,
    ProfileType,
    Restart,
    Role,
    Scope,
    VaultType,
    WebhookProfile,
)

SECOND: Final = timedelta(seconds=1)
LABELS: Final = Mapped(Special("label", "true, false, a string or a number", {"type": ["boolean", "string", "number"]}))
ACCOUNTS: Final = Many(Text(pattern=r"@?[A-Za-z0-9_][A-Za-z0-9_.-]*\$?", noun="a user name, or @group"))
WINDOW: Final = Special("window", 'a window such as "22:00-06:00"', {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """The daemon itself: `[daemon]`."""

    data_dir: str | None = key(Text(empty=False), "The home: databases, socket, spools.", None, shown="see File mechanics")
    shutdown_timeout: timedelta = key(Span(), "Budget to stop what must stop.", timedelta(seconds=30))
    on_shutdown: OnShutdown = key(Choice(OnShutdown), "detach: tasks go on and are found again at the next start; stop: they are ended.", OnShutdown.DETACH)
    max_running: int = key(Whole(1, 100_000), "Attempts running at once, all tasks.", 64)
    log_level: LogLevel = key(Choice(LogLevel), "How much the daemon says about itself.", LogLevel.INFO)
    log_format: LogFormat = key(Choice(LogFormat), "auto: readable on a terminal, JSON lines otherwise.", LogFormat.AUTO)
    labels: Mapping[str, Any] = key(LABELS, "Labels of the local platform.", factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduler:
    """The scheduler: `[scheduler]`."""

    timezone: str | None = key(Special("zone", "a time zone name", {"type": "string"}), "Time zone of tasks that name none; default: the host's.", None, shown="the host's")


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """What is kept, and how much: `[storage]`."""

    max_size: int = key(Size(low=1 << 20), "All stored logs; the oldest finished runs go first.", 5 << 30, shown="5gb")
    min_free_space: int = key(Size(), "Below this, new attempts wait and capture degrades.", 500 << 20, shown="500mb")
    compress: bool = key(Flag(), "Compress stored logs.", default=True)
    cleanup_every: timedelta = key(Span(low=SECOND), "How often old runs are removed.", timedelta(hours=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token for the TCP listener; only its hash is kept."""

    name: str = key(Text(pattern=NAME_PATTERN, noun="a name"), "Who holds it.")
    role: Role = key(Choice(Role), "What it allows.", Role.VIEWER)
    sha256: str = key(Text(pattern=r"[0-9a-fA-F]{64}", noun="64 hexadecimal digits"), "Hash of the token.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The TCP listener beside the unix socket: `[api]`."""

    listen: str | None = key(Special("address", "host:port", {"type": "string"}), "Address to listen on; off unless set.", None)
    tls_cert: str = key(Text(), "Certificate file.", "")
    tls_key: str = key(Text(), "Key file.", "")
    metrics: bool = key(Flag(), "Serve /metrics.", default=True)
    token: tuple[Token, ...] = key(Many(Nested(Token)), "Tokens, by their hashes.", ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may do what over the socket; root and the daemon's user are always admin: `[access]`."""

    admins: tuple[str, ...] = key(ACCOUNTS, "User names, or @group.", ())
    operators: tuple[str, ...] = key(ACCOUNTS, "May start and stop, not change.", ())
    viewers: tuple[str, ...] = key(ACCOUNTS, "May look.", ())
    reveal: tuple[str, ...] = key(ACCOUNTS, "May see sensitive parameters and outputs.", ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """How notifications behave: `[notify]`."""

    append_notifiers: tuple[str, ...] = key(Many(Named("notifier")), "Told about every failure besides those named by the task.", ("inapp",))
    coalesce_window: timedelta = key(Span(), "Repeats of one event within this time become one message.", timedelta(hours=1))
    retry_budget: timedelta = key(Span(), "How long a delivery is tried.", timedelta(minutes=5))
    quiet_hours: str | None = key(WINDOW, "Messages wait until the end of this window.", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """Where secrets are read from: `[vaults.NAME]`."""

    name: str
    type: VaultType = key(Choice(VaultType), "Kind of vault.")
    options: Mapping[str, Any] = key(Mapped(Anything()), "Keys of that kind of vault, written beside `type`.", factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRetry:
    """How calls to a platform are repeated; never uses up a run's attempts."""

    attempts: int = key(Whole(0, 100), "Extra calls.", 5)
    delay: timedelta = key(Span(), "Delay before an extra call.", SECOND)
    backoff: Backoff = key(Choice(Backoff, {"fixed": "constant"}), "How the delay grows.", Backoff.EXPONENTIAL)
    max_delay: timedelta = key(Span(), "The longest delay.", timedelta(minutes=1))
    jitter: Jitter = key(Choice(Jitter), "How the delay is spread.", Jitter.FULL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A connection to something that executes work: `[platforms.NAME]`."""

    name: str
    type: str = key(Special("platform_type", "a platform type", {"type": "string"}), "Kind of platform.")
    labels: Mapping[str, Any] = key(LABELS, "What tasks may ask for in `requirements`.", factory=dict)
    max_running: int = key(Whole(1, 100_000), "Attempts running there at once.", UNLIMITED)
    contention: tuple[str, ...] = key(Many(Named("contention"), lone=True), "Shared limits.", ())
    poll_interval: timedelta = key(Span(low=timedelta(milliseconds=100)), "Time between looks at a remote run.", timedelta(seconds=5))
    poll_max: timedelta = key(Span(low=timedelta(milliseconds=100)), "That time for long runs.", timedelta(seconds=60))
    cancel_timeout: timedelta = key(Span(), "How long a remote cancel may take.", timedelta(seconds=60))
    call_retry: CallRetry = key(Nested(CallRetry), "How calls are repeated.", CallRetry())
    options: Mapping[str, Any] = key(Mapped(Anything()), "Keys of that kind of platform, written beside `type`.", factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A shared limit: `[contention.NAME]`."""

    name: str
    type: ProfileType = key(Choice(ProfileType), "A number at once, or a rate.")
    max: int | None = key(Whole(1, 100_000), "concurrency: how many at once.", None)
    algorithm: Algorithm = key(Choice(Algorithm), "rate: token allows bursts, leaky spaces starts evenly.", Algorithm.TOKEN)
    limit: int | None = key(Whole(1, 1_000_000), "rate: starts per window.", None)
    window: timedelta | None = key(Span(low=timedelta(milliseconds=1)), "rate: the window.", None)
    burst: int | None = key(Whole(1, 1_000_000), "rate: starts at once after a quiet time; default: limit.", None)
    scope: Scope = key(Choice(Scope), "Counted per platform or over everything.", Scope.GLOBAL)
    queue_size: int | None = key(Whole(0, 1_000_000), "Runs that may wait for it; default: any number.", None)
    queue_timeout: timedelta | None = key(Span(low=SECOND), "A run that waited this long for it expires.", None)
    on_exceed: OnExceed = key(Choice(OnExceed), "What a run does that finds no room.", OnExceed.QUEUE)
    enabled: bool = key(Flag(), "false: limits nothing.", default=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Days and windows by name: `[calendars.NAME]`."""

    name: str
    dates: tuple[str, ...] = key(Many(Special("date", 'a date such as "2026-12-24", or "12-25" for every year', {"type": "string", "pattern": "^([0-9]{4}-)?[0-9]{2}-[0-9]{2}$"})), "Dates.", ())
    weekdays: tuple[int, ...] = key(Many(Special("weekday", 'a weekday such as "sat"', {"type": "string"})), "Weekdays, every week.", ())
    ics: tuple[str, ...] = key(Many(Special("ics", "a path to an iCalendar file", {"type": "string"}), lone=True), "iCalendar files, read at load.", ())
    windows: tuple[str, ...] = key(Many(WINDOW), "Times of day; one that passes midnight belongs to the day it starts on.", ())
    timezone: str | None = key(Special("zone", "a time zone name", {"type": "string"}), "Time zone of the calendar; default: the task's.", None)
    events: tuple[Any, ...] = ()  # the busy spans of the iCalendar files, read at load


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """How a service is asked whether it is well."""

    command: tuple[str, ...] | None = key(Many(Text(), filled=True), "Program and arguments; exit 0 is well.", None)
    run: str | None = key(Text(substitute=False, empty=False, noun="a script"), "Shell script; exit 0 is well.", None)
    http: str | None = key(Text(pattern=r"https?://\S+", noun="a URL"), "URL; an answer below 400 is well.", None)
    tcp: str | None = key(Special("address", "host:port", {"type": "string"}), "Address; an accepted connection is well.", None)
    every: timedelta = key(Span(low=SECOND), "Time between checks.", timedelta(seconds=10))
    timeout: timedelta = key(Span(low=timedelta(milliseconds=1)), "How long a check may take.", timedelta(seconds=5))
    retries: int = key(Whole(0, 100), "Failed checks in a row that are forgiven.", 2)


@dataclass(frozen=True, kw_only=True)
class Service(Kept, Process, Described):
    """An always-on process: `[services.NAME]`."""

    name: str
    group: str = key(Text(empty=False), "Heading under which it is listed.", "Services")
    instances: int = key(Whole(1, 64), "Copies that run.", 1)
    restart: Restart = key(Choice(Restart), "When it is started again.", Restart.ALWAYS)
    restart_delay: timedelta = key(Span(), "Delay before a restart.", SECOND)
    restart_max_delay: timedelta = key(Span(), "The longest delay.", timedelta(seconds=60))
    restart_backoff: Backoff = key(Choice(Backoff, {"fixed": "constant"}), "How the delay grows.", Backoff.EXPONENTIAL)
    restart_attempts: int = key(Whole(0, 1000), "Fast failures in a row before it is given up; 0: never.", 0)
    healthy_after: timedelta = key(Span(), "Running this long counts as healthy.", timedelta(seconds=60))
    depends_on: tuple[str, ...] = key(Many(Named("service"), lone=True), "Services that start before it and stop after it.", ())
    autostart: bool = key(Flag(), "Start it with the daemon.", default=True)
    enabled: bool = key(Flag(), "false: kept, never started.", default=True)
    health_check: HealthCheck | None = key(Nested(HealthCheck), "How it is asked whether it is well.", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """A channel: `[[notifier]]`."""

    id: str = key(Text(pattern=NAME_PATTERN, noun="a name"), "Its name.")
    type: str = key(Special("notifier_type", "a notifier type", {"type": "string"}), "Kind of channel.")
    options: Mapping[str, Any] = key(Mapped(Anything()), "Keys of that kind of channel, written beside `type`.", factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which events a route takes; every key given must match."""

    events: tuple[str, ...] = key(Many(Special("event", "an event name", {"type": "string"})), "Event names.", ())
    task: str | None = key(Text(empty=False), "Glob pattern of task names.", None)
    group: str | None = key(Text(empty=False), "Glob pattern of groups.", None)
    tag: str | None = key(Text(empty=False), "A tag, or tag=value.", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which events go to which channels: `[[route]]`."""

    match: Match = key(Nested(Match), "Which events.", Match())
    notifiers: tuple[str, ...] = key(Many(Named("notifier"), filled=True), "Where they go.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A task started by a signed call: `[webhooks.NAME]`."""

    name: str
    task: str = key(Named("task"), "The task it starts.")
    profile: WebhookProfile = key(Choice(WebhookProfile), "How the sender signs.", WebhookProfile.GENERIC)
    secret: str = key(Text(empty=False), "The shared secret; a vault reference.", secret=True)
    dedupe_window: timedelta = key(Span(), "Repeats of one delivery within this time start nothing.", timedelta(hours=24))


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A whole configuration: what the file, its includes and the defaults came to."""

    include: tuple[str, ...] = key(Many(Text(empty=False), lone=True), "Glob patterns of further files.", ())
    daemon: Daemon = key(Nested(Daemon), "The daemon itself.", Daemon())
    scheduler: Scheduler = key(Nested(Scheduler), "The scheduler.", Scheduler())
    storage: Storage = key(Nested(Storage), "What is kept, and how much.", Storage())
    api: Api = key(Nested(Api), "The TCP listener.", Api())
    access: Access = key(Nested(Access), "Who may do what over the socket.", Access())
    notify: Notify = key(Nested(Notify), "How notifications behave.", Notify())
    vaults: Mapping[str, Vault] = key(Mapped(Nested(Vault), NAME_PATTERN), "Where secrets are read from.", factory=dict)
    platforms: Mapping[str, Platform] = key(Mapped(Nested(Platform), NAME_PATTERN), "Connections to what executes work.", factory=dict)
    contention: Mapping[str, Profile] = key(Mapped(Nested(Profile), NAME_PATTERN), "Shared limits.", factory=dict)
    calendars: Mapping[str, Calendar] = key(Mapped(Nested(Calendar), NAME_PATTERN), "Days and windows by name.", factory=dict)
    jobs: Mapping[str, Job] = key(Mapped(Nested(Job), JOB_PATTERN), "Templates of work.", factory=dict)
    tasks: Mapping[str, Task] = key(Mapped(Nested(Task), NAME_PATTERN), "Configured instances of work.", factory=dict)
    services: Mapping[str, Service] = key(Mapped(Nested(Service), NAME_PATTERN), "Always-on processes.", factory=dict)
    notifier: tuple[Notifier, ...] = key(Many(Nested(Notifier)), "Channels.", ())
    route: tuple[Route, ...] = key(Many(Nested(Route)), "Which events go to which channels.", ())
    webhooks: Mapping[str, Webhook] = key(Mapped(Nested(Webhook), NAME_PATTERN), "Tasks started by signed calls.", factory=dict)
    zone: str = "UTC"  # the zone that applies where a task names none: [scheduler], else the host's
