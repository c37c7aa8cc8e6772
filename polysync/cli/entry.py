"""From words to a command and from its end to an exit status; the only place that catches failures."""

from __future__ import annotations

from collections.abc import Sequence

from polysync import __version__
from polysync.cli.failure import FAILED, Failure, reason_of, usage
from polysync.cli.main import INTERRUPTED, Unwritten
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
        status = _answer(words, session)
        around.stdout.flush()
    except Failure as failure:
        status = _refused(session, failure)
    except ValueProblem as problem:
        status = _refused(session, usage(problem.message, problem.hint))
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BrokenPipeError:
        raise
    except OSError as error:
        status = _refused(session, Failure(_told(error), code="io", status=FAILED))
    return status


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


def _answer(words: Sequence[str], session: Session) -> int:
    from polysync.cli.group import invoke

    return invoke(words, session)


def _told(error: OSError) -> str:
    return f"{error.filename}: {reason_of(error)}" if error.filename else f"cannot write: {reason_of(error)}"


def version(session: Session) -> None:
    """What `--version` prints where other options stand beside it."""
    if session.json:
        session.document({"name": "polysync", "version": __version__})
    else:
        session.line(f"polysync {__version__}")
