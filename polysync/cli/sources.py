"""Reading what is imported: crontabs, systemd units, RunWisp files, from disk, standard input or `crontab -l`."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from polysync.cli.failure import USAGE, Failure, unreadable, usage
from polysync.cli.session import Session
from polysync.config.imports.verdict import Imported

LARGEST: Final = 4 << 20  # no crontab or unit is larger
UNITS: Final = ("*.timer", "*.service", "*.d/*.conf")
STDIN: Final = "-"


def imported(session: Session, kind: str, files: Sequence[str]) -> Imported:
    """What the files of one kind come to."""
    return READERS[kind](session, files)


def _crontab(session: Session, files: Sequence[str]) -> Imported:
    from polysync.config.imports.crontab import from_crontab
    from polysync.config.imports.second_opinion import croniter_times

    if not files:
        text, path = _installed(session), "crontab -l"
    else:
        path = _only(files, "crontab")
        text = _text(session, path)
    return from_crontab(text, path, zone=session.host_zone, second_opinion=croniter_times)


def _runwisp(session: Session, files: Sequence[str]) -> Imported:
    from polysync.config.imports.runwisp import from_runwisp, includes

    path = _only(files, "RunWisp file")
    text = _text(session, path)
    for pattern in includes(text):
        session.remark(f"{path} includes {pattern}; import those files one by one, with -o conf.d/NAME.toml")
    return from_runwisp(text, path)


def _systemd(session: Session, files: Sequence[str]) -> Imported:
    from polysync.config.imports.systemd import from_systemd

    if not files:
        raise usage("name unit files or a folder of them", "polysync init --from systemd /etc/systemd/system")
    units: dict[str, str] = {}
    for name in files:
        units |= _units(session, name)
    if not units:
        raise usage(f"no units in {', '.join(files)}", "units are files such as backup.timer and backup.service")
    return from_systemd(units, zone=session.host_zone)


def _units(session: Session, name: str) -> Mapping[str, str]:
    """The units at one place: a folder's, or one unit with its drop-ins and what it starts."""
    from polysync.config.imports.systemd import companions

    place = Path(session.around.folder) / name
    if name == STDIN:
        raise usage("units have names, so they cannot come from standard input", "name the files or their folder")
    if place.is_dir():
        found = sorted(path for pattern in UNITS for path in place.glob(pattern) if path.is_file())
        return {str(path.relative_to(place)): _text(session, str(path)) for path in found}
    units = {place.name: _text(session, name)}
    for further in companions(place.name, units[place.name]):
        if (place.parent / further).is_file():
            units[further] = _text(session, str(place.parent / further))
    for unit in list(units):
        for dropin in sorted((place.parent / f"{unit}.d").glob("*.conf")):
            units[f"{unit}.d/{dropin.name}"] = _text(session, str(dropin))
    return units


READERS: Final[Mapping[str, Callable[[Session, Sequence[str]], Imported]]] = {
    "crontab": _crontab,
    "systemd": _systemd,
    "runwisp": _runwisp,
}


def _only(files: Sequence[str], kind: str) -> str:
    if len(files) != 1:
        hint = "import each into a file of its own with -o, and name them in include"
        raise usage(f"name one {kind}" if not files else f"one {kind} at a time", "" if not files else hint)
    return files[0]


def _text(session: Session, name: str) -> str:
    """The text of a file, whatever its bytes: what is not UTF-8 is kept for the importer to judge."""
    if name == STDIN:
        stream = getattr(session.around.stdin, "buffer", None)
        content = stream.read(LARGEST + 1) if stream is not None else session.around.stdin.read(LARGEST + 1).encode()
    else:
        content = _content(session, name)
    if len(content) > LARGEST:
        raise Failure(f"{name} is larger than 4 MB", code="unreadable", status=USAGE, hint="is it the right file?")
    return content.decode("utf-8", errors="surrogateescape")


def _content(session: Session, name: str) -> bytes:
    from polysync.config.read import read_bytes
    from polysync.domain.errors import ValueProblem

    try:
        return read_bytes(Path(session.around.folder) / name)
    except ValueProblem as problem:
        raise Failure(f"{name} {problem.message}", code="unreadable", status=USAGE) from problem


def _installed(session: Session) -> str:
    """The crontab of the user, as `crontab -l` prints it."""
    try:
        found = subprocess.run(
            ["crontab", "-l"],  # noqa: S607 - whichever crontab is installed: that is the question
            capture_output=True,
            check=False,
            env=dict(session.around.env),
            timeout=30,
        )
    except FileNotFoundError:
        raise usage("there is no crontab command here", "name the file: polysync init --from crontab FILE") from None
    except OSError as error:
        raise unreadable("crontab", error) from error
    except subprocess.TimeoutExpired:
        raise Failure("crontab -l does not answer", code="unreadable", status=USAGE) from None
    if found.returncode:
        said = found.stderr.decode("utf-8", errors="replace").strip() or f"exit {found.returncode}"
        raise Failure(f"crontab -l: {said}", code="unreadable", status=USAGE, hint="name a file instead")
    return found.stdout.decode("utf-8", errors="surrogateescape")
