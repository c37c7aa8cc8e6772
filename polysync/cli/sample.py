"""The configuration that `polysync init` starts with: small, and it says what each part is for."""

from __future__ import annotations

from typing import Final

SAMPLE: Final = """#:schema ./polysync.schema.json
# What runs on this host, and when.
#   polysync validate   checks this file
#   polysync next       shows what is due
#   polysync schema     lists every key; editors complete them by it

[scheduler]
timezone = "{zone}"

# Holds for every task that does not say otherwise.
[defaults]
timeout = "1h"
retry_attempts = 2
retry_delay = "30s"

# Every night at half past two: minute, hour, day of the month, month, weekday.
[tasks.hello]
description = "Says hello"
cron = "30 2 * * *"
run = \'\'\'
echo "hello from $(hostname)"
\'\'\'

# Another one, each time that hello has succeeded.
[tasks.after-hello]
description = "Runs when hello is done"
depends_on = ["hello"]
run = "echo hello is done"

# An always-on process, started again when it ends:
# [services.web]
# command = ["python3", "-m", "http.server", "8000"]

# Secrets stay where they are and are read when a task starts:
# [vaults.ops]
# type = "env"
# [tasks.upload]
# secrets = { TOKEN = "vault://ops/UPLOAD_TOKEN" }
# run = "./upload.sh"
"""
