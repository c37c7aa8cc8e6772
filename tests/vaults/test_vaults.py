"""Secrets come out of each kind of vault whole, or not at all and with a reason that holds none of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from polysync.domain.run import Reason
from polysync.plugins import Kind, load
from polysync.ports import NoRoom, PortError, Vault
from polysync.vaults.command import LARGEST, CommandVault
from polysync.vaults.environment import EnvironmentVault
from polysync.vaults.file import FileVault
from tests.faults import fault
from tests.starving import no_descriptor_free

ENV = {"PATH": os.environ["PATH"], "APP_KEY": "s3cret ", "CREDENTIALS_DIRECTORY": ""}


async def refusal(vault: Vault, name: str) -> PortError:
    with pytest.raises(PortError) as caught:
        await vault.fetch(name)
    assert caught.value.reason is Reason.SECRET_ERROR
    assert "s3cret" not in str(caught.value)
    return caught.value


def unmade(kind: type[Any], options: dict[str, Any]) -> str:
    with pytest.raises(PortError) as caught:
        kind(options, env=ENV, folder="/")
    assert caught.value.permanent
    return str(caught.value)


async def test_environment_gives_the_variable() -> None:
    vault = EnvironmentVault({}, env=ENV, folder="/")
    assert (await vault.fetch("APP_KEY")).reveal() == "s3cret "
    assert (await EnvironmentVault({"prefix": "APP_"}, env=ENV, folder="/").fetch("KEY")).reveal() == "s3cret "
    assert (await refusal(vault, "GONE")).permanent


def test_options_are_checked() -> None:
    assert "no option prefx; it knows prefix" in unmade(EnvironmentVault, {"prefx": "A"})
    assert "must be a string" in unmade(EnvironmentVault, {"prefix": 5})
    assert "needs path" in unmade(FileVault, {})
    assert "needs command" in unmade(CommandVault, {})
    assert "needs command" in unmade(CommandVault, {"command": "pass show"})
    assert "{name}" in unmade(CommandVault, {"command": ["pass"]})
    assert "is a time" in unmade(CommandVault, {"command": ["{name}"], "timeout": 5})


@pytest.mark.parametrize("name", ["environment:EnvironmentVault", "file:FileVault", "command:CommandVault"])
def test_vaults_are_plug_ins(name: str) -> None:
    kind = {"environment": "env"}.get(name.partition(":")[0], name.partition(":")[0])
    assert load(Kind.VAULT, kind).__name__ == name.partition(":")[2]


def keep(folder: Path, name: str, content: bytes, mode: int = 0o600) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


async def test_file_gives_the_content_without_its_last_line_feed(tmp_path: Path) -> None:
    keep(tmp_path, "vault/db/password", b"s3cret\nline\n\n")
    vault = FileVault({"path": "vault"}, env=ENV, folder=str(tmp_path))
    assert (await vault.fetch("db/password")).reveal() == "s3cret\nline\n"


async def test_credentials_are_where_systemd_puts_them(tmp_path: Path) -> None:
    keep(tmp_path, "key", b"s3cret", 0o440)
    vault = FileVault({}, env={"CREDENTIALS_DIRECTORY": str(tmp_path)}, folder="/")
    assert (await vault.fetch("key")).reveal() == "s3cret"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone", "no secret"),
        ("open", "chmod 600"),
        ("folder", "is not a file"),
        ("binary", "not UTF-8"),
        ("huge", "larger than 1 MB"),
        ("../outside", "not the name"),
        ("a/../../outside", "not the name"),
        ("/etc/hostname", "not the name"),
        ("a\0b", "not the name"),
        ("", "not the name"),
        ("link", "leads out"),
        ("pipe", "is not a file"),
    ],
)
async def test_file_refuses(tmp_path: Path, name: str, said: str) -> None:
    keep(tmp_path, "outside", b"s3cret")
    keep(tmp_path, "vault/open", b"s3cret", 0o640)
    keep(tmp_path, "vault/binary", b"s3cret\xff")
    keep(tmp_path, "vault/huge", b"s3cret" * LARGEST)
    (tmp_path / "vault/folder").mkdir()
    (tmp_path / "vault/link").symlink_to(tmp_path / "outside")
    os.mkfifo(tmp_path / "vault/pipe")
    error = await refusal(FileVault({"path": "vault"}, env=ENV, folder=str(tmp_path)), name)
    assert said in str(error)
    assert error.permanent


async def test_file_tells_a_fault_of_the_disk_from_a_wrong_name(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    error = await refusal(FileVault({"path": "."}, env=ENV, folder=str(tmp_path)), "loop")
    assert not error.permanent


def command(tmp_path: Path, script: str, **options: Any) -> CommandVault:
    return CommandVault({"command": ["sh", "-c", script, "{name}"], **options}, env=ENV, folder=str(tmp_path))


async def test_command_gives_what_is_printed(tmp_path: Path) -> None:
    vault = command(tmp_path, 'echo "s3cret of $0 in $PWD"; echo noise >&2')
    assert (await vault.fetch("db")).reveal() == f"s3cret of db in {tmp_path}"


@pytest.mark.parametrize(
    ("script", "said", "permanent"),
    [
        ("echo s3cret; exit 3", "sh ended with 3 for db", False),
        ("printf 's3cret\\377'", "not UTF-8", True),
        ("yes s3cret", "more than 1 MB", True),
    ],
)
async def test_command_refuses(tmp_path: Path, script: str, said: str, permanent: bool) -> None:
    error = await refusal(command(tmp_path, script), "db")
    assert said in str(error)
    assert error.permanent is permanent


async def test_command_that_does_not_answer_is_ended_with_its_children(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "held")
    error = await refusal(command(tmp_path, "cat held & wait", timeout="100ms"), "db")
    assert "did not answer" in str(error)
    assert not error.permanent
    while _is_read(tmp_path / "held"):
        pass  # a killed process goes within microseconds; if it does not, the test runs into its time limit


def _is_read(pipe: Path) -> bool:
    try:
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:  # ENXIO: nobody has it open for reading
        return False
    return True


async def test_command_refuses_what_is_no_name_or_no_program(tmp_path: Path) -> None:
    assert "not the name" in str(await refusal(command(tmp_path, "true"), "--all"))
    assert "not the name" in str(await refusal(command(tmp_path, "true"), "a\0b"))
    gone = CommandVault({"command": ["polysync-no-such-program", "{name}"]}, env=ENV, folder=str(tmp_path))
    error = await refusal(gone, "db")
    assert "cannot start" in str(error)
    assert error.permanent


@fault("F32")
async def test_without_a_descriptor_it_is_no_failed_try(tmp_path: Path) -> None:
    keep(tmp_path, "db", b"s3cret")
    file = FileVault({"path": str(tmp_path)}, env={}, folder="/")
    asked = command(tmp_path, "echo s3cret")
    await file.fetch("db")  # so that the thread and the watcher of children are there
    await asked.fetch("db")
    with no_descriptor_free():
        for error in (await refusal(file, "db"), await refusal(asked, "db")):
            assert isinstance(error, NoRoom)
            assert not error.permanent
    assert (await asked.fetch("db")).reveal() == "s3cret"
