"""What a run that never started has of another configuration: its definition, and the parameters which that gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polysync.domain.definition import Definition
from polysync.domain.ending import finish
from polysync.domain.errors import ValueProblem
from polysync.domain.launch import Gate, lacking
from polysync.domain.params import resolve
from polysync.domain.rows import Run
from polysync.domain.run import Move, Reason
from polysync.domain.task import Task
from polysync.domain.world import World, digest_of, note


def follow(world: World, run: Run, task: Task) -> bool:
    """Let `run` have today's definition, never a mix of two; False where it cannot have it and is over."""
    digest = digest_of(world, task)
    if run.definition == digest:
        return True
    before, today = world.definitions[run.definition], world.definitions[digest]
    gated = bool(task.depends_on) and not task.depends_trigger and run.gate < Gate.JOIN
    schema = today.job.parameters if today.job is not None else {}
    try:
        resolved = resolve(task.parameters, schema, overrides=run.overrides, outputs=_upstream(before, run))
    except ValueProblem as problem:  # what was asked for with the run fits no more
        finish(world, run, Move.FAIL, Reason.PRECHECK, actor="reload", error=problem.message)
        return False
    if resolved.missing and not gated:  # a gated run takes its outputs when its dependencies are met
        finish(world, run, Move.FAIL, Reason.MISSING_OUTPUT, actor="reload", error=lacking(resolved))
        return False
    note(world, run, definition=digest, parameters=resolved.values)
    return True


def _upstream(before: Definition, run: Run) -> Mapping[str, Mapping[str, Any]]:
    """The outputs of consumed upstream runs, as far as the parameters of `run` tell them."""
    outputs: dict[str, dict[str, Any]] = {}
    for name, own in before.task.parameters.items():
        if own.upstream is not None and own.output is not None and name in run.parameters:
            outputs.setdefault(own.upstream, {})[own.output] = run.parameters[name]
    return outputs
