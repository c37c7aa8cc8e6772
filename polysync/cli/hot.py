"""The verbs that scripts call a thousand times, without click: a small grammar, and nothing that costs a start-up.

Whatever is not surely in the grammar is none of ours: click reads it from its beginning, and says what is wrong
with it.  What is in the grammar asks the daemon for the same in both.
"""

from __future__ import annotations

from polysync.cli.session import Session

TYPE_CHECKING = False  # as in typing, whose import alone would take longer than a request
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from polysync.cli.surroundings import Surroundings

    Given = dict[str, Any]

GLOBAL = {"-c": "config", "--config": "config", "--data": "data", "--socket": "socket"}
SWITCHES = {"--json": "json", "-q": "quiet", "--quiet": "quiet"}
KINDS = ("tasks", "services", "runs", "all")
LONGEST_PAGE = 500


class Verb:
    """One verb of the grammar: the options that take a word, those that take none, and how many words it takes."""

    __slots__ = ("act", "flags", "options", "words")

    def __init__(
        self,
        act: Callable[[Session, Sequence[str], Given], int | None],
        *,
        words: int,
        options: Mapping[str, str] | None = None,
        flags: Mapping[str, str] | None = None,
    ) -> None:
        self.act = act  # None: it is none of ours after all, and nothing was asked yet
        self.words = words
        self.options = options or {}
        self.flags = flags or {}


def attempt(words: Sequence[str], around: Surroundings) -> int | None:
    """The exit status of a command that needs no click; None for every other one."""
    session = Session(around)
    found = parsed(words, session.given)
    if found is None or session.option("color") is not None:
        return None
    verb, positional, given = found
    try:
        return verb.act(session, positional, given)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place that knows errors raises the others again
        from polysync.cli.entry import ended

        return ended(session, error)


def parsed(words: Sequence[str], kept: Given) -> tuple[Verb, list[str], Given] | None:
    """The verb with its words and options, if all of it is in the grammar; global options go to `kept`."""
    verb: Verb | None = None
    positional: list[str] = []
    given: Given = {}
    left = iter(words)
    for word in left:
        if word.startswith("-"):
            if not _option(word, left, verb, kept, given):
                return None
        elif verb is not None:
            positional.append(word)
        elif (verb := VERBS.get(word)) is None:
            return None
    if verb is None or len(positional) != verb.words or "" in positional:
        return None
    return verb, positional, given


def _option(word: str, left: Any, verb: Verb | None, kept: Given, given: Given) -> bool:
    """Whether an option is one of ours; its value is noted."""
    if word in SWITCHES:
        kept[SWITCHES[word]] = "1"
        return True
    if verb is not None and word in verb.flags:
        given[verb.flags[word]] = True
        return True
    name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
    mine = name not in GLOBAL
    known = GLOBAL if not mine else verb.options if verb is not None else {}
    if name not in known:
        return False
    value = value if equals else next(left, "")
    if not value or (value.startswith("-") and not equals):
        return False
    if mine:
        given.setdefault(known[name], []).append(value)
    else:
        kept[known[name]] = value
    return True


def _exec(session: Session, words: Sequence[str], given: Given) -> int | None:
    from polysync.cli.accompany import execute

    parameters: dict[str, str] = {}
    for pair in given.get("parameters", ()):
        name, equals, value = pair.partition("=")
        if not name or not equals or name in parameters:
            return None
        parameters[name] = value
    return execute(
        session, words[0], {"parameters": parameters} if parameters else {}, detach=given.get("detach", False)
    )


def _logs(session: Session, words: Sequence[str], given: Given) -> int | None:
    from polysync.cli.straight import Straight, suits

    last = given.get("last", ["all"])[-1]
    if not suits(session) or not (last == "all" or _number(last)):
        return None
    from polysync.cli.link import attach
    from polysync.cli.stored import poured, run_of

    wanted = {} if last == "all" else {"tail_lines": int(last)}
    with attach(session) as daemon:
        poured(daemon, run_of(daemon, words[0]), Straight(session, one_stream=True), wanted)
    return 0


def _runs(session: Session, _words: Sequence[str], given: Given) -> int | None:
    query = {name: values[-1] for name, values in given.items()}
    limit = query.setdefault("limit", "20")
    if not _number(limit) or not 0 < int(limit) <= LONGEST_PAGE:
        return None
    from polysync.cli import drawn

    return drawn.runs(session, {**query, "limit": int(limit)})


def _run(session: Session, words: Sequence[str], _given: Given) -> int | None:
    if not session.json or not _number(words[0]) or not int(words[0]):
        return None
    from polysync.cli import drawn

    return drawn.run_document(session, int(words[0]))


def _status(session: Session, _words: Sequence[str], _given: Given) -> int | None:
    from polysync.cli import drawn

    return drawn.status(session)


def _names(session: Session, words: Sequence[str], _given: Given) -> int | None:
    from polysync.cli.offered import offered

    found = offered(session, words[0]) if words[0] in KINDS else None
    if found is None:
        return None
    session.around.stdout.write(found)
    return 0


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16


VERBS = {
    "exec": Verb(_exec, words=1, options={"-p": "parameters"}, flags={"--detach": "detach"}),
    "status": Verb(_status, words=0),
    "runs": Verb(_runs, words=0, options={"--task": "task", "--limit": "limit"}),
    "run": Verb(_run, words=1),
    "logs": Verb(_logs, words=1, options={"-n": "last"}),
    "_names": Verb(_names, words=1),
}
