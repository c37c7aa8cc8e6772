"""The work of the chaos tests: tasks whose every execution leaves traces that can be foretold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SCRIPT: Final = "job.sh"
WITNESS: Final = "witness"
# $1 lines, $2 seconds in the middle, $3 divisor of the exit code, $4 whether a child speaks the second half.
# One line of the witness is one write; everything else of it is arithmetic that the judge repeats.
JOB: Final = """\
run=$POLYSYNC_RUN_ID attempt=$POLYSYNC_ATTEMPT
printf '%s %s %s %s %s\\n' "$run" "$attempt" "${POLYSYNC_SCHEDULED_FOR:--}" $$ "$POLYSYNC_TOKEN" >>witness
say() {
  i=$1
  while [ "$i" -lt "$2" ]; do
    echo "$run/$attempt out $i $(((run * 7919 + attempt * 31 + i * 17) % 99991))"
    echo "$run/$attempt err $i $(((run * 7919 + attempt * 31 + i * 17) % 99991))" >&2
    i=$((i + 1))
  done
}
say 0 $(($1 / 2))
[ "$2" = 0 ] || sleep "$2"
if [ "$4" = child ]; then (say $(($1 / 2)) "$1") & wait; else say $(($1 / 2)) "$1"; fi
exit $(((run * 7 + attempt * 3) % $3))
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """One task."""

    period: int = 0  # seconds between two slots; 0: only started by hand
    lines: int = 4
    seconds: str = "0"
    divisor: int = 1  # exit codes are smaller than this
    speaker: str = "self"
    retries: int = 0

    def exit_code(self, run: int, attempt: int) -> int:
        """The exit code that this attempt must have."""
        return (run * 7 + attempt * 3) % self.divisor

    def attempts(self, run: int) -> int:
        """How many attempts a run takes."""
        return next(
            (number for number in range(1, self.retries + 1) if not self.exit_code(run, number)), self.retries + 1
        )

    def due(self, after: int, until: int) -> list[int]:
        """Its slots, in seconds since 1970: a cron field counts the seconds of a minute."""
        return [at for at in range(after + 1, until + 1) if at % 60 % self.period == 0]

    def output(self, run: int, attempt: int, stream: str) -> bytes:
        """Every byte that an attempt writes to a stream."""
        lines = (
            f"{run}/{attempt} {stream} {i} {(run * 7919 + attempt * 31 + i * 17) % 99991}\n" for i in range(self.lines)
        )
        return "".join(lines).encode()


KINDS: Final = {
    "tick": Kind(period=1, divisor=5),
    "tock": Kind(period=3, lines=60, seconds="1.6", divisor=3, speaker="child"),
    "flaky": Kind(period=4, seconds="0.2", divisor=3, retries=3),
    "hand": Kind(lines=10, seconds="0.4", divisor=7),
}
HEAD: Final = """\
[daemon]
max_running = 200
log_level = "warning"
[storage]
min_free_space = "1mb"
[defaults]
max_concurrent = "unlimited"
queue_max = 10000
catch_up = "all"
max_catch_up_runs = 10000
graceful_stop = "1s"
"""


def config(*, scheduled: bool = True) -> str:
    """The configuration; unscheduled, nothing new begins by itself."""
    return HEAD + "".join(_task(name, kind, scheduled=scheduled) for name, kind in KINDS.items())


def _task(name: str, kind: Kind, *, scheduled: bool) -> str:
    words = ["/bin/sh", SCRIPT, str(kind.lines), kind.seconds, str(kind.divisor), kind.speaker]
    lines = [f"[tasks.{name}]", f"command = {words}".replace("'", '"')]
    if kind.period and scheduled:
        lines.append(f'cron = "{"*" if kind.period == 1 else f"*/{kind.period}"} * * * * *"')
    if kind.retries:
        lines += [f"retry_attempts = {kind.retries}", 'retry_delay = "200ms"']
    return "\n".join(lines) + "\n"
