"""Where the configuration and the home are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

NAME: Final = "polysync.toml"
SYSTEM_CONFIG: Final = Path("/etc/polysync/polysync.toml")
SYSTEM_HOME: Final = Path("/var/lib/polysync")
HOME: Final = ".polysync"


def config_candidates(given: str | None, env: Mapping[str, str], cwd: Path) -> tuple[Path, ...]:
    """The places where a configuration is looked for, first one first; a named one is the only one."""
    named = given or env.get("POLYSYNC_CONFIG")
    if named:
        return (cwd / Path(named).expanduser() if named.startswith("~") else cwd / named,)
    personal = env.get("XDG_CONFIG_HOME") or (f"{env['HOME']}/.config" if env.get("HOME") else "")
    places = [cwd / NAME]
    if personal:
        places.append(Path(personal) / "polysync" / NAME)
    return (*places, SYSTEM_CONFIG)


def find_config(
    given: str | None,
    env: Mapping[str, str],
    cwd: Path,
    exists: Callable[[Path], bool] = Path.is_file,
) -> Path | None:
    """The configuration to use: a named one even where it does not exist, else the first that does."""
    candidates = config_candidates(given, env, cwd)
    if given or env.get("POLYSYNC_CONFIG"):
        return candidates[0]
    return next((place for place in candidates if exists(place)), None)


def find_home(
    given: str | None,
    env: Mapping[str, str],
    cwd: Path,
    config: Path | None,
    data_dir: str | None = None,
) -> Path:
    """The home: as named, else `data_dir` of the configuration, else the place that goes with the configuration."""
    named = given or env.get("POLYSYNC_DATA")
    if named:
        return cwd / named
    folder = (cwd / config).parent if config is not None else cwd
    if data_dir:
        return folder / data_dir
    return SYSTEM_HOME if folder.is_relative_to("/etc") else folder / HOME


def runtime_folder(env: Mapping[str, str], uid: int) -> Path:
    """The user's runtime folder, which is emptied at boot."""
    if env.get("XDG_RUNTIME_DIR"):
        return Path(env["XDG_RUNTIME_DIR"]) / "polysync"
    return Path("/run/polysync") if uid == 0 else Path(f"/run/user/{uid}/polysync")


def pointer_file(config: Path, env: Mapping[str, str], uid: int) -> Path:
    """The file that says where the home of a configuration is; `config` is its real path."""
    return runtime_folder(env, uid) / f"{sha256(str(config).encode()).hexdigest()[:32]}.home"
