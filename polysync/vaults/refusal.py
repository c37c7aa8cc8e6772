"""How a vault says no: always with the reason that the run then ends for, never with anything secret."""

from __future__ import annotations

import errno
from collections.abc import Collection, Mapping
from typing import Any, Final

from polysync.domain.run import Reason
from polysync.ports import NoRoom, PortError

LACKS: Final = frozenset({errno.EAGAIN, errno.ENOMEM, errno.ENFILE, errno.EMFILE})  # of the host, and not for long


def refused(message: str, *, permanent: bool = True) -> PortError:
    """The error by which an attempt ends as `secret_error`; what may mend itself is not permanent."""
    return PortError(message, permanent, reason=Reason.SECRET_ERROR)


def failed(error: OSError, message: str, *, permanent: bool = True) -> PortError:
    """The error for what the system said no to; what the host lacks just now is waited for, and is no failed try."""
    if error.errno in LACKS:
        return NoRoom(message, reason=Reason.SECRET_ERROR)
    return refused(message, permanent=permanent)


def check_options(kind: str, options: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse options that this kind of vault does not have."""
    unknown = sorted(options.keys() - set(known))
    if unknown:
        raise refused(f"a vault of type {kind} has no option {', '.join(unknown)}; it knows {', '.join(known)}")


def text_option(kind: str, options: Mapping[str, Any], name: str, otherwise: str = "") -> str:
    """An option that is a string."""
    value = options.get(name, otherwise)
    if not isinstance(value, str) or "\0" in value:
        raise refused(f"the option {name} of a vault of type {kind} must be a string")
    return value


def as_text(value: bytes, what: str) -> str:
    """A secret as text, without the one line feed that editors and commands put at its end."""
    try:
        return value.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise refused(f"{what} is not UTF-8 text") from None
