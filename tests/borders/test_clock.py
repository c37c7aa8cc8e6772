"""The host's clocks, its zone, and the version of its zone data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from polysync.clock import (
    SystemClock,
    host_zone,
    packaged_zone_data,
    read_link,
    read_text,
    this_zone,
    this_zone_data,
    zone_data_version,
)
from polysync.domain.zone import is_zone


def zone(env: Mapping[str, str], links: Mapping[str, str], files: Mapping[str, str]) -> str:
    return host_zone(env, links.get, files.get, is_zone)


def test_clock_reads_aware_utc_and_never_goes_back() -> None:
    clock = SystemClock()

    before, after = clock.read(), clock.read()

    assert before.wall.tzinfo is UTC
    assert timedelta(0) < before.monotonic <= after.monotonic
    assert before.boot <= after.boot


@pytest.mark.parametrize(
    ("env", "links", "files", "expected"),
    [
        ({"TZ": "Asia/Tokyo"}, {"/etc/localtime": "/usr/share/zoneinfo/Europe/Paris"}, {}, "Asia/Tokyo"),
        ({"TZ": ":Asia/Tokyo"}, {}, {}, "Asia/Tokyo"),
        ({"TZ": "/usr/share/zoneinfo/Asia/Tokyo"}, {}, {}, "Asia/Tokyo"),
        ({"TZ": "CET-1CEST"}, {"/etc/localtime": "../usr/share/zoneinfo/posix/Europe/Paris"}, {}, "Europe/Paris"),
        ({"TZ": "Europe"}, {}, {"/etc/timezone": "Europe/Paris\n"}, "Europe/Paris"),
        ({"TZ": "../secret"}, {}, {}, "UTC"),
        ({}, {"/etc/localtime": "/var/db/timezone/zoneinfo/America/Lima"}, {}, "America/Lima"),
        ({}, {"/etc/localtime": "/srv/mine"}, {"/etc/timezone": "Europe/Paris\nsecond line\n"}, "Europe/Paris"),
        ({}, {}, {"/etc/timezone": "\n"}, "UTC"),
        ({}, {}, {}, "UTC"),
    ],
)
def test_host_zone_takes_the_first_source_that_names_a_zone(
    env: Mapping[str, str], links: Mapping[str, str], files: Mapping[str, str], expected: str
) -> None:
    assert zone(env, links, files) == expected


def test_this_zone_is_a_zone() -> None:
    assert is_zone(this_zone())


@pytest.mark.parametrize(
    ("files", "packaged", "expected"),
    [
        ({"/a/tzdata.zi": "# version 2026a\n# more\n"}, "2025b", "2026a"),
        ({"/b/tzdata.zi": "# version 2026a\n"}, "2025b", "2026a"),
        ({"/a/+VERSION": "2026b\n"}, "2025b", "2026b"),
        ({"/a/tzdata.zi": "something else\n"}, "2025b", "2025b"),
        ({}, "2025b", "2025b"),
        ({}, None, "unknown"),
    ],
)
def test_zone_data_version_is_the_hosts_or_the_packages(
    files: Mapping[str, str], packaged: str | None, expected: str
) -> None:
    assert zone_data_version(["/a", "/b"], files.get, lambda: packaged) == expected


def test_zone_data_version_of_this_host_is_known() -> None:
    assert this_zone_data()[:2] == "20"
    assert (packaged_zone_data() or "")[:2] == "20"
    assert packaged_zone_data("no_such_package") is None


def test_readers_answer_none_for_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "text").write_text("line\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\xff")

    assert read_link(str(tmp_path / "link")) == "target"
    assert read_link(str(tmp_path / "text")) is None
    assert read_text(str(tmp_path / "text")) == "line\n"
    assert read_text(str(tmp_path / "bytes")) is None
    assert read_text(str(tmp_path / "gone")) is None
