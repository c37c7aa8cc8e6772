"""`polysync service`: start, stop and restart services."""

from __future__ import annotations

import select
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import click

from polysync.cli import services
from polysync.cli.attach import Daemon, attach
from polysync.cli.failure import FAILED, Failure, usage
from polysync.cli.group import Parts, global_options, verb
from polysync.cli.services import Service, all_of
from polysync.cli.session import Session
from polysync.domain.errors import ValueProblem
from polysync.domain.quantity import parse_span

PAUSE: Final = 0.1  # seconds between two looks
TIMED_OUT: Final = 124
MOVING: Final = {"starting", "stopping", "waiting"}
GIVEN_UP: Final = {"backoff", "fatal"}  # at least for now


@click.group(
    "service",
    cls=Parts,
    examples=("polysync service list", "polysync service restart web", "polysync service stop 'worker-*'"),
    add_help_option=False,
    no_args_is_help=False,
    params=global_options(),
    subcommand_metavar="PART",
)
def command() -> None:
    """Start, stop and restart services; what is said holds over restarts of the daemon and the host."""


@verb("list", examples=["polysync service list --all"])
@click.option("--all", "everything", is_flag=True, help="Unlisted ones too.")
@click.pass_obj
def listing(session: Session, *, everything: bool) -> None:
    """The services: which run, since when, and why the others do not."""
    services.show(session, everything=everything)


def _timeout(_context: click.Context, _parameter: click.Parameter, value: str | None) -> timedelta | None:
    if value is None:
        return None
    try:
        return parse_span(value)
    except ValueProblem as problem:
        raise usage(f"--timeout: {problem.message}", problem.hint) from None


def _words(function: Callable[..., int]) -> Callable[..., int]:
    """Names, and how long to wait."""
    function = click.option("--timeout", metavar="D", callback=_timeout, help="Wait no longer, and exit with 124.")(
        function
    )
    function = click.option("--no-wait", is_flag=True, help="Only ask; do not wait for it.")(function)
    return click.argument("names", metavar="NAME...", nargs=-1, required=True)(function)


@verb("start", examples=["polysync service start web", "polysync service start 'worker-*'"])
@_words
@click.pass_obj
def start(session: Session, /, names: Sequence[str], **how: Any) -> int:
    """Have services up; what was given up is tried anew.

    Waits until they run, and are well where they have a check; exits with 1 where one does not.  What a service
    depends on is not started with it.
    """
    return _carry_out(session, "start", names, _is_up, **how)


@verb("stop", examples=["polysync service stop web --no-wait"])
@_words
@click.pass_obj
def stop(session: Session, /, names: Sequence[str], **how: Any) -> int:
    """Have services down until they are started by hand.

    Waits until they are.  Of several, those that depend on others stop first.
    """
    return _carry_out(session, "stop", names, _is_down, **how)


@verb("restart", examples=["polysync service restart web"])
@_words
@click.pass_obj
def restart(session: Session, /, names: Sequence[str], **how: Any) -> int:
    """Give instances a new life, one after the other.

    Waits as `start` does.
    """
    return _carry_out(session, "restart", names, _is_new, **how)


for part in (listing, start, stop, restart):
    command.add_command(part)


def _carry_out(
    session: Session,
    word: str,
    names: Sequence[str],
    is_done: Callable[[Service], bool],
    *,
    no_wait: bool,
    timeout: timedelta | None,
) -> int:
    """Say the word to every one of them, also where another one refuses; then wait."""
    from polysync.cli.loading import pick

    with attach(session) as daemon:
        known = {str(one["name"]): one for one in all_of(daemon)}
        meant = pick(names, known, "service")
        order = in_order(meant, {name: one["depends_on"] for name, one in known.items()})
        said = {name: _say(daemon, name, word) for name in (reversed(order) if word == "stop" else order)}
        told = {name: said[name] for name in meant}
        asked = {name: one for name, one in told.items() if not isinstance(one, Failure)}
        over = no_wait or _wait(daemon, asked, is_done, timeout)
    refused = [one for one in told.values() if isinstance(one, Failure)]
    _show(session, list(asked.values()), refused)
    if refused:
        raise refused[0]
    return TIMED_OUT if not over else FAILED if not no_wait and any(map(_is_bad, asked.values())) else 0


def in_order(names: Sequence[str], needs: Mapping[str, Sequence[str]]) -> list[str]:
    """The names, each after those that it needs: told to stop the other way round, each waits for who needs it."""
    placed: dict[str, None] = {}
    seen: set[str] = set()
    for name in names:
        trail = [name]
        while trail:
            last = trail[-1]
            seen.add(last)
            deeper = [other for other in needs.get(last, ()) if other not in seen]
            if deeper:
                trail.append(deeper[0])
            else:
                placed[trail.pop()] = None
    return [name for name in placed if name in names]


def _show(session: Session, asked: Sequence[Service], refused: Sequence[Failure]) -> None:
    if refused:
        refused[0].beside = {"items": asked, "next": None}
    elif session.json:
        session.document({"items": asked, "next": None})
    if asked and not session.json and not session.quiet:
        session.lines(services.lines(session, asked))
    for failure in refused[1:]:
        session.remark(f"error: {failure.message}")


def _say(daemon: Daemon, name: str, word: str) -> Service | Failure:
    try:
        service: Service = daemon.post(f"/api/services/{name}/{word}", {})
    except Failure as failure:
        return failure
    return service


def _wait(
    daemon: Daemon, asked: dict[str, Service], is_done: Callable[[Service], bool], timeout: timedelta | None
) -> bool:
    """Look again until all is done, or the time is up; `asked` then says how they stand."""
    looks = None if timeout is None else round(timeout.total_seconds() / PAUSE)
    while not all(map(is_done, asked.values())):
        if looks is not None:
            if looks <= 0:
                return False
            looks -= 1
        select.select([], [], [], PAUSE)
        now = {str(one["name"]): one for one in all_of(daemon)}
        asked.update({name: now[name] for name in asked if name in now})
        for name in asked.keys() - now.keys():
            del asked[name]  # it was removed from the file, and is gone
    return True


def _states(service: Service) -> set[str]:
    return {str(one["state"]) for one in service["instances"]}


def _is_down(service: Service) -> bool:
    return bool(service["wanted"]) or service["state"] == "stopped"  # or somebody wants it up again


def _is_up(service: Service) -> bool:
    """Whether waiting longer would tell nothing more."""
    if not service["wanted"] or service["waits_for"] or _states(service) & GIVEN_UP:
        return True
    unknown = service["check"] and any(one["well"] is None for one in service["instances"] if one["since"])
    return not (unknown or _states(service) & MOVING)


def _is_new(service: Service) -> bool:
    old = any(one["outdated"] for one in service["instances"])
    return _is_up(service) and (not old or bool(_states(service) & GIVEN_UP))


def _is_bad(service: Service) -> bool:
    """Whether it was to be up and does not come up."""
    return bool(service["wanted"] and _states(service) & (GIVEN_UP | {"unwell"}))
