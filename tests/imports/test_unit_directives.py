"""Each directive of a service unit becomes what it meant, or says why not."""

from __future__ import annotations

import pytest

from polysync.config.imports.systemd import from_systemd
from polysync.config.imports.verdict import Imported, Mark
from tests.imports.accepting import about, accepted


def service(body: str) -> Imported:
    """The import of one timed oneshot service."""
    given = {"x.timer": "[Timer]\nOnCalendar=daily\n", "x.service": f"[Service]\nType=oneshot\n{body}\n"}
    return from_systemd(given)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("ExecStart=/bin/echo 'a b' \"c\\x20d\" e\\tf", ("/bin/echo", "a b", "c d", "e\tf")),
        ("ExecStart=/bin/echo 100%% %n %p", ("/bin/echo", "100%", "x.service", "x")),
        ("ExecStart=/bin/echo $$HOME a$b", ("/bin/echo", "$HOME", "a$b")),
        ("ExecStart=:/bin/echo $HOME ${HOME}", ("/bin/echo", "$HOME", "${HOME}")),
        ("ExecStart=@/bin/echo other a", ("/bin/echo", "a")),
        ("ExecStart=+/bin/echo a\\101\\u00e9", ("/bin/echo", "aAé")),
        ("ExecStart=/bin/echo a \\; b", ("/bin/echo", "a", ";", "b")),
        ("ExecStart=/bin/old\nExecStart=\nExecStart=/bin/new", ("/bin/new",)),
    ],
)
def test_unit_directives_reads_a_command_line(line: str, command: tuple[str, ...]) -> None:
    task = accepted(service(line)).tasks["x"]

    assert tuple(word.replace("$${", "${") for word in task.command or ()) == command


@pytest.mark.parametrize(
    ("line", "run"),
    [
        ("ExecStart=-/bin/a", "/bin/a || :"),
        ("ExecStart=/bin/a ${X}y", 'exec /bin/a "${X}y"'),
        ('ExecStart=/bin/a "q\\"${X}`$$"', 'exec /bin/a "q\\"${X}\\`\\$"'),
        ("ExecStart=/bin/a $X", "set -ef\nexec /bin/a $X\n"),
        ("ExecStart=/bin/a ; /bin/b c", "set -e\n/bin/a\n/bin/b c\n"),
        ("ExecStart=/bin/a vault://x/y", "exec /bin/a vault://x/y"),
    ],
)
def test_unit_directives_writes_a_script_where_one_is_needed(line: str, run: str) -> None:
    assert accepted(service(line)).tasks["x"].run == run


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ExecStart=/bin/a %H", "%H is only known to systemd"),
        ("ExecStart=/bin/a 'open", "quote"),
        ("ExecStart=|/bin/a", "login shell"),
        ("ExecStart=-", "names no program"),
        ("ExecStart=/bin/a \\x00", "not a character"),
        ("ExecStart=@/bin/a \\ud800 x", "not a character"),
        ("Nice=1", "no ExecStart"),
    ],
)
def test_unit_directives_skips_a_unit_whose_command_it_cannot_carry_over(line: str, words: str) -> None:
    imported = service(line)

    assert accepted(imported).tasks == {}
    assert about(imported, "x.timer").mark is Mark.SKIPPED
    assert words in about(imported, "x.service").reason


@pytest.mark.parametrize(
    ("line", "mark", "words"),
    [
        ("User=%u", Mark.SKIPPED, "only known to systemd"),
        ("User=a/b", Mark.SKIPPED, "user name"),
        ("Group=a/b", Mark.SKIPPED, "group name"),
        ("DynamicUser=yes", Mark.SKIPPED, "dynamic"),
        ("WorkingDirectory=-/srv", Mark.ADJUSTED, "forgave"),
        ("WorkingDirectory=~", Mark.IMPORTED, "working_dir"),
        ("WorkingDirectory=srv", Mark.SKIPPED, "absolute"),
        ("EnvironmentFile=/etc/x-*", Mark.SKIPPED, "single absolute path"),
        ("EnvironmentFile=/etc/x", Mark.IMPORTED, "env_file"),
        ("Environment=1=2", Mark.SKIPPED, "NAME=value"),
        ("Environment=POLYSYNC_X=2", Mark.SKIPPED, "NAME=value"),
        ("Environment='A", Mark.SKIPPED, "quote"),
        ("UMask=9", Mark.SKIPPED, "octal"),
        ("Nice=99", Mark.SKIPPED, "-20 to 19"),
        ("Nice=low", Mark.SKIPPED, "-20 to 19"),
        ("MemoryMax=infinity", Mark.NOTE, "no limit"),
        ("MemoryMax=10%", Mark.SKIPPED, "share"),
        ("MemoryMax=4K", Mark.SKIPPED, "1 MB"),
        ("MemoryMax=1048577", Mark.IMPORTED, "memory_max"),
        ("MemoryMax=lots", Mark.SKIPPED, "bytes"),
        ("CPUQuota=0%", Mark.SKIPPED, "percentage"),
        ("TasksMax=infinity", Mark.NOTE, "no limit"),
        ("TasksMax=10%", Mark.SKIPPED, "max_processes"),
        ("TimeoutStopSec=infinity", Mark.ADJUSTED, "one day"),
        ("TimeoutStopSec=soon", Mark.SKIPPED, "span of time"),
        ("TimeoutStopSec=5sx", Mark.SKIPPED, "span of time"),
        ("TimeoutSec=200y", Mark.ADJUSTED, "one day"),
        ("TimeoutStartSec=0", Mark.NOTE, "no limit"),
        ("RuntimeMaxSec=infinity", Mark.NOTE, "no limit"),
        ("KillSignal=SIGWINCH", Mark.ADJUSTED, "TERM"),
        ("KillMode=control-group", Mark.NOTE, "process group"),
        ("KillMode=process", Mark.NOTE, "process group"),
        ("StandardOutput=journal", Mark.NOTE, "polysync logs"),
        ("StandardError=append:/var/log/x", Mark.SKIPPED, "redirect"),
        ("Restart=no", Mark.NOTE, "no retries"),
        ("Restart=always", Mark.SKIPPED, "service"),
        ("Restart=on-failure", Mark.ADJUSTED, "without limit"),
        ("RestartSec=10s", Mark.IMPORTED, "retry_delay"),
        ("RestartSec=infinity", Mark.SKIPPED, "by hand"),
        ("SuccessExitStatus=300", Mark.SKIPPED, "exit status"),
        ("StartLimitIntervalSec=10", Mark.NOTE, "rate"),
        ("ConditionPathExists=/x", Mark.SKIPPED, "condition"),
        ("X-Own=1", Mark.NOTE, "ignores"),
        ("LoadCredential=a:/b", Mark.SKIPPED, "vault"),
        ("StateDirectory=x", Mark.SKIPPED, "folder"),
    ],
)
def test_unit_directives_accounts_for_a_directive(line: str, mark: Mark, words: str) -> None:
    imported = service(f"ExecStart=/bin/a\n{line}")
    accepted(imported)
    verdict = about(imported, line.partition("=")[0])

    assert verdict.mark is mark
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("line", "restart"),
    [("Restart=on-success", "never"), ("Restart=on-abort", "on_failure"), ("Restart=no", "never"), ("", "never")],
)
def test_unit_directives_reads_the_restart_of_a_service(line: str, restart: str) -> None:
    made = accepted(from_systemd({"s.service": f"[Service]\nExecStart=/bin/a\n{line}\n"})).services["s"]

    assert made.restart.value == restart
    assert not made.autostart


@pytest.mark.parametrize(
    ("line", "mark"),
    [
        ("RuntimeMaxSec=1h", Mark.SKIPPED),
        ("TimeoutStartSec=5", Mark.NOTE),
        ("TimeoutSec=5", Mark.IMPORTED),
        ("ExecCondition=/bin/b", Mark.SKIPPED),
        ("ExecStartPost=/bin/b", Mark.SKIPPED),
        ("ExecStartPre=+/bin/b", Mark.ADJUSTED),
        ("StartLimitBurst=0", Mark.NOTE),
        ("StartLimitBurst=many", Mark.SKIPPED),
        ("RestartMaxDelaySec=1min", Mark.IMPORTED),
        ("RestartSteps=3", Mark.SKIPPED),
        ("ExecStart=@/bin/b c", Mark.ADJUSTED),
    ],
)
def test_unit_directives_accounts_for_a_directive_of_a_service(line: str, mark: Mark) -> None:
    imported = from_systemd({"s.service": f"[Service]\nExecStart=/bin/a\nRestartSec=1\n{line}\n"})
    accepted(imported)
    verdict = next(verdict for verdict in imported.verdicts if verdict.line == 4)

    assert verdict.mark is mark
