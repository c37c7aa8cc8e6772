"""Names of imported tasks say what runs, are valid, and never meet twice."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.config.imports.naming import Names, fit, from_command
from polysync.domain.values import NAME_PATTERN


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("/usr/local/bin/backup.sh --all", "backup"),
        ("cd /srv && ./report.py > /dev/null 2>&1", "report"),
        ("python3 /opt/x/sync_users.py", "sync_users"),
        ("/usr/bin/php -q /srv/shop/cron.php", "cron"),
        ("nice -n 10 ionice -c3 rsync -a a b", "rsync"),
        ("flock -n /run/x.lock /opt/dump", "dump"),
        ("FOO=bar BAZ='a b' mailer", "mailer"),
        ("test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )", "cron.daily"),
        ("[ -f /x ] && vacuum", "vacuum"),
        ("timeout 30s curl -fsS https://example.com/", "curl"),
        ("sudo -n systemctl restart x", "systemctl"),
        ("true", "true"),
        ("sh -c 'exit 1'", "exit-1"),
        ("echo 'open quote", "echo"),
        ("/opt/12345", "job-12345"),
        ("12345", "job"),
        ("", "job"),
        ("&&&", "job"),
    ],
)
def test_name_says_what_runs(command: str, name: str) -> None:
    assert from_command(command) == name


@given(st.text(max_size=60))
def test_name_is_always_valid(command: str) -> None:
    names = Names()

    assert all(re.fullmatch(NAME_PATTERN, names.take(from_command(command))) for _ in range(3))


def test_name_gets_a_number_when_it_is_taken() -> None:
    names = Names()

    assert [names.take("a"), names.take("a"), names.free("a"), names.take("a")] == ["a", "a-2", "a-3", "a-3"]


def test_name_is_cut_to_its_limit() -> None:
    assert len(fit("x" * 300)) == 95
    assert fit("...", "notifier") == "notifier"
