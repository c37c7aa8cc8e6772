"""A key that does not exist: what was probably meant, or where it belongs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from polysync.config.findings import Findings
from polysync.config.lines import KeyPath
from polysync.config.suggest import closest
from polysync.config.wording import quoted
from polysync.domain.settings import (
    Access,
    Api,
    Calendar,
    Daemon,
    HealthCheck,
    Match,
    Notifier,
    Notify,
    Platform,
    Profile,
    Route,
    Scheduler,
    Service,
    Storage,
    Token,
    Webhook,
)
from polysync.domain.shape import keys_of
from polysync.domain.task import Approval, Edge, Job, JobParameter, Task, Watch

# The order is that of the hints: a key of several tables is said to belong in the first ones.
TABLES: Final[tuple[tuple[str, type[Any]], ...]] = (
    ("[tasks.*]", Task),
    ("[services.*]", Service),
    ("[daemon]", Daemon),
    ("[scheduler]", Scheduler),
    ("[storage]", Storage),
    ("[api]", Api),
    ("[[api.token]]", Token),
    ("[access]", Access),
    ("[notify]", Notify),
    ("[jobs.*]", Job),
    ("[jobs.*.parameters]", JobParameter),
    ("[platforms.*]", Platform),
    ("[contention.*]", Profile),
    ("[calendars.*]", Calendar),
    ("[webhooks.*]", Webhook),
    ("[[notifier]]", Notifier),
    ("[[route]]", Route),
    ("[route.match]", Match),
    ("watch", Watch),
    ("approval", Approval),
    ("depends_on", Edge),
    ("health_check", HealthCheck),
)
GUESSED: Final = 1000  # findings after which unknown keys come without a hint: nobody reads on, and guessing takes time
# What other tools, and people in a hurry, call it.
SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "cron": ("schedule", "schedules", "crontab", "cron_expression", "interval", "every", "when"),
    "command": ("command_line", "cmd", "argv", "exec", "executable", "program", "args", "entrypoint"),
    "run": ("script", "shell_command", "bash", "cmdline"),
    "retry_attempts": ("retries", "retry", "max_retries", "retry_count", "retry_limit", "backoff_limit", "attempts"),
    "retry_delay": ("retry_interval", "retry_wait", "retry_backoff_delay"),
    "retry_backoff": ("backoff",),
    "max_concurrent": ("parallelism", "concurrency", "max_parallel", "max_instances", "max_active_runs", "numprocs"),
    "queue_max": ("max_queued", "queue_size", "max_queue"),
    "on_overlap": ("overlap", "concurrency_policy", "overlap_policy", "coalesce"),
    "catch_up": ("catchup", "misfire", "persistent", "anacron"),
    "api_trigger": ("manual_trigger", "manual"),
    "working_dir": ("cwd", "workdir", "directory", "dir", "working_directory", "chdir"),
    "env": ("environment", "envs", "environ", "variables", "vars"),
    "env_file": ("envfile", "dotenv", "environment_file"),
    "depends_on": ("depends", "needs", "after", "upstream", "requires", "dependencies", "wait_for"),
    "timezone": ("tz", "time_zone", "zone"),
    "timeout": ("max_runtime", "max_time", "execution_timeout", "time_limit", "timeout_seconds", "deadline"),
    "graceful_stop": ("grace", "kill_timeout", "stop_timeout", "stopwaitsecs", "grace_period", "kill_after"),
    "jitter": ("splay", "random_delay", "randomized_delay", "spread"),
    "notify_on_failure": ("on_failure", "notify", "mailto", "alert", "notify_failure"),
    "notify_on_success": ("on_success", "notify_success"),
    "success_codes": ("exit_codes", "ok_codes", "success_exit_codes"),
    "fatal_codes": ("failures", "failure_codes"),
    "parameters": ("params", "inputs", "arguments", "with"),
    "enabled": ("active", "disabled", "paused"),
    "memory_max": ("memory", "mem_limit", "memory_limit"),
    "cpu_max": ("cpu", "cpus", "cpu_limit", "cpu_quota"),
    "requirements": ("labels", "node_selector", "constraints", "placement"),
    "expires_after": ("expires", "ttl", "queue_timeout"),
    "run_on_start": ("on_start", "on_boot", "run_at_load", "reboot"),
    "restart_attempts": ("start_retries", "startretries", "max_restarts"),
    "healthy_after": ("backoff_reset_after", "startsecs"),
    "coalesce_window": ("coalesce_outbound",),
    "retry_budget": ("default_timeout",),
    "append_notifiers": ("global_notifiers", "default_notifiers"),
    "health_check": ("healthcheck", "probe", "liveness"),
    "instances": ("replicas", "numprocs", "scale"),
    "listen": ("bind", "host", "port", "address"),
    "data_dir": ("home", "data", "state_dir"),
    "external_id": ("id", "notebook_path", "job_id", "pipeline"),
    "user": ("uid", "runas", "run_as"),
    "keep_for": ("retention", "retain", "history_keep_for"),
    "keep_runs": ("history", "history_keep", "keep"),
    "locks": ("lock", "mutex", "mutexes"),
    "dead_letter": ("dlq", "dead_letters"),
}
SECTIONS: Final[Mapping[str, str]] = {
    "notifiers": 'write [[notifier]] with id = "…"',
    "notification": "write [[notifier]]",
    "routes": "write [[route]]",
    "notification_route": "write [[route]]",
    "default": "did you mean defaults?",
    "schedule": "did you mean scheduler?",
    "server": "did you mean api?",
    "http": "did you mean api?",
    "token": "did you mean [[api.token]]?",
}


def unknown_key(name: str, definition: type[Any], path: KeyPath, findings: Findings) -> None:
    """The finding of a key that its table does not have, with the best hint there is."""
    hint = hint_for(name, definition) if len(findings.found) < GUESSED else ""
    findings.error((*path, name), "unknown key", hint, on_key=True)


def unknown_section(name: str, sections: tuple[str, ...], findings: Findings, file: str) -> None:
    """The finding of a table at the top that does not exist."""
    hint = SECTIONS.get(name, "")
    if not hint and name in sections:
        hint = "this belongs in the main file; an included one cannot hold it"
    if not hint:
        guess = closest(name, sections)
        hint = f"did you mean {guess}?" if guess else _belongs(name)
    message = "cannot stand here" if name in sections else "unknown key"
    findings.error((name,), message, hint, on_key=True, file=file)


def hint_for(name: str, definition: type[Any]) -> str:
    """What was probably meant by `name` in a table of `definition`."""
    if name == "instances" and definition is Task:
        return "only services have instances: use max_concurrent, or make it [services.*]"
    if name == "name" and "name" not in keys_of(definition):
        return "the name stands in the header, as in [tasks.NAME]"
    known = keys_of(definition)
    guess = closest(name, known)
    if guess is not None and _near(name, guess):
        return f"did you mean {guess}?"
    meant = [key for key, words in SYNONYMS.items() if name.lower().replace("-", "_") in words]
    here = next((key for key in meant if key in known), None)
    if here is not None:
        return f"did you mean {here}?"
    belongs = _belongs(name) or next(filter(None, map(_belongs, meant)), "")
    return belongs or (f"did you mean {guess}?" if guess else "")


def _near(name: str, guess: str) -> bool:
    """Whether a guess is so close that no other table can be meant."""
    return abs(len(name) - len(guess)) <= 1 and not any(name in keys_of(table) for _, table in TABLES)


def _belongs(name: str) -> str:
    homes = [said for said, table in TABLES if name in keys_of(table)]
    if not homes:
        return ""
    return f"{quoted(name)[1:-1]} belongs in {' or '.join(homes[:2])}"
