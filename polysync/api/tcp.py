"""Listening on TCP: addresses, sockets that survive dead peers, and TLS."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Sequence
from contextlib import ExitStack
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any, Final, NoReturn

from polysync.domain.errors import PolysyncError

BACKLOG: Final = 128
EVERYBODY: Final = 0o004  # may read
ANYWHERE: Final = "::"
NET: Final = 64  # bits of an IPv6 address that one caller has to itself
KEEPALIVE: Final = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))


class CannotListen(PolysyncError):
    """The TCP listener cannot be had as it is configured, at least not now."""


def parts_of(listen: str) -> tuple[str, int]:
    """Host and port of an address as the configuration has it."""
    host, _, port = listen.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def listen_on(listen: str) -> list[socket.socket]:
    """Listening sockets on every address that `listen` names; the name may have to be looked up."""
    host, port = parts_of(listen)
    with ExitStack() as stack:
        made = []
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
                one = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
                _bind(one, address, both=host == ANYWHERE)
                made.append(one)
        except (OSError, UnicodeError) as error:
            raise CannotListen(f"cannot listen on {listen}: {getattr(error, 'strerror', None) or error}") from error
        stack.pop_all()
        return made


def _bind(one: socket.socket, address: Any, *, both: bool) -> None:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if one.family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if both else 1)
    one.bind(address)
    one.listen(BACKLOG)
    one.setblocking(False)  # noqa: FBT003 - the argument has no name


def keep_alive(caller: socket.socket) -> None:
    """Notice a caller whose host is gone without a word."""
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE:
        caller.setsockopt(socket.IPPROTO_TCP, option, value)


def tls_of(certificate: Path, key: Path) -> ssl.SSLContext:
    """How TLS is spoken with a certificate and its key: never older than 1.2."""
    for path in (certificate, key):
        _readable(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, lambda: _locked(key))
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None)
        raise CannotListen(f"{certificate} and {key}: {REASONS.get(str(reason), str(error))}") from error
    return context


REASONS: Final = {
    "KEY_VALUES_MISMATCH": "the key is not that of the certificate",
    "NO_START_LINE": "not a certificate or key in PEM form",
    "PEM_LIB": "not a certificate and its key in PEM form",
    "BAD_BASE64_DECODE": "damaged",
}


def is_open_secret(key: Path) -> bool:
    """Whether everybody on this host may read the key."""
    return bool(key.stat().st_mode & EVERYBODY)


def caller_of(address: str) -> str:
    """Who an address stands for when callers are counted: one address, or one network of IPv6."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return f"{IPv6Address(int(found) >> (128 - NET) << (128 - NET))}/{NET}"
    return str(found)


def address_of(names: Sequence[object] | None) -> str:
    """The address in what a socket says of one of its ends."""
    return str(names[0]).partition("%")[0].removeprefix("::ffff:") if names else ""


def _readable(path: Path) -> None:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise CannotListen(f"{path}: {error.strerror or error}; user {os.geteuid()} must be able to read it") from error


def _locked(key: Path) -> NoReturn:
    raise CannotListen(f"{key}: is protected by a passphrase, and nobody is there to type it; store it without one")
