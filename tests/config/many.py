"""A configuration of many tasks with mixed keys, for measuring."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

HEAD: Final = """\
include = []

[daemon]
max_running = 256

[scheduler]
timezone = "Europe/Bratislava"

[defaults]
timeout = "2h"
env = { LANG = "C.UTF-8" }
notify_on_failure = ["ops"]

[vaults.ops]
type = "env"

[platforms.far]
type = "ssh"
labels = { region = "eu" }
host = "far.example"

[contention.slots]
type = "concurrency"
max = 40

[calendars.holidays]
dates = ["12-25", "12-26"]

[jobs.load]
platform = "far"
type = "script"
external_id = "/srv/load"
[jobs.load.parameters]
day = { type = "string", default = "today" }
rows = { type = "int", required = true }

[[notifier]]
id = "ops"
type = "command"
command = ["logger", "-t", "polysync"]
"""


def plain(n: int) -> str:
    return f"""
[tasks.plain-{n}]
run = "/srv/bin/step --number {n}"
cron = "{n % 60} {n % 24} * * *"
group = "Group {n % 40}"
retry_attempts = {n % 4}
graceful_stop = "{1 + n % 20}s"
"""


def joined(n: int) -> str:
    return f"""
[tasks.joined-{n}]
command = ["/srv/bin/join", "--slot", "{n}"]
depends_on = ["plain-{n - n % 4}"]
tags = ["nightly", "tier-{n % 3}"]
priority = "high"
timeout = "{5 + n % 50}m"
description = "joins what step {n - n % 4} wrote"
"""


def limited(n: int) -> str:
    return f"""
[tasks.limited-{n}]
run = '''
set -eu
/srv/bin/load --number {n}
'''
cron = ["*/{5 + n % 20} 6-20 * * mon-fri", "0 3 * * sun"]
timezone = "America/New_York"
contention = ["slots"]
skip_on = ["holidays"]
env = {{ STEP = "{n}", MODE = "fast" }}
jitter = "30s"
"""


def instance(n: int) -> str:
    return f"""
[tasks.instance-{n}]
job = "load"
cron = "@hourly"
parameters = {{ rows = {n}, day = "day-{n % 30}" }}
retry_attempts = 3
retry_backoff = "exponential"
catch_up = "skip"
"""


KINDS: Final[tuple[Callable[[int], str], ...]] = (plain, joined, limited, instance)


def many(count: int) -> str:
    """The text of a configuration with `count` tasks."""
    return HEAD + "".join(KINDS[n % len(KINDS)](n) for n in range(count))


if __name__ == "__main__":
    sys.stdout.write(many(int(sys.argv[1])))
