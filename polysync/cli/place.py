"""Where the daemon listens, on `os` alone: every command that asks the daemon pays for what is imported here.

What is a home and what is a configuration is told in `config/where.py`, in the words of pathlib; a test proves that
both find the same.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as in typing, whose import alone would take longer than a request
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from polysync.cli.session import Session

NAME = "polysync.toml"
SYSTEM_CONFIG = "/etc/polysync/polysync.toml"
SYSTEM_HOME = "/var/lib/polysync"
HOME = ".polysync"
SOCKET = "polysync.sock"
SHARED = "sock"  # the folder in a home that others may pass
LOCK = "lock"


def socket_of(session: Session) -> str:
    """The socket that the options of a command mean; a named configuration has to be there to mean one."""
    found = socket_path(session.option, session.around.env, session.around.folder)
    config = session.option("config")
    if config and not (session.option("data") or session.option("socket") or os.access(found, os.F_OK)):
        _require(config_of(config, session.around.env, session.around.folder) or config)
    return found


def socket_path(option: Callable[[str], str | None], env: Mapping[str, str], folder: str) -> str:
    """Where the daemon listens: as named, else in the home that goes with the options and the configuration."""
    named = option("socket")
    if named:
        return joined(folder, named)
    home = home_of(option("data"), config_of(option("config"), env, folder), env, folder)
    return _socket_in(home) or joined(home, SOCKET)


def config_of(given: str | None, env: Mapping[str, str], folder: str) -> str | None:
    """The configuration: a named one even where it does not exist, else the first that does."""
    named = given or env.get("POLYSYNC_CONFIG")
    if named:
        return joined(folder, os.path.expanduser(named) if named.startswith("~") else named)  # noqa: PTH111 - light
    personal = env.get("XDG_CONFIG_HOME") or (f"{env['HOME']}/.config" if env.get("HOME") else "")
    places = [joined(folder, NAME), joined(personal, "polysync", NAME) if personal else "", SYSTEM_CONFIG]
    return next((place for place in places if place and os.path.isfile(place)), None)  # noqa: PTH113 - light


def home_of(data: str | None, config: str | None, env: Mapping[str, str], folder: str) -> str:
    """The home: as named, else where the daemon said that it is, else the place that goes with the configuration.

    Where nobody listens at that place, `data_dir` is looked for in the file: a daemon that died, or that could not
    leave word, has left none of where it is.
    """
    if data is None and config is not None:
        pointed = _pointed(config, env)
        if pointed is not None:
            return pointed
    named = data or env.get("POLYSYNC_DATA")
    if named:
        return joined(folder, named)
    beside = _parts(folder) if config is None else _parts(config)[:-1]
    root = "/" if folder.startswith("/") else ""  # a folder that was removed has no name
    usual = SYSTEM_HOME if beside[:1] == ["etc"] else root + "/".join([*beside, HOME])
    return usual if config is None or _socket_in(usual) else _declared(config) or usual


def _socket_in(home: str) -> str | None:
    """The socket of a home, if there is one where we may look."""
    places = joined(home, SOCKET), joined(home, SHARED, SOCKET)
    return next((place for place in places if os.access(place, os.F_OK)), None)


def _declared(config: str) -> str | None:
    """The home that a configuration names itself; None where it names none that can be read without its daemon."""
    import tomllib

    if not os.path.isfile(config):  # noqa: PTH113 - light; and a pipe would be waited for
        return None
    try:
        with open(config, "rb") as file:  # noqa: PTH123 - light
            text = file.read()
        table = tomllib.loads(text.decode()).get("daemon") if b"data_dir" in text else None
    except (OSError, ValueError, RecursionError):
        return None  # whoever reads the whole configuration says what is wrong with it
    named = table.get("data_dir") if isinstance(table, dict) else None
    if not isinstance(named, str) or not named or "$" in named:
        return None
    return joined(config.rpartition("/")[0], named)


def _require(config: str) -> None:
    """Refuse a configuration that is not there: its home would be a guess."""
    if os.access(config, os.F_OK):
        return
    from polysync.cli.failure import USAGE, Failure

    hint = "polysync init writes one; --data names a home without one"
    raise Failure(f"{config}: there is no such file", code="no_configuration", status=USAGE, hint=hint)


def _parts(path: str) -> list[str]:
    """The parts of an absolute path; those that lead nowhere are left out."""
    return [part for part in path.split("/") if part not in {"", "."}]


def is_owned(socket: str) -> bool | None:
    """Whether a daemon holds the home of this socket: it is starting or ending where it is silent; None: no home."""
    import fcntl

    folder = socket.rpartition("/")[0]
    home = folder.removesuffix(f"/{SHARED}")
    try:
        descriptor = os.open(joined(home, LOCK), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def joined(*parts: str) -> str:
    """The path that these parts make."""
    return os.path.join(*parts)  # noqa: PTH118 - pathlib costs a start-up


def _pointed(config: str, env: Mapping[str, str]) -> str | None:
    """The home that the daemon of this configuration left word of."""
    uid = os.getuid()
    folder = "/run/polysync" if uid == 0 else f"/run/user/{uid}/polysync"
    if env.get("XDG_RUNTIME_DIR"):
        folder = joined(env["XDG_RUNTIME_DIR"], "polysync")
    if not os.access(folder, os.F_OK):  # nobody left any, and nothing is worth hashing
        return None
    real = os.path.realpath(config)
    try:
        with open(joined(folder, f"{_digest(str(real).encode())}.home"), "rb") as file:  # noqa: PTH123 - light
            return os.fsdecode(file.read())
    except OSError:
        return None


def _digest(text: bytes) -> str:
    try:
        from _sha2 import sha256  # type: ignore[import-not-found]  # since Python 3.12; hashlib would load all of OpenSSL
    except ImportError:
        try:
            from _sha256 import sha256  # type: ignore[import-not-found]  # until then
        except ImportError:  # pragma: no cover - an interpreter without either: slower, and the same
            from hashlib import sha256
    digest: str = sha256(text).hexdigest()
    return digest[:32]
