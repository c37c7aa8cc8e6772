"""What answers look like, as JSON Schema: for the OpenAPI document, and for the tests that hold every answer to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

from polysync.domain.run import Blocker, Lack, Reason, State
from polysync.domain.service_views import Standing
from polysync.domain.values import Outcome, Trigger

Schema = Mapping[str, Any]

TEXT: Final[Schema] = {"type": "string"}
NUMBER: Final[Schema] = {"type": "integer"}
AMOUNT: Final[Schema] = {"type": "number"}
YES_NO: Final[Schema] = {"type": "boolean"}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}
ANY_TABLE: Final[Schema] = {"type": "object"}
NOTHING: Final[Schema] = {"type": "null"}


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    kind = schema.get("type")
    if not isinstance(kind, str):
        return {"anyOf": [schema, NOTHING]}
    more = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, **more, "type": [kind, "null"]}


def shape(**properties: Schema) -> Schema:
    """An object that always has all of these."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def partly(schema: Schema, *names: str) -> Schema:
    """The same object, which need not have those."""
    return {**schema, "required": [name for name in schema["required"] if name not in names]}


def many(schema: Schema) -> Schema:
    """A list of them."""
    return {"type": "array", "items": schema}


def tabled(schema: Schema) -> Schema:
    """A table of them by name."""
    return {"type": "object", "additionalProperties": schema}


def page_of(schema: Schema) -> Schema:
    """A page: items, and the cursor of the next one."""
    return shape(items=many(schema), next={**maybe(TEXT), "description": "The cursor of the next page."})


def word_of(kind: Iterable[StrEnum]) -> Schema:
    """One of these words."""
    return {"type": "string", "enum": [word.value for word in kind]}


def ref(name: str) -> Schema:
    """One of `SHARED`."""
    return {"$ref": f"#/components/schemas/{name}"}


NEED: Final = shape(kind=word_of(Lack), name=TEXT, until=maybe(TIME))
MOVE: Final = shape(
    at=TIME, before=maybe(word_of(State)), state=word_of(State), reason=maybe(word_of(Reason)), actor=TEXT
)
BLOCKED: Final = shape(kind=word_of(Blocker), name=TEXT, reason=TEXT)
ATTEMPT: Final = shape(
    number=NUMBER,
    outcome=maybe(word_of(Outcome)),
    exit_code=maybe(NUMBER),
    signal=maybe(TEXT),
    error=maybe(TEXT),
    status_code=maybe(NUMBER),
    opened_at=maybe(TIME),
    started_at=maybe(TIME),
    ended_at=maybe(TIME),
    platform=maybe(TEXT),
    handle=maybe(ANY_TABLE),
    host=maybe(TEXT),
    worker=maybe(TEXT),
    image=maybe(TEXT),
    claimed_by=maybe(TEXT),
    last_seen_at=maybe(TIME),
    pid=maybe(NUMBER),
    cpu_seconds=maybe(AMOUNT),
    max_rss=maybe(NUMBER),
    log_bytes=NUMBER,
    log_dropped=NUMBER,
)
_RUN: Final = shape(
    id=NUMBER,
    uid=TEXT,
    task=TEXT,
    job=maybe(TEXT),
    state=word_of(State),
    end_reason=maybe(word_of(Reason)),
    outcome=maybe(word_of(Outcome)),
    retry_status={"enum": ["waiting", "exhausted", None]},
    blocked_on=maybe(shape(**BLOCKED["properties"], since=TIME)),
    waiting_for=maybe(many(NEED)),
    trigger=word_of(Trigger),
    scheduled_for=maybe(TIME),
    created_at=TIME,
    available_at=TIME,
    started_at=maybe(TIME),
    ended_at=maybe(TIME),
    priority=NUMBER,
    attempt=NUMBER,
    attempts={**maybe(many(ref("Attempt"))), "description": "Null in lists."},
    exit_code=maybe(NUMBER),
    signal=maybe(TEXT),
    outputs=ANY_TABLE,
    messages=many(shape(code=TEXT, text=TEXT, error=YES_NO)),
    error=TEXT,
    progress=maybe(shape(percent=maybe(AMOUNT), text=TEXT)),
    parameters=ANY_TABLE,
    correlation_id=TEXT,
    parent_id=maybe(NUMBER),
    rerun_of=maybe(NUMBER),
    external_id=maybe(TEXT),
    external_account_id=maybe(TEXT),
    external_user_id=maybe(TEXT),
    category=maybe(TEXT),
    subject=maybe(TEXT),
    description=maybe(TEXT),
    tags=tabled(TEXT),
    unlisted=maybe(YES_NO),
    archived=YES_NO,
    start_after=TIME,
    expires_at=maybe(TIME),
    status_code=maybe(NUMBER),
    turn=NUMBER,
    generation=maybe(NUMBER),
    definition=TEXT,
    actor=TEXT,
    updated_at=maybe(TIME),
    updated_by=maybe(TEXT),
    url=TEXT,
    platform=maybe(TEXT),
    decide_by=maybe(TIME),
    stop_reason=maybe(word_of(Reason)),
    comment=maybe(TEXT),
    logical_at=maybe(TIME),
    slots=NUMBER,
    history={**maybe(many(MOVE)), "description": "Null in lists."},
)
INSTANCE: Final = shape(
    number=NUMBER,
    state=word_of(Standing),
    run_id=maybe(NUMBER),
    pid=maybe(NUMBER),
    end_reason=maybe(word_of(Reason)),
    exit_code=maybe(NUMBER),
    signal=maybe(TEXT),
    error=maybe(TEXT),
    since=maybe(TIME),
    failures=NUMBER,
    restarts=NUMBER,
    next_start_at=maybe(TIME),
    well=maybe(YES_NO),
    text=TEXT,
    trouble=TEXT,
    outdated=YES_NO,
    log=maybe(TEXT),
)
_SERVICE: Final = shape(
    name=TEXT,
    group=TEXT,
    title=maybe(TEXT),
    description=maybe(TEXT),
    unlisted=YES_NO,
    state=word_of(Standing),
    wanted=YES_NO,
    why=TEXT,
    depends_on=many(TEXT),
    waits_for=many(TEXT),
    check={"enum": ["command", "run", "http", "tcp", None]},
    instances=many(INSTANCE),
)
PROBLEM: Final = shape(
    path=maybe(TEXT),
    line=maybe(NUMBER),
    column=maybe(NUMBER),
    key=maybe(TEXT),
    message=TEXT,
    hint=maybe(TEXT),
    severity={"enum": ["error", "warning"]},
)
WRONG: Final = shape(parameter={**TEXT, "description": "Empty where no single one is wrong."}, message=TEXT)
ERROR: Final = shape(
    error={
        **shape(code={**TEXT, "description": "A word for programs."}, message={**TEXT, "description": "For people."}),
        "properties": {
            "code": {**TEXT, "description": "A word for programs."},
            "message": {**TEXT, "description": "A sentence for people."},
            "problems": many({"anyOf": [WRONG, PROBLEM]}),
        },
    }
)
STATUS: Final[Schema] = {
    **shape(
        state={"enum": ["running", "degraded", "stopping"]},
        degraded=many(TEXT),
        version=TEXT,
        pid=NUMBER,
        started_at=TIME,
        uptime={**AMOUNT, "description": "Seconds, those of a sleeping host too."},
        runs=shape(running=NUMBER, queued=NUMBER, waiting=NUMBER, states=tabled(NUMBER)),
        next=maybe(shape(task=TEXT, at=TIME)),
        disk=shape(free=maybe(NUMBER), low=YES_NO),
        storage=ANY_TABLE,
        clock=shape(now=TIME, held=YES_NO),
        loop=ANY_TABLE,
        watchdog=shape(stuck=many(TEXT)),
        events={**NUMBER, "description": "The number of the newest event."},
        remembered=tabled(NUMBER),
        config=shape(
            path=TEXT,
            hash=maybe(TEXT),
            loaded_at=TIME,
            newer=YES_NO,
            restart_only=many(TEXT),
            error=maybe(shape(at=TIME, problems=NUMBER, first=TEXT)),
        ),
        home=TEXT,
        tasks=NUMBER,
        log=shape(dropped=NUMBER),
    ),
    "additionalProperties": True,  # other parts of the daemon tell of themselves too
}
HEALTH: Final = partly(
    shape(
        ok=YES_NO,
        degraded=many(TEXT),
        config=shape(newer=YES_NO, error=STATUS["properties"]["config"]["properties"]["error"]),
    ),
    "degraded",
    "config",
)
PLAN: Final = shape(
    added=many(TEXT),
    removed=many(TEXT),
    renamed=many(shape(**{"from": TEXT, "to": TEXT})),
    changed=many(shape(table=TEXT, key=TEXT, old={}, new={})),
    restart_only=many(TEXT),
    moved=many(shape(task=TEXT, old=maybe(TIME), new=maybe(TIME), timezone=maybe(TEXT))),
    warnings=many(PROBLEM),
    hash=TEXT,
    dry_run=YES_NO,
)
_GONE: Final = shape(runs=NUMBER, bytes=NUMBER, why=tabled(NUMBER))
PRUNED: Final = shape(
    dry_run=YES_NO,
    **_GONE["properties"],
    strays=NUMBER,
    history=NUMBER,
    audit=NUMBER,
    definitions=NUMBER,
    tasks=tabled(_GONE),
)
WHY: Final = shape(id=NUMBER, state=word_of(State), blocked_on=maybe(BLOCKED), waiting_for=many(NEED))
RUN: Final = ref("Run")
SERVICE: Final = ref("Service")
SHARED: Final[Mapping[str, Schema]] = {"Attempt": ATTEMPT, "Error": ERROR, "Run": _RUN, "Service": _SERVICE}
