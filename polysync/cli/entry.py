"""From words to a command and from its end to an exit status; the only place that catches failures."""

from __future__ import annotations

from collections.abc import Sequence

from polysync.cli.codes import FAILED, INTERRUPTED, Unwritten
from polysync.cli.failure import Failure, reason_of, usage
from polysync.cli.group import invoke
from polysync.cli.session import Session
from polysync.cli.surroundings import Surroundings
from polysync.domain.errors import ValueProblem


def run(words: Sequence[str], around: Surroundings) -> int:
    """The exit status of one command."""
    session = Session(around)
    if "--json" in words[: words.index("--") if "--" in words else None]:
        session.given["json"] = "1"  # an error in the words themselves must come as JSON too
    try:
        session.check()
        status = invoke(words, session)
        around.stdout.flush()
    except (Failure, ValueProblem, KeyboardInterrupt, OSError) as error:
        status = ended(session, error)
    return status


def ended(session: Session, error: BaseException) -> int:
    """The exit status of a command that an error has ended, which is said; what nobody expects is raised again."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, Failure):
        return _refused(session, error)
    if isinstance(error, ValueProblem):
        return _refused(session, usage(error.message, error.hint))
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
        return _refused(session, Failure(_told(error), code="io", status=FAILED))
    raise error


def _refused(session: Session, failure: Failure) -> int:
    """The exit status of a failure; it stands even where the stream for its words is full."""
    try:
        session.fail(failure)
        session.around.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Unwritten(failure.message, failure.status) from error
    return failure.status


def _told(error: OSError) -> str:
    return f"{error.filename}: {reason_of(error)}" if error.filename else f"cannot write: {reason_of(error)}"
