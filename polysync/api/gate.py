"""Who comes in by TCP: by a name that is ours, from no foreign page, with a token, and not too often.

Nothing is done for a caller before all of that is known, which is when the head of a request is complete.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from math import ceil
from typing import Final

from polysync.api.auth import Doorkeeper
from polysync.api.pacing import MOST, Pace, Paces
from polysync.api.protocol import Request
from polysync.api.refusal import Refused
from polysync.domain.settings import Token
from polysync.ports import Asker

CHANNEL: Final = "tcp"
LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
CHALLENGE: Final = 'Bearer realm="polysync"'
Strangers = Callable[[str, str, int], None]  # which address, why not, and how many more were not told since the last


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How often what is allowed."""

    requests: Pace = Pace(200, 50)  # noqa: RUF009 - it is frozen; of each token
    failures: Pace = Pace(10, 1 / 6)  # noqa: RUF009 - as above; of each address
    notes: Pace = Pace(20, 1 / 60)  # noqa: RUF009 - as above; of strangers, in the audit
    handshakes: Pace = Pace(60, 20)  # noqa: RUF009 - as above; of TLS, which costs us more than them; of each address


class Gate:
    """Judges all callers by TCP, and remembers more than one connection could."""

    def __init__(
        self, doorkeeper: Callable[[], Doorkeeper], now: Callable[[], float], strangers: Strangers, rates: Rates
    ) -> None:
        self.names: frozenset[str] = frozenset()  # that we go by, beside the address that was dialled
        self._doorkeeper = doorkeeper
        self._requests = Paces(rates.requests, now)
        self._failures = Paces(rates.failures, now)
        self._notes = Paces(rates.notes, now)
        self._strangers = strangers
        self._unnoted = 0
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()  # who came in with which token before

    def holds(self, token: Token) -> bool:
        """Whether a token is still as it was."""
        return token in self._doorkeeper().tokens

    def pace(self, token: Token) -> None:
        """Count a request of a token; one too many is refused."""
        if wait := self._requests.take(token.name):
            raise _too_often(f"{token.name} asks too often", wait)

    def judge(self, request: Request, who: str, names: Iterable[str], *, tls: bool) -> Token:
        """The token of a request whose head is complete."""
        self._check_place(request, who, self.names.union(names), tls=tls)
        shown = _shown(request)
        token = None if shown is None else self._doorkeeper().bearer(shown)
        if token is not None and (who, token.name) in self._seen:
            return token  # whoever shares an address with somebody who guesses is not locked out
        if wait := self._failures.wait(who):
            raise self._turned_away(who, "too many failed tries", _too_often("too many failed tries from here", wait))
        if token is None:
            self._failures.take(who)
            raise self._turned_away(who, "no token" if shown is None else "unknown token", _nobody(shown))
        self._remember(who, token)
        return token

    def _check_place(self, request: Request, who: str, names: frozenset[str], *, tls: bool) -> None:
        """Refuse pages that had their own name lead to this address, and those that do not even try."""
        host = request.headers.get("host", "")
        if _name_of(host) not in names:
            raise self._turned_away(who, "another Host", Refused(403, "the Host header does not name this listener"))
        origin = request.headers.get("origin")
        if origin is not None and origin.lower() != f"{'https' if tls else 'http'}://{host.lower()}":
            raise self._turned_away(who, "another Origin", Refused(403, "pages of other origins are not served"))

    def _turned_away(self, who: str, why: str, refused: Refused) -> Refused:
        """Note it for the audit, as often as the audit can bear."""
        if self._notes.take(""):
            self._unnoted += 1
        else:
            unnoted, self._unnoted = self._unnoted, 0
            self._strangers(who, why, unnoted)
        return refused

    def _remember(self, who: str, token: Token) -> None:
        self._seen[who, token.name] = None
        if len(self._seen) > MOST:
            self._seen.popitem(last=False)


class Visitor:
    """One connection by TCP: whoever its last request says that it is."""

    refused: Refused | None = None

    def __init__(self, gate: Gate, who: str, names: Iterable[str], *, tls: bool) -> None:
        self._gate = gate
        self._who = who
        self._names = frozenset(name.lower() for name in names)
        self._tls = tls
        self._token: Token | None = None

    @property
    def known(self) -> bool:
        """Whether a token was good here."""
        return self._token is not None

    @property
    def welcome(self) -> bool:
        """Whether the token that was good here still is."""
        return self._token is None or self._gate.holds(self._token)

    def admit(self, request: Request) -> Asker:
        """Who asks."""
        self._token = token = self._gate.judge(request, self._who, self._names, tls=self._tls)
        return Asker(token.name, token.role, CHANNEL)

    def pace(self) -> None:
        """Count an answer that is about to be made."""
        if self._token is not None:
            self._gate.pace(self._token)


def names_for(dialled: str, sni: str | None) -> frozenset[str]:
    """What a caller may call us who dialled this address, and named us so in TLS, where the name was proved."""
    try:
        local = LOCAL_NAMES if ip_address(dialled).is_loopback else frozenset[str]()
    except ValueError:
        local = frozenset()
    return local | {dialled, *([sni] if sni else [])}


def _name_of(host: str) -> str:
    """The name in a Host header; its port may be that of a tunnel."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, "0"
    if not (port.isascii() and port.isdigit()):
        return ""
    return name.removeprefix("[").removesuffix("]").lower().rstrip(".")


def _shown(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _nobody(shown: str | None) -> Refused:
    if shown is None:
        return Refused(401, "a token is needed: Authorization: Bearer …", headers={"WWW-Authenticate": CHALLENGE})
    challenge = f'{CHALLENGE}, error="invalid_token"'
    return Refused(401, "this token is not known", headers={"WWW-Authenticate": challenge})


def _too_often(message: str, wait: float) -> Refused:
    return Refused(429, message, headers={"Retry-After": str(max(1, ceil(wait)))})
