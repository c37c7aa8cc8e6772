"""A crontab becomes tasks that do what cron did, and every line of it is accounted for."""

from __future__ import annotations

import os
import subprocess
from datetime import timedelta

import pytest

from polysync.config.imports.crontab import from_crontab
from polysync.config.imports.second_opinion import croniter_times
from polysync.config.imports.verdict import Mark
from polysync.domain.values import Catchup, EnvBase, OnStart, Overlap
from tests.imports.accepting import about, accepted, marks

CRONTAB = """\
# Edit this file to introduce tasks to be run by cron.
# For example:
# 0 5 * * 1 tar -zcf /var/backups/homes.tgz /srv
#
# m h  dom mon dow   command
SHELL=/bin/bash
MAILTO="ops@example.com"
DB_PASSWORD=hunter2

# nightly dump
# of the shop
17 3 * * * cd /srv && pg_dump shop | gzip > "/backup/$(date +\\%F).gz"
*/5 * * * 1-5 /usr/local/bin/poll.sh >/dev/null 2>&1
5/15 9-17 * * mon-fri /usr/bin/python3 /opt/tools/check_mail.py --token=abc
@reboot /usr/local/bin/warm-up
0~30 2 * * * nice -n 10 /usr/local/bin/poll.sh
CRON_TZ=America/New_York
0 9 1 * * mail -s report boss%Hello,%%the report.\\%
@fortnightly foo
61 * * * * bar
garbage
* * * * *
TZ=UTC
"""

SYSTEM = """\
SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin
# m h dom mon dow user command
17 *\t* * *\troot    cd / && run-parts --report /etc/cron.hourly
25 6\t* * *\troot\ttest -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )
-*/10 * * * * www-data /usr/bin/php /srv/shop/artisan schedule:run
0 4 * * * root
0 4 * * * !!! true
"""


def one(line: str, **options: object) -> object:
    return accepted(from_crontab(line, "mine", system=False, **options)).tasks  # type: ignore[arg-type]  # the options of the importer


def test_crontab_import_makes_a_task_per_entry() -> None:
    imported = from_crontab(CRONTAB, "mine", zone="Europe/Bratislava")
    config = accepted(imported)

    assert list(config.tasks) == ["pg_dump", "poll", "check_mail", "warm-up", "poll-2", "mail"]
    assert config.scheduler.timezone == "Europe/Bratislava"
    assert config.tasks["pg_dump"].description == "nightly dump of the shop"
    assert config.tasks["pg_dump"].run == 'cd /srv && pg_dump shop | gzip > "/backup/$(date +%F).gz"'
    assert config.tasks["poll"].description is None
    assert config.tasks["check_mail"].cron == ("5-59/15 9-17 * * mon-fri",)
    assert config.tasks["warm-up"].run_on_start is OnStart.BOOT
    assert config.tasks["poll-2"].cron == ("H(0-30) 2 * * *",)


def test_crontab_import_keeps_the_surroundings_of_crond() -> None:
    task = accepted(from_crontab(CRONTAB, "mine")).tasks["poll"]

    assert task.env_base is EnvBase.CLEAN
    assert task.env == {"PATH": "/usr/bin:/bin", "SHELL": "/bin/bash", "DB_PASSWORD": "hunter2"}
    assert task.shell == "/bin/bash"
    assert task.working_dir == "~"
    assert task.catch_up is Catchup.SKIP
    assert task.max_concurrent == 1024


def test_crontab_import_gives_every_line_its_mark() -> None:
    found = marks(from_crontab(CRONTAB, "mine"))

    assert {line for line, mark in found.items() if mark is Mark.IMPORTED} == {6, 12, 13}
    assert {line for line, mark in found.items() if mark is Mark.ADJUSTED} == {8, 14, 15, 16, 17, 18}
    assert {line for line, mark in found.items() if mark is Mark.SKIPPED} == {19, 20, 21, 22}
    assert {line for line, mark in found.items() if mark is Mark.NOTE} == {0, 3, 7, 23}


def test_crontab_import_warns_of_running_twice() -> None:
    imported = from_crontab(CRONTAB, "mine")

    assert all("runs twice" in verdict.reason for verdict in imported.verdicts if verdict.name)
    assert "cron runs them too" in imported.verdicts[0].reason


def test_crontab_import_shows_no_secret_in_a_verdict() -> None:
    imported = from_crontab(CRONTAB, "mine")

    assert about(imported, "DB_PASSWORD").entry == "DB_PASSWORD=***"
    assert not any("hunter2" in str(verdict) or "abc" in verdict.entry for verdict in imported.verdicts)


def test_crontab_import_explains_a_step_without_a_range() -> None:
    reason = about(from_crontab(CRONTAB, "mine"), "5/15").reason

    assert "Debian's cron and cronie refuse it" in reason
    assert "FreeBSD" in reason


def test_crontab_import_takes_the_user_column_of_a_system_crontab() -> None:
    imported = from_crontab(SYSTEM, "/etc/crontab")
    config = accepted(imported)

    assert {name: task.user for name, task in config.tasks.items()} == {
        "cron.hourly": "root",
        "cron.daily": "root",
        "artisan": "www-data",
    }
    assert config.tasks["cron.hourly"].run == "cd / && run-parts --report /etc/cron.hourly"
    assert config.tasks["artisan"].cron == ("*/10 * * * *",)
    assert any("run as root" in verdict.reason for verdict in imported.verdicts)
    assert about(imported, "0 4 * * * root").reason == "it has no command"
    assert "not a user" in about(imported, "0 4 * * * !!!").reason


@pytest.mark.parametrize(
    ("text", "path", "column"),
    [
        ("0 1 * * * root true\n", "/etc/cron.d/x", True),
        ("0 1 * * * root true\n", "/var/spool/cron/crontabs/alice", False),
        ("0 1 * * * root true\n", "dump", True),
        ("0 1 * * * php true\n", "dump", False),
        ("# m h dom mon dow user command\n0 1 * * * alice true\n", "dump", True),
        ("0 1 * * * root true\n0 1 * * * /bin/x y\n", "dump", False),
    ],
)
def test_crontab_import_finds_out_about_the_user_column(text: str, path: str, column: bool) -> None:
    tasks = accepted(from_crontab(text, path)).tasks.values()

    assert [(task.run or "").startswith("true") for task in tasks][:1] == [column]


def test_crontab_import_says_how_it_decided_on_the_user_column() -> None:
    imported = from_crontab("0 1 * * * root true\n", "dump")

    assert any("the word before each command is an account" in verdict.reason for verdict in imported.verdicts)


def test_crontab_import_runs_a_spooled_crontab_as_its_owner() -> None:
    task = accepted(from_crontab("0 1 * * * true\n", "/var/spool/cron/crontabs/alice")).tasks["true"]

    assert task.user == "alice"


@pytest.mark.parametrize(
    ("rest", "wanted"),
    [
        ("cat%one%two", "one\ntwo\n"),
        ("cat%one%", "one\n"),
        ("cat%", ""),
        ("cat%INPUT%x", "INPUT\nx\n"),
        ("cat # ignored%one", "one\n"),
        ("cat; echo more%50\\% of $HOME `x` 'y'", "50% of $HOME `x` 'y'\nmore\n"),
        ("echo 100\\%", "100%\n"),
        ("printf '\\%s' a%b", "a"),
    ],
)
def test_crontab_import_hands_over_the_input_after_percent(rest: str, wanted: str) -> None:
    (task,) = accepted(from_crontab(f"0 1 * * * {rest}\n", "mine", system=False)).tasks.values()
    assert task.run is not None
    ran = subprocess.run(["/bin/sh", "-c", task.run], check=True, capture_output=True, text=True, env=dict(os.environ))

    assert ran.stdout == wanted


def test_crontab_import_refuses_input_for_a_shell_without_here_documents() -> None:
    imported = from_crontab("SHELL=/usr/bin/python3\n0 1 * * * x%y\n", "mine")

    assert accepted(imported).tasks == {}
    assert "here-document" in about(imported, "0 1").reason


@pytest.mark.parametrize(
    ("line", "mark", "words"),
    [
        ("MAILTO=", Mark.NOTE, "cron mailed no output"),
        ("MAILFROM=a@b", Mark.NOTE, "[[notifier]]"),
        ("SHELL=bash", Mark.SKIPPED, "absolute path"),
        ("HOME=", Mark.SKIPPED, "empty home"),
        ("HOME = '/srv/data'", Mark.IMPORTED, "working_dir"),
        ("CRON_TZ=Mars/Base", Mark.SKIPPED, "does not know"),
        ("TZ=UTC", Mark.ADJUSTED, "moves no schedule"),
        ("RANDOM_DELAY=30", Mark.ADJUSTED, "jitter"),
        ("RANDOM_DELAY=soon", Mark.SKIPPED, "minutes"),
        ("RANDOM_DELAY=2000", Mark.SKIPPED, "minutes"),
        ("LOGNAME=bob", Mark.SKIPPED, "user"),
        ("PATH=$HOME/bin:/bin", Mark.ADJUSTED, "does not expand"),
        ("3D=x", Mark.SKIPPED, "not a name"),
        ("POLYSYNC_TASK=x", Mark.SKIPPED, "not a name"),
        ('"GREETING" = "a b "', Mark.IMPORTED, "env.GREETING"),
        ("API_KEY=k", Mark.ADJUSTED, "vault"),
    ],
)
def test_crontab_import_accounts_for_a_setting(line: str, mark: Mark, words: str) -> None:
    imported = from_crontab(f"{line}\n0 1 * * * true\n", "mine")
    accepted(imported)
    verdict = next(verdict for verdict in imported.verdicts if verdict.line == 1)

    assert verdict.mark is mark
    assert words in verdict.reason


def test_crontab_import_applies_a_setting_only_below_it() -> None:
    text = 'A=1\n0 1 * * * one\nHOME=/srv/data\nRANDOM_DELAY=30\nB="x ${y} "\n0 2 * * * two\n'
    tasks = accepted(from_crontab(text, "mine")).tasks

    assert tasks["one"].env == {"PATH": "/usr/bin:/bin", "A": "1"}
    assert tasks["one"].jitter == timedelta(0)
    assert tasks["two"].env == {"PATH": "/usr/bin:/bin", "A": "1", "HOME": "/srv/data", "B": "x ${y} "}
    assert tasks["two"].working_dir == "/srv/data"
    assert tasks["two"].jitter == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("*/10 * * * * * /bin/sixth", "six time fields"),
        ("* * 31 2 * never", "never fires"),
        ("0 0 * * * a\0b", "NUL"),
        ("0 0 * * * a\udc80b", "UTF-8"),
        ("30-10 * * * * x", "backwards"),
        ("*/0 * * * * x", "never ends"),
        ("~/0 * * * * x", "never ends"),
        ("50~10 * * * * x", "backwards"),
        ("* * * foo * x", "not known to cron"),
        ("* * L * * x", "not known to cron"),
        ("? * * * * x", "not known to cron"),
        ("@often x", "@often is not known"),
        ("@daily", "no command"),
    ],
)
def test_crontab_import_skips_what_cron_would_not_run(line: str, words: str) -> None:
    imported = from_crontab(line, "mine", system=False)

    assert accepted(imported).tasks == {}
    assert [verdict.mark for verdict in imported.verdicts if verdict.line == 1] == [Mark.SKIPPED]
    assert words in next(verdict.reason for verdict in imported.verdicts if verdict.line == 1)


@pytest.mark.parametrize(
    ("when", "cron"),
    [
        ("0 0 * * 0-7", "0 0 * * 0-6"),
        ("0 0 * * 5-0", "0 0 * * 5-7"),
        ("0 0 * * Fri-SUN", "0 0 * * fri-sun"),
        ("00 08 01 * *", "0 8 1 * *"),
        ("0 0 1 JAN,jul *", "0 0 1 jan,jul *"),
        ("~ * * * *", "H * * * *"),
        ("~/20 * * * *", "H/20 * * * *"),
        ("5~ ~3 * * ~", "H(5-59) H(0-3) * * H"),
        ("0 0 * * 3/2", "0 0 * * 3-6/2"),
        ("@every_minute", "* * * * *"),
        ("@midnight", "@midnight"),
        ("-*/15 * * * *", "*/15 * * * *"),
    ],
)
def test_crontab_import_translates_the_time_fields(when: str, cron: str) -> None:
    (task,) = accepted(from_crontab(f"{when} true\n", "mine")).tasks.values()

    assert task.cron == (cron,)


def test_crontab_import_knows_the_flags_of_the_bsds() -> None:
    imported = from_crontab("0 1 * * * -ns /bin/job\n", "mine", system=False)
    task = accepted(imported).tasks["job"]

    assert task.run == "/bin/job"
    assert task.on_overlap is Overlap.SKIP
    assert task.max_concurrent == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 1 * * * true\r", "Windows line ending"),
        ("0 1 * * * true \\", "does not continue lines"),
        ("-0 1 * * * true", "not in syslog"),
        ("0 1 * * * mysqldump -pgeheim shop", "seems to hold a secret"),
        ("0 1 * * * curl https://bob:geheim@example.com/", "seems to hold a secret"),
    ],
)
def test_crontab_import_remarks_on_an_odd_entry(line: str, words: str) -> None:
    imported = from_crontab(line, "mine", system=False)
    accepted(imported)

    assert words in imported.verdicts[-1].reason
    assert "geheim" not in imported.verdicts[-1].entry


def test_crontab_import_leaves_out_an_entry_that_is_commented_out() -> None:
    imported = from_crontab("# about it\n#0 1 * * * old\n0 2 * * * new\n", "mine")

    assert list(accepted(imported).tasks) == ["new"]
    assert accepted(imported).tasks["new"].description is None
    assert about(imported, "# 0 1 * * * old").mark is Mark.NOTE


def test_crontab_import_takes_only_the_comment_directly_above() -> None:
    text = "# far away\n\n# ------\n# near\n0 1 * * * one\n0 2 * * * two\n"
    tasks = accepted(from_crontab(text, "mine")).tasks

    assert tasks["one"].description == "near"
    assert tasks["two"].description is None


def test_crontab_import_says_that_an_anacrontab_is_something_else() -> None:
    imported = from_crontab("1\t5\tcron.daily\tnice run-parts /etc/cron.daily\n", "/etc/anacrontab")

    assert accepted(imported).tasks == {}
    assert any("anacrontab" in verdict.reason for verdict in imported.verdicts)


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "\ufeff# mark\n"])
def test_crontab_import_of_nothing_is_an_empty_file(text: str) -> None:
    imported = from_crontab(text, "mine")

    assert accepted(imported).tasks == {}
    assert imported.verdicts == ()


def test_crontab_import_asks_for_a_second_opinion() -> None:
    imported = from_crontab(CRONTAB, "mine", second_opinion=croniter_times)
    plain = from_crontab(CRONTAB, "mine")

    assert imported == plain


def test_crontab_import_reports_a_differing_opinion() -> None:
    def other(_expression: str) -> list[object]:
        return [*croniter_times("0 4 * * *")]

    imported = from_crontab("0 3 * * * true\n", "mine", second_opinion=other)  # type: ignore[arg-type]  # times, as objects
    verdict = about(imported, "0 3")

    assert verdict.mark is Mark.ADJUSTED
    assert "2026-01-01 04:00 where this is 2026-01-01 03:00" in verdict.reason
