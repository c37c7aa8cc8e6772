"""Whatever is imported: no traceback, a file that loads, and a word about every line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
import tomli_w
from hypothesis import example, given, settings
from hypothesis import strategies as st

from polysync.config.imports.crontab import from_crontab
from polysync.config.imports.runwisp import from_runwisp
from polysync.config.imports.runwisp_service import RULES as SERVICE_KEYS
from polysync.config.imports.runwisp_task import RULES as TASK_KEYS
from polysync.config.imports.second_opinion import croniter_times
from polysync.config.imports.systemd import from_systemd
from polysync.config.imports.unit_process import RULES
from polysync.config.imports.unit_remarks import REMARKS
from polysync.config.imports.verdict import Imported, Mark
from tests.imports.accepting import accepted, readings

pytestmark = pytest.mark.slow

START = datetime(2026, 1, 1, tzinfo=UTC)
ODD = st.text(st.characters(codec=None, exclude_characters="\n"), max_size=12)
NUMBERS = st.integers(0, 70).map(str)
ITEMS = st.one_of(
    st.just("*"),
    NUMBERS,
    st.builds("{}-{}".format, NUMBERS, NUMBERS),
    st.builds("*/{}".format, NUMBERS),
    st.builds("{}-{}/{}".format, NUMBERS, NUMBERS, NUMBERS),
    st.builds("{}/{}".format, NUMBERS, NUMBERS),
    st.builds("{}~{}".format, NUMBERS, NUMBERS),
    st.sampled_from(["mon-fri", "sun", "JAN,dec", "fri-sun", "~", "L", "?", "H", "0-7", "1-7/2"]),
    ODD,
)
FIELDS = st.lists(ITEMS, min_size=1, max_size=3).map(",".join)
COMMANDS = st.one_of(
    st.sampled_from(
        ["/bin/x", "root /bin/x", "cat%a%b", "echo \\%", "true \\", "'", '"${X}', "# x", "x\r", "mysql -pabc", ""]
    ),
    ODD,
)
ENTRIES = st.one_of(
    st.builds("{} {}".format, st.lists(FIELDS, min_size=5, max_size=5).map(" ".join), COMMANDS),
    st.builds("{} {}".format, st.sampled_from(["@daily", "@reboot", "@hourly", "@odd"]), COMMANDS),
)
SETTINGS = st.builds(
    "{}={}".format,
    st.sampled_from(
        ["PATH", "SHELL", "HOME", "MAILTO", "CRON_TZ", "TZ", "RANDOM_DELAY", "LOGNAME", "A", "'B '", "SECRET"]
    ),
    st.one_of(st.sampled_from(["/bin/sh", "/bin/fish", "UTC", "5", "", "${X}", "'a'"]), ODD),
)
CRONTABS = st.lists(st.one_of(ENTRIES, SETTINGS, st.builds("#{}".format, ODD), st.just(""), ODD), max_size=8)


def covered(imported: Imported) -> set[int]:
    return {verdict.line for verdict in imported.verdicts}


@settings(max_examples=150)
@given(CRONTABS, st.sampled_from(["/etc/crontab", "mine", "/var/spool/cron/bob", "anacrontab"]))
@example(["* * * * * a\u2028b"], "mine")
def test_crontab_of_any_kind_is_accounted_for(lines: list[str], path: str) -> None:
    imported = from_crontab("\n".join(lines), path, second_opinion=croniter_times)

    accepted(imported)
    entries = {
        n
        for n, line in enumerate(lines, 1)
        if line.strip(" \t\f\r\ufeff") and not line.strip(" \t\f\ufeff").startswith("#")
    }
    assert entries <= covered(imported)
    assert all(verdict.entry.isprintable() and verdict.reason for verdict in imported.verdicts)


def expanded(text: str, low: int, high: int) -> set[int]:
    """The values of a field as crond expands it."""
    found: set[int] = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        start, end = (low, high) if span == "*" else (int(first), int(last or first))
        found.update(range(start, end + 1, int(step or 1)))
    return found


def crond(fields: tuple[str, ...], days: int) -> Iterator[datetime]:
    """Every minute of some days at which crond would start an entry."""
    minute, hour, day, month, weekday = (
        expanded(text, low, high)
        for text, (low, high) in zip(fields, [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)], strict=True)
    )
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    for number in range(days):
        date = START + timedelta(days=number)
        on_day, on_weekday = date.day in day, bool({date.isoweekday(), date.isoweekday() % 7} & weekday)
        if date.month in month and ((on_day or on_weekday) if either else (on_day and on_weekday)):
            for at in product(sorted(hour), sorted(minute)):
                yield date.replace(hour=at[0], minute=at[1])


def valid(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    step = st.integers(1, 20).map("/{}".format)
    ends = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    item = st.one_of(
        st.just("*"),
        number.map(str),
        ends,
        st.tuples(st.just("*"), step).map("".join),
        st.tuples(ends, step).map("".join),
    )
    return st.lists(item, min_size=1, max_size=2).map(",".join)


@settings(max_examples=120)
@given(st.tuples(valid(0, 59), valid(0, 23), valid(1, 31), valid(1, 12), valid(0, 7)))
@example(("0", "12", "*/10", "*", "1"))
@example(("0", "12", "1-31/10", "*", "1"))
@example(("0", "0", "*", "*", "0-7/2"))
@pytest.mark.slow
def test_crontab_fires_when_crond_would(fields: tuple[str, ...]) -> None:
    imported = from_crontab(" ".join(fields) + " job\n", "mine", system=False)
    tasks = accepted(imported).tasks
    wanted = [at for at in crond(fields, 120) if at > START][:40]
    if not tasks:  # a day that no year has
        assert wanted == []
        return

    assert readings(tasks["job"].cron[0], "job", START, len(wanted)) == wanted


@pytest.mark.parametrize(
    "when",
    ["*/15 * * * *", "0 12 13 * 5", "0 12 */10 * 1", "30 2 29 2 *", "0 0 * * 0-7", "59 23 31 12 *", "5 4 1-7 * sun"],
)
def test_crontab_and_croniter_agree(when: str) -> None:
    imported = from_crontab(f"{when} job\n", "mine", system=False, second_opinion=croniter_times)

    assert [verdict.mark for verdict in imported.verdicts if verdict.name] == [Mark.IMPORTED]


MORE_KEYS = ("ExecStart", "ExecStartPre", "Type", "Restart", "OnCalendar", "OnBootSec", "Odd", "Description")
KEYS = sorted({*RULES, *REMARKS, *MORE_KEYS})
WORDS = "yes infinity 512M 50% daily A=1 oneshot forking always on-failure %n%% %H SIGINT a\\ \\x41 'open vault://a/b ~"
PLAIN = st.sampled_from(
    [*WORDS.split(), "/bin/x $A ${B}", "-/bin/x 'a b'", "5min 3s", "Mon *-*-1..7 1:00", "1 2 300", ""]
)
DIRECTIVES = st.builds("{}={}".format, st.sampled_from(KEYS), st.one_of(PLAIN, ODD))
UNIT = st.lists(
    st.one_of(DIRECTIVES, DIRECTIVES, st.sampled_from(["[Unit]", "[Service]", "[Timer]", "; c", ""]), ODD), max_size=10
)


@settings(max_examples=150)
@given(
    UNIT,
    UNIT,
    UNIT,
    st.sampled_from(["b.service", "x@y.service", "a.service.d/o.conf", "c.timer", "c@.timer", "d.path"]),
)
def test_units_of_any_kind_are_accounted_for(timer: list[str], work: list[str], other: list[str], name: str) -> None:
    given_units = {
        "a.timer": "[Timer]\nOnCalendar=daily\n" + "\n".join(timer),
        "a.service": "[Service]\nExecStart=/bin/a\n" + "\n".join(work),
        name: "[Service]\nExecStart=/bin/b\n" + "\n".join(other),
    }
    imported = from_systemd(given_units, zone="UTC")

    accepted(imported)
    assert {verdict.path for verdict in imported.verdicts} >= {"a.timer", "a.service"}
    assert all(verdict.entry.isprintable() and verdict.reason for verdict in imported.verdicts)


VALUES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        ["1h", "0s", "10mb", "@daily", "* * * * *", "${SHOP}", "$${x}", "${", "kill", "all", "always", "boot", "UTC"]
    ),
    st.sampled_from(
        [0, 1, 3, 10**6, -1, True, False, 1.5, [], ["inapp"], ["a", "b"], {}, {"A": "x"}, {"run": "x"}, ["+stopped"]]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.lists(
        st.dictionaries(
            st.sampled_from(["env", "arg", "default", "flag"]), st.sampled_from(["A", "--b", "", 3]), max_size=3
        )
    ),
    st.integers(-(1 << 70), 1 << 70),
)
NAMES = st.one_of(
    st.sampled_from(["a", "b", "7", "x y", "", ".z"]), st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
)


def tables(keys: list[str]) -> st.SearchStrategy[Any]:
    table = st.dictionaries(st.sampled_from(keys), VALUES, max_size=6).map(lambda made: {"run": "true"} | made)
    return st.dictionaries(NAMES, st.one_of(table, table, VALUES), max_size=3)


FILES = st.fixed_dictionaries(
    {},
    optional={
        "tasks": tables(sorted({*TASK_KEYS, "sdk"})),
        "services": tables(sorted(SERVICE_KEYS)),
        "defaults": st.dictionaries(st.sampled_from(sorted({*TASK_KEYS, *SERVICE_KEYS})), VALUES, max_size=4),
        "notifiers": st.dictionaries(NAMES, st.dictionaries(st.sampled_from(["type", "url"]), VALUES), max_size=2),
        "notifier": st.lists(
            st.dictionaries(st.sampled_from(["id", "type"]), st.sampled_from(["slack", "a", 3])), max_size=2
        ),
        "route": st.lists(st.dictionaries(st.sampled_from(["match", "notifiers"]), VALUES), max_size=2),
        "daemon": st.dictionaries(
            st.sampled_from(["timezone", "shutdown_timeout", "include", "tls"]), VALUES, max_size=3
        ),
        "storage": VALUES,
        "notify": st.dictionaries(st.sampled_from(["global_notifiers", "coalesce_window"]), VALUES, max_size=2),
        "compose": VALUES,
        "else": VALUES,
    },
)


@settings(max_examples=200)
@given(FILES)
@pytest.mark.slow
def test_runwisp_file_of_any_kind_is_accounted_for(data: dict[str, Any]) -> None:
    imported = from_runwisp(tomli_w.dumps(data), "runwisp.toml")

    accepted(imported)
    told = [verdict.entry for verdict in imported.verdicts]
    assert [
        key for key, value in data.items() if value not in ({}, []) and not any(key in entry for entry in told)
    ] == []
    assert all(verdict.entry.isprintable() and verdict.reason for verdict in imported.verdicts)


@given(st.text(max_size=60))
def test_runwisp_text_of_any_kind_is_accounted_for(text: str) -> None:
    accepted(from_runwisp(text, "runwisp.toml"))
