"""Why runs ended, wait or are left out, each in a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

REASONS: Final[Mapping[str, str]] = {
    "exit_code": "the work ended with an exit code that counts as a failure",
    "signal": "the work was ended by a signal that polysync did not send",
    "reported": "the work, or its platform, said that it failed",
    "start_failed": "it could not be started",
    "timeout": "one attempt took longer than its timeout",
    "max_duration": "all attempts together took longer than max_duration",
    "stale": "there was no sign of life for longer than stale_after",
    "crashed": "nobody knows how the work ended: its end was not seen",
    "host_rebooted": "the host was started anew while it ran, or its home was put back from a copy",
    "lost": "its platform does not know it any more",
    "unhealthy": "its checks failed",
    "log_full": "its output reached log_max_size, and log_on_full ends it then",
    "precheck": "its platform turned it down before it began",
    "secret_error": "a secret could not be fetched",
    "missing_output": "a task before it did not put out what it takes",
    "fatal": "it ended with an exit code that no retry can mend",
    "intermediate": "it ended with an exit code of a temporary failure, and no retries were left",
    "denied": "somebody denied it",
    "approval_expired": "nobody approved it in time",
    "upstream_failed": "a task that it depends on ended in another way than it needs",
    "stopped": "somebody stopped it",
    "overlap_terminated": 'a newer run took its place (on_overlap = "terminate")',
    "shutdown": "the daemon was told to end what runs",
    "overlap": 'the task was still running (on_overlap = "skip")',
    "queue_full": "as many runs waited as may wait (queue_max)",
    "missed": "the daemon was not there, or the host slept, and catch_up does not make up for it",
    "calendar": "a calendar leaves it out (only_on, skip_on)",
    "deadline": "it was later than start_deadline",
    "paused": "the task was paused",
    "skip_next": "somebody wanted this one left out (polysync skip-next)",
    "disabled": "the task was disabled (enabled = false)",
    "removed": "the task was removed from the configuration",
    "skip_code": "the work ended with an exit code that says: there was nothing to do",
    "queue_timeout": "it waited longer for a shared limit than that limit allows",
    "not_started_in_time": "it had not started within expires_after",
    "contention": "a shared limit had no room for it, and rejects what finds none",
    "retries_exhausted": "all its retries failed; it is kept until somebody decides",
}
AHEAD: Final[Mapping[str, str]] = {  # of slots that will not run if all stays as it is
    "calendar": REASONS["calendar"],
    "paused": "the task is paused",
    "skip_next": "somebody wants this one left out (polysync skip-next)",
    "disabled": "the task is disabled (enabled = false)",
}
LACKS: Final[Mapping[str, str]] = {
    "slot": "as much runs as may run at once",
    "platform": "as much runs there as may run at once",
    "contention": "a shared limit has no room",
    "lock": "another run holds the lock",
    "requirements": "no platform carries all the labels that it requires",
    "disk_low": "the disk is almost full",
    "jitter": "its start is spread by jitter, or delayed",
}
STANDS: Final[Mapping[str, str]] = {
    "held": "it was created on hold; polysync release lets it go",
    "scheduled": "it is not due yet",
    "waiting": "it waits for something else",
    "queued": "it may start as soon as there is room",
    "retrying": "another attempt is due",
    "starting": "it is being started",
    "running": "it runs",
    "stopping": "it was asked to end, and has not yet",
    "succeeded": "it ended well",
}
BLOCKERS: Final[Mapping[str, str]] = {
    "dependencies": "the tasks that it depends on have not all ended",
    "approval": "a person has to agree: polysync approve, or deny",
    "event": "an event has not come yet",
    "children": "runs that it started have not ended",
    "timer": "it sleeps",
}


def standing_sentence(run: Mapping[str, Any]) -> str:
    """Why a run stands where it stands."""
    reason = run.get("end_reason")
    return REASONS[reason] if reason else STANDS.get(str(run["state"]), "")
