"""systemd units become tasks and services, and every directive of them is accounted for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from polysync.config.imports.systemd import companions, from_systemd
from polysync.config.imports.verdict import Mark
from polysync.domain.values import Backoff, Catchup, DayMatch, EnvBase, OnStart, Overlap, Restart, Signal
from tests.imports.accepting import about, accepted

TIMER = """\
[Unit]
Description=Nightly backup
[Timer]
OnCalendar=Mon..Fri 02:30 Europe/Berlin
OnCalendar=Fri *-*-13 04:00 Europe/Berlin
Persistent=true
RandomizedDelaySec=10min
AccuracySec=1us
[Install]
WantedBy=timers.target
"""
BACKUP = """\
[Unit]
After=network-online.target

[Service]
Type=oneshot
User=backup
Group=disk
Environment="A=1 2" B=x$y
Environment=TOKEN=abc
EnvironmentFile=-/etc/default/backup
ExecCondition=/usr/bin/test -d /srv
ExecStartPre=/bin/mkdir -p /var/backups
; a comment
ExecStart=/usr/bin/restic backup --tag "nightly run" ${DIRS} $OPTS \\
# between the lines
   --verbose
ExecStart=-/usr/bin/restic forget
ExecStartPost=/bin/echo done
ExecStopPost=/bin/false
Nice=5
Nice=10
ProtectSystem=strict
MemoryMax=512M
CPUQuota=150%
TasksMax=64
UMask=27
TimeoutStartSec=1h 30min
SuccessExitStatus=3 SIGTERM TEMPFAIL
RestartPreventExitStatus=4 3
Frobnicate=1
not a directive
"""
WEB = """\
[Unit]
Description=Web %N
Requires=db.service cache.service
After=db.service network.target
[Service]
ExecStart=/usr/bin/web --port 80
Restart=on-failure
RestartSec=5
TimeoutStopSec=20
KillSignal=SIGINT
WorkingDirectory=/srv
StartLimitBurst=7
[Install]
WantedBy=multi-user.target
"""
WANTED = "[Install]\nWantedBy=multi-user.target\n"
DB = f"[Service]\nType=notify\nExecStart=/usr/bin/db\nRestart=always\nWatchdogSec=10\n{WANTED}"
UNITS = {"backup.timer": TIMER, "backup.service": BACKUP, "web.service": WEB, "db.service": DB}


def test_systemd_import_makes_a_task_of_a_timer_and_its_service() -> None:
    task = accepted(from_systemd(UNITS, zone="UTC")).tasks["backup"]

    assert task.description == "Nightly backup"
    assert task.cron == ("30 2 * * 1-5", "0 4 13 * 5")
    assert task.day_match is DayMatch.ALL
    assert task.timezone == "Europe/Berlin"
    assert task.catch_up is Catchup.LATEST
    assert task.jitter == timedelta(minutes=10)
    assert task.on_overlap is Overlap.SKIP
    assert task.timeout == timedelta(minutes=90)
    assert task.graceful_stop == timedelta(seconds=90)


def test_systemd_import_carries_over_the_process() -> None:
    task = accepted(from_systemd(UNITS)).tasks["backup"]

    assert task.user == "backup:disk"
    assert task.env_base is EnvBase.CLEAN
    assert task.env["A"] == "1 2"
    assert task.env["B"] == "x$y"
    assert task.env["PATH"].startswith("/usr/local/sbin:")
    assert task.env_file == ("/etc/default/backup",)
    assert task.working_dir == "/"
    assert (task.nice, task.umask, task.max_processes, task.cpu_max) == (10, "0027", 64, 1.5)
    assert task.memory_max == 512 << 20


def test_systemd_import_puts_several_commands_into_a_script() -> None:
    task = accepted(from_systemd(UNITS)).tasks["backup"]

    assert task.run == (
        "set -ef\n"
        "/usr/bin/test -d /srv || exit 199\n"
        "/bin/mkdir -p /var/backups\n"
        "/usr/bin/restic backup --tag 'nightly run' \"${DIRS}\" $OPTS --verbose\n"
        "/usr/bin/restic forget || :\n"
        "/bin/echo done\n"
    )
    assert 199 in task.skip_codes


def test_systemd_import_gives_an_exit_code_one_meaning() -> None:
    task = accepted(from_systemd(UNITS)).tasks["backup"]

    assert [code for code in range(256) if code in task.success_codes] == [0, 3, 75, 143]
    assert [code for code in range(256) if code in task.fatal_codes] == [4]
    assert 75 not in task.intermediate_codes


def test_systemd_import_makes_services_with_their_order() -> None:
    config = accepted(from_systemd(UNITS))
    web = config.services["web"]

    assert web.command == ("/usr/bin/web", "--port", "80")
    assert web.description == "Web web"
    assert web.depends_on == ("db",)
    assert web.restart is Restart.ON_FAILURE
    assert web.restart_delay == timedelta(seconds=5)
    assert web.restart_backoff is Backoff.CONSTANT
    assert web.restart_attempts == 7
    assert web.stop_signal is Signal.INT
    assert web.graceful_stop == timedelta(seconds=20)
    assert config.services["db"].restart is Restart.ALWAYS
    assert config.daemon.shutdown_timeout == timedelta(seconds=90)


def test_systemd_import_has_a_word_about_every_line() -> None:
    imported = from_systemd(UNITS)
    for name, text in UNITS.items():
        told = {verdict.line for verdict in imported.verdicts if verdict.path == name}
        lines = [n for n, line in enumerate(text.split("\n"), 1) if "=" in line or line == "not a directive"]
        assert told >= set(lines), name


@pytest.mark.parametrize(
    ("entry", "mark", "words"),
    [
        ("ProtectSystem", Mark.SKIPPED, "sandbox"),
        ("Frobnicate", Mark.SKIPPED, "no counterpart"),
        ("not a directive", Mark.SKIPPED, "systemd ignores it too"),
        ("Nice=5", Mark.NOTE, "a later line sets it again"),
        ("Nice=10", Mark.IMPORTED, "nice"),
        ("ExecStopPost", Mark.SKIPPED, "trap"),
        ("ExecStartPre", Mark.ADJUSTED, "same script"),
        ("ExecCondition", Mark.ADJUSTED, "skipped"),
        ("EnvironmentFile", Mark.ADJUSTED, "exists"),
        ("Environment=***", Mark.ADJUSTED, "vault"),
        ("WatchdogSec", Mark.SKIPPED, "health_check"),
        ("AccuracySec", Mark.NOTE, "jitter"),
        ("backup.timer", Mark.IMPORTED, "runs twice"),
        ("web.service", Mark.IMPORTED, "systemctl disable --now web.service"),
    ],
)
def test_systemd_import_says_what_became_of(entry: str, mark: Mark, words: str) -> None:
    verdict = about(from_systemd(UNITS), entry)

    assert verdict.mark is mark
    assert words in verdict.reason


def test_systemd_import_shows_no_secret() -> None:
    assert not any("abc" in verdict.entry for verdict in from_systemd(UNITS).verdicts)


@pytest.mark.parametrize(
    ("body", "mark", "words"),
    [
        ("OnBootSec=15min\nOnUnitActiveSec=1d", Mark.ADJUSTED, "@every 1d"),
        ("OnUnitInactiveSec=90", Mark.ADJUSTED, "@every 1m30s"),
        ("OnUnitActiveSec=100ms", Mark.SKIPPED, "shorter than a second"),
        ("OnBootSec=infinity", Mark.SKIPPED, "never comes"),
        ("OnCalendar=2026-01-01", Mark.SKIPPED, "names a year"),
        ("OnCalendar=*-02-30", Mark.SKIPPED, "never fires"),
        ("OnCalendar=daily\nOnCalendar=daily UTC", Mark.SKIPPED, "one time zone"),
        ("RandomizedDelaySec=2d", Mark.ADJUSTED, "one day"),
        ("WakeSystem=yes", Mark.SKIPPED, "not woken"),
        ("Persistent=perhaps", Mark.SKIPPED, "neither yes nor no"),
        ("Persistent=no", Mark.IMPORTED, "catch_up"),
        ("OnClockChange=yes", Mark.SKIPPED, "clock change"),
        ("Odd=1", Mark.SKIPPED, "no counterpart"),
        ("OnCalendar=\nOnCalendar=daily", Mark.IMPORTED, "0 0 * * *"),
    ],
)
def test_systemd_import_accounts_for_a_timer(body: str, mark: Mark, words: str) -> None:
    imported = from_systemd({"t.timer": f"[Timer]\n{body}\n", "t.service": "[Service]\nExecStart=/bin/a\n"})
    accepted(imported)
    verdict = [verdict for verdict in imported.verdicts if verdict.path == "t.timer" and verdict.line][-1]

    assert verdict.mark is mark
    assert words in verdict.reason


def test_systemd_import_starts_a_task_after_boot() -> None:
    one = accepted(from_systemd({"t.timer": "[Timer]\nOnBootSec=5min\n", "t.service": "[Service]\nExecStart=/bin/a\n"}))
    two = accepted(from_systemd({"t.timer": "[Timer]\nOnActiveSec=0\n", "t.service": "[Service]\nExecStart=/bin/a\n"}))

    assert one.tasks["t"].run_on_start is OnStart.BOOT
    assert one.tasks["t"].start_after == timedelta(minutes=5)
    assert two.tasks["t"].run_on_start is OnStart.DAEMON


def test_systemd_import_says_that_a_task_has_no_schedule() -> None:
    imported = from_systemd({"t.timer": "[Timer]\nOnCalendar=bad\n", "t.service": "[Service]\nExecStart=/bin/a\n"})

    assert accepted(imported).tasks["t"].cron == ()
    assert "write cron by hand" in about(imported, "t.timer").reason


def test_systemd_import_follows_unit_to_another_service() -> None:
    timer = "[Timer]\nOnCalendar=daily\nUnit=work.service\n"
    imported = from_systemd({"t.timer": timer, "work.service": "[Service]\nExecStart=/bin/a\n"})

    assert companions("t.timer", timer) == ("work.service",)
    assert companions("t.timer", "") == ("t.service",)
    assert companions("t.service", "") == ()
    assert list(accepted(imported).tasks) == ["t"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.timer", "[Timer]\nOnCalendar=daily\n", "was not given"),
        ("a@.service", "[Service]\nExecStart=/bin/a %i\n", "template"),
        ("a.service", "[Service]\nType=forking\nExecStart=/bin/a\n", "background"),
        ("a.path", "[Path]\nPathExists=/x\n", "watch"),
        ("a.swap", "[Swap]\nWhat=/x\n", "not a timer"),
        ("a.service", "", "no ExecStart"),
    ],
)
def test_systemd_import_skips_a_unit(name: str, text: str, words: str) -> None:
    imported = from_systemd({name: text})

    assert accepted(imported).tasks == {}
    assert imported.verdicts[0].mark is Mark.SKIPPED
    assert words in imported.verdicts[0].reason


def test_systemd_import_makes_tasks_of_oneshot_services() -> None:
    imported = from_systemd(
        {
            "setup@a-b.service": f"[Service]\nType=oneshot\nExecStart=/bin/a %i %I\n{WANTED}",
            "manual.service": "[Service]\nType=oneshot\nExecStart=/bin/a\n",
        }
    )
    tasks = accepted(imported).tasks

    assert tasks["setup-a-b"].command == ("/bin/a", "a-b", "a/b")
    assert tasks["setup-a-b"].run_on_start is OnStart.BOOT
    assert tasks["manual"].run_on_start is OnStart.NO
    assert "started by hand" in about(imported, "manual.service").reason


def test_systemd_import_reads_drop_ins() -> None:
    given = {
        "s.service": "[Service]\nExecStart=/bin/a\nUser=bob\n",
        "s.service.d/10-user.conf": "[Service]\nUser=carol\n",
        "lost.service.d/x.conf": "[Service]\nUser=carol\n",
    }
    imported = from_systemd(given)

    assert accepted(imported).services["s"].user == "carol"
    assert any("with its drop-ins s.service.d/10-user.conf" in verdict.reason for verdict in imported.verdicts)
    assert any(verdict.path == "s.service.d/10-user.conf" for verdict in imported.verdicts)
    assert any("drop-ins were not given" in v.reason for v in from_systemd({"s.service": given["s.service"]}).verdicts)


def test_systemd_import_breaks_a_circle_of_services() -> None:
    body = "[Unit]\nWants={0}.service\nAfter={0}.service\n[Service]\nExecStart=/bin/a\n"
    made = accepted(from_systemd({f"{a}.service": body.format(b) for a, b in [("a", "b"), ("b", "c"), ("c", "a")]}))

    assert sum(len(one.depends_on) for one in made.services.values()) == 2


def test_systemd_import_reports_lines_that_are_no_unit() -> None:
    imported = from_systemd({"s.service": "early=1\n[Service]\nExecStart=/bin/a\nA=\0\nUser=bob\\"})

    reasons = [verdict.reason for verdict in imported.verdicts if verdict.mark is Mark.SKIPPED]
    assert any("before any [section]" in reason for reason in reasons)
    assert any("NUL" in reason for reason in reasons)
    assert accepted(imported).services["s"].user == "bob"
