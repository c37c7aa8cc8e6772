"""What the OpenAPI document says is what a real daemon does: every route, right and wrong requests, each answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import pytest

from tests.seeds import seed_of
from tests.service.daemons import READY, daemon
from tests.service.described import Called, Described, Told, asked

CONFIG: Final = """
[tasks.backup]
run = "echo hello; echo bad >&2; polysync_ends"
retry_attempts = 1
retry_delay = "100ms"
parameters = { day = "mon" }
[tasks.slow]
run = "sleep 600"
max_concurrent = 2
[tasks.closed]
run = "true"
cron = "0 0 1 1 *"
api_trigger = false
[tasks.after]
run = "true"
depends_on = ["backup"]
approval = { before = true }
[services.web]
run = "sleep 600"
"""
LAST: Final = "/api/shutdown"  # nobody answers after it


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    with daemon(tmp_path, config=CONFIG) as running:
        yield Path(running.until(READY)["socket"])


def described(home: Path) -> Described:
    return Described(json.loads(asked(home, Called("GET", "/api/openapi.json")).body))


def told(home: Path, found: Described, method: str, target: str, body: dict[str, object] | None = None) -> Told:
    """The answer to a right request, which is as it is described."""
    path = target.partition("?")[0]
    operation = next(one for verb, pattern, one in found.operations() if verb == method and _fits(pattern, path))
    answer = asked(home, Called(method, target, None if body is None else json.dumps(body).encode()))
    assert answer.status < 300, (target, answer.body)
    assert found.faults(operation, answer) == [], target
    return answer


def _fits(pattern: str, path: str) -> bool:
    parts, segments = pattern.split("/"), path.split("/")
    pairs = list(zip(parts, segments, strict=False))
    return len(parts) == len(segments) and all(part == one or part.startswith("{") for part, one in pairs)


def test_every_answer_of_every_route_is_as_described(home: Path) -> None:
    found = described(home)
    made = [json.loads(told(home, found, "POST", f"/api/tasks/{name}/run", body).body) for name, body in BEGINNINGS]
    held = made[-1]["id"]
    for number in (run["id"] for run in made):
        for tail in ("", "/history", "/why", "/log", "/log?follow=1"):
            told(home, found, "GET", f"/api/runs/{number}{tail}")
    told(home, found, "POST", f"/api/runs/{held}/release")
    told(home, found, "POST", f"/api/runs/{held}/stop", {"reason": "enough"})
    for verb, pattern, _ in found.operations():
        if verb == "GET" and "{id}" not in pattern:
            target = pattern.replace("{task}", "backup")
            told(home, found, "GET", target + QUERIES.get(pattern, ""))
    for target in ("services/web/restart", "services/web/stop", "services/web/start", "reload", "prune"):
        told(home, found, "POST", f"/api/{target}")
    told(home, found, "POST", "/api/prune", {"dry_run": True})


BEGINNINGS: Final[tuple[tuple[str, dict[str, object]], ...]] = (
    ("backup", {"parameters": {"day": "tue"}, "tags": {"team": "ops"}, "external_id": "x", "priority": 3}),
    ("slow", {}),
    ("slow", {"start_at": "2100-01-01T00:00:00Z", "expires_after": "1h"}),
    ("slow", {"hold": True}),
)
QUERIES: Final = {
    "/api/search": "?q=hello",
    "/api/names": "?kind=all",
    "/api/tasks/{task}/slots": "?at=2027-01-01T00:00:00Z",
}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_request_is_answered_with_anything_else(home: Path) -> None:
    found, dice = described(home), Random(seed_of("described"))
    operations = [one for one in found.operations() if one[1] != LAST]
    for _ in range(3_000):
        method, path, operation = dice.choice(operations)
        called = found.call(method, path, operation, dice)
        answer = asked(home, called)
        assert found.faults(operation, answer) == [], (called, answer)
        assert answer.status < 500, (called, answer)
