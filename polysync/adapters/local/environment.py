"""Where the environment of a process begins, before a task adds its own variables.

`inherit` means what it says: the daemon's own environment, with whatever the person who started it had put
there, LD_PRELOAD among it.  Taken out is only what speaks about the daemon itself and would be a lie in a
child: the service protocol of systemd, and polysync's own variables.  Where the user changes, what speaks about
the old user is replaced or taken out too.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from polysync.domain.run import Reason
from polysync.domain.values import EnvBase
from polysync.ports import PortError

OWN_PREFIXES: Final = ("POLYSYNC_", "LISTEN_", "WATCHDOG_", "MEMORY_PRESSURE_")
OWN_NAMES: Final = frozenset(
    {"NOTIFY_SOCKET", "MAINPID", "INVOCATION_ID", "JOURNAL_STREAM", "TRACEPARENT", "TRACESTATE"}
)
PERSONAL_PREFIXES: Final = ("XDG_", "SUDO_", "SSH_")
PERSONAL_NAMES: Final = frozenset({"DBUS_SESSION_BUS_ADDRESS", "MAIL", "XAUTHORITY", "OLDPWD"})
USER_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
ROOT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LANGUAGE: Final = "C.UTF-8"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this host, and the groups that a process of theirs is in."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    groups: tuple[int, ...]


def account_of(user: str | None) -> Account | None:
    """The account that `user` or `user:group` names, or None where nobody is named; asks the host's user database."""
    if user is None:
        return None
    name, _, group = user.partition(":")
    try:
        entry = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
        gid = entry.pw_gid if not group else int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    except KeyError:
        raise PortError(f"there is no user or group {user}", permanent=True, reason=Reason.START_FAILED) from None
    groups = tuple(sorted(set(os.getgrouplist(entry.pw_name, gid))))
    return Account(entry.pw_name, entry.pw_uid, gid, entry.pw_dir, entry.pw_shell or "/bin/sh", groups)


def base_environment(
    env_base: EnvBase, user: str | None = None, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The variables that a process begins with; the task's own go over them."""
    given = os.environ if environ is None else environ
    account = account_of(user)
    if env_base is EnvBase.CLEAN:
        return _clean(account or _own_account(), given)
    kept = {name: value for name, value in given.items() if not _speaks_of(name, OWN_NAMES, OWN_PREFIXES)}
    if account is None:
        return kept
    kept = {name: value for name, value in kept.items() if not _speaks_of(name, PERSONAL_NAMES, PERSONAL_PREFIXES)}
    return {**kept, **_personal(account)}


def _clean(account: Account, given: Mapping[str, str]) -> dict[str, str]:
    path = USER_PATH if account.uid else ROOT_PATH
    return {"PATH": path, "LANG": given.get("LANG") or LANGUAGE, **_personal(account)}


def _personal(account: Account) -> dict[str, str]:
    return {"HOME": account.home, "USER": account.name, "LOGNAME": account.name, "SHELL": account.shell}


def _own_account() -> Account:
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # a container may run a number that nobody has given a name
        return Account(str(uid), uid, os.getegid(), "/", "/bin/sh", ())
    account = account_of(name)
    if account is None:
        raise RuntimeError("a name always has an account")
    return account


def _speaks_of(name: str, names: frozenset[str], prefixes: tuple[str, ...]) -> bool:
    return name in names or name.startswith(prefixes)
