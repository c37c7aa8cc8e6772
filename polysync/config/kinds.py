"""The closed lists of kinds: platforms, notifiers, events, and what adapters add to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

PLATFORM_TYPES: Final = (
    "local", "ssh", "http", "databricks", "adf", "synapse", "azure_function", "logic_app", "gcp_function", "cloud_run",
    "aws_lambda", "step_functions", "glue", "aws_batch", "ecs", "kubernetes", "slurm", "ray", "docker", "airflow",
    "temporal", "sql",
)  # fmt: skip
NOTIFIER_TYPES: Final = (
    "slack", "discord", "telegram", "ntfy", "gotify", "pushover", "smtp", "sendmail", "webhook", "command", "teams",
    "pagerduty", "opsgenie", "matrix", "googlechat", "apprise", "desktop", "inapp",
)  # fmt: skip
EVENTS: Final = (
    "run.queued", "run.started", "run.retrying", "run.succeeded", "run.failed", "run.timeout", "run.crashed",
    "run.cancelled", "run.skipped", "run.expired", "run.rejected", "run.dead", "run.missed", "run.late", "run.long",
    "run.stale", "run.recovered", "approval.requested", "approval.decided", "service.started", "service.stopped",
    "service.fatal", "config.reloaded", "config.error", "clock.changed", "disk.low", "log.dropped", "notify.failed",
)  # fmt: skip

# "platforms.ssh" → a frozen dataclass of keys: what may stand beside `type`.  A kind that is not here takes any key.
OPTION_CLASSES: Final[Mapping[str, type[Any]]] = {}
