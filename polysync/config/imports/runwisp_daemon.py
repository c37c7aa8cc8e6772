"""`[daemon]`, `[scheduler]`, `[storage]` and `[defaults]` of a RunWisp file."""

from __future__ import annotations

from typing import Any, Final

from polysync.config.imports import runwisp_values as values
from polysync.config.imports.findings import Finding, kept, noted, skipped
from polysync.config.imports.runwisp_process import DAY, SHARED, limit, up_to
from polysync.config.imports.runwisp_service import INHERITED
from polysync.config.imports.runwisp_task import catch_up, timezone
from polysync.config.imports.runwisp_values import Around, Rule, always

_SMALLEST_STORE: Final = 1 << 20


def _max_size(value: Any, _around: Around) -> Finding:
    if values.size(value) == "0b":
        return skipped("stored logs always have a limit, 5gb by default; write a larger max_size if that is too little")
    return kept(max_size=values.size(value, _SMALLEST_STORE))


def _include(value: Any, _around: Around) -> Finding:
    files = ", ".join(values.texts(value))
    return skipped(f"import each of these files by itself, then name the results in include: {files}")


_TLS: Final = always(skipped("[api] serves TCP, with tls_cert, tls_key, listen and tokens; it is off by default"))
_METRICS: Final = always(noted("/metrics is always on the socket; [api] listen and a token serve it over TCP"))
_STATION: Final = always(noted("no other host can send work to the daemon"))
DAEMON: Final[dict[str, Rule]] = {
    "shutdown_timeout": up_to("shutdown_timeout", DAY),
    "timezone": lambda value, around: Finding(
        {"scheduler": timezone(value, around).keys}, *_rest(timezone(value, around))
    ),
    "external_url": always(noted("messages name the run; a link to a page is not added")),
    "check_updates": always(noted("Polysync never looks for updates by itself")),
    "tls": _TLS,
    "tls_cert": _TLS,
    "tls_key": _TLS,
    "metrics_enabled": _METRICS,
    "metrics_listen": _METRICS,
    "trusted_proxies": always(noted("there is nothing that looks at a client's address")),
    "allow_station_dispatch": _STATION,
    "allow_cloud_dispatch": _STATION,
    "include": _include,
    "include_cron": always(skipped("import each of these crontabs with polysync init --from crontab FILE")),
}
STORAGE: Final[dict[str, Rule]] = {
    "max_size": _max_size,
    "min_free_space": lambda value, _around: kept(min_free_space=values.size(value)),
}
DEFAULTS: Final[dict[str, Rule]] = SHARED | {
    "timeout": limit("timeout"),
    "jitter": up_to("jitter", DAY),
    "catch_up": catch_up,
    "failures": always(Finding(reason="written into each task")),
    **dict.fromkeys(INHERITED, always(Finding(reason="written into each service"))),
}


def _rest(finding: Finding) -> tuple[Any, str]:
    return finding.mark, finding.reason
