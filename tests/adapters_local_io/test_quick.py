"""What libc is asked directly says the same as the functions of `os`."""

from __future__ import annotations

import os
import select
from pathlib import Path

import pytest

from polysync.adapters.local import quick
from polysync.adapters.local.quick import close, listen, read_small, reap, size_of


def ended_child(code: int) -> int:
    """A child that has ended, and that nobody has asked for."""
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", f"exit {code}"], {})
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return pid


def test_the_size_is_that_of_the_file_and_not_of_what_a_link_leads_to(tmp_path: Path) -> None:
    file, link = tmp_path / "out", tmp_path / "link"
    file.write_bytes(b"x" * 70_000)
    link.symlink_to(file)
    assert size_of(str(file)) == 70_000
    assert size_of(str(link)) == os.lstat(link).st_size
    with pytest.raises(FileNotFoundError, match="none"):
        size_of(str(tmp_path / "none"))


def test_a_small_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "status"
    file.write_bytes(b"one\0two\n")
    assert read_small(str(file), 100) == b"one\0two\n"
    assert read_small(str(file), 3) == b"one"
    for missing, error in ((tmp_path / "none", FileNotFoundError), (tmp_path, IsADirectoryError)):
        with pytest.raises(error):
            read_small(str(missing), 10)


def test_a_link_is_not_followed_and_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="symbolic links"):
        read_small(str(tmp_path / "link"), 10)
    assert read_small(str(tmp_path / "pipe"), 10) == b""


def test_nothing_stays_open(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only counted
    for _ in range(20):
        read_small(str(tmp_path / "file"), 10)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - only counted


def test_a_child_is_reaped_once_with_its_code_and_its_cost() -> None:
    pid = ended_child(7)
    reaped = reap(pid)
    assert reaped is not None
    assert os.waitstatus_to_exitcode(reaped.status) == 7
    assert 0 <= reaped.cost.cpu_seconds < 5
    assert 100_000 < reaped.cost.max_rss < 10**10
    with pytest.raises(ChildProcessError):
        reap(pid)


def test_a_child_that_runs_is_left_alone() -> None:
    pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    assert reap(pid) is None
    os.kill(pid, 9)
    os.waitpid(pid, 0)


def test_where_the_layout_is_another_os_stands_in() -> None:
    pid = ended_child(3)
    reaped = quick.reap_by_os(pid)
    assert reaped is not None
    assert os.waitstatus_to_exitcode(reaped.status) == 3
    assert reaped.cost.max_rss > 100_000


def test_an_epoll_hears_what_it_was_told_to_listen_to() -> None:
    reader, writer = os.pipe()
    with select.epoll() as epoll:
        listen(epoll.fileno(), reader)
        assert epoll.poll(0) == []
        os.write(writer, b"x")
        assert epoll.poll(0) == [(reader, select.EPOLLIN)]
        close(reader)
        assert epoll.poll(0) == []
        with pytest.raises(OSError, match="Bad file"):
            listen(epoll.fileno(), reader)
    os.close(writer)
