"""Secrets of an attempt: which they are, fetched again after a restart, and covered in all that it tells."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from polysync.config.decode import decode
from polysync.daemon.veil import REMEMBERED, Veils
from polysync.daemon.work import Preparer
from polysync.domain.cover import Cover
from polysync.domain.definition import definition_hash, parts_of
from polysync.domain.inputs import Stop
from polysync.domain.masking import Masks
from polysync.domain.outcome import Exit
from polysync.domain.rows import Attempt, Message, Run
from polysync.domain.run import Reason, State
from polysync.domain.task import Task
from polysync.domain.values import Trigger
from polysync.ports import PortError, Secret, Work
from tests.daemon.rig import ANNA, Rig, daemon, prepared, until
from tests.daemon.virtual import passing

AT = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
WORK = Task(name="work", run="true")
CANARY = "canary-s3cret"
STARS = "*" * len(CANARY)
COVER = Cover(Masks([CANARY]), Masks([CANARY]))
TEXT = """
[vaults.env]
type = "env"
[platforms.web]
type = "http"
url = "https://h"
token = "literal-token"
key = "vault://env/KEY"
[jobs.call]
platform = "web"
type = "rest"
external_id = "/run"
[jobs.call.settings]
auth = { password = "in-the-open", parts = ["vault://env/PART"] }
[jobs.call.parameters.given]
type = "secret"
default = "vault://env/DEFAULT"
[jobs.call.parameters.shut]
type = "json"
[jobs.call.parameters.open]
type = "string"
[tasks.t]
job = "call"
secrets = { A = "vault://env/FIRST" }
env = { PLAIN = "not-secret" }
[tasks.t.parameters]
shut = { value = { pin = 4711 }, sensitive = true }
open = "open-value"
[tasks.plain]
run = "true"
env = { TOKEN = "not-declared" }
"""
ENV = {name: f"vault-{name.lower()}" for name in ("KEY", "PART", "DEFAULT", "FIRST")}


def preparer(folder: Path, env: dict[str, str], text: str = TEXT) -> tuple[Preparer, Any]:
    loaded = decode(text, host_zone="UTC")
    assert loaded.config is not None, [str(problem) for problem in loaded.problems]
    configuration = loaded.config
    made = Preparer(
        configuration,
        lambda run: parts_of(configuration.tasks[run.task], configuration),
        env=env,
        folder=folder,
        socket=folder / "s",
    )
    return made, configuration


def run_of(configuration: Any, task: str = "t", **values: Any) -> Run:
    digest = definition_hash(configuration.tasks[task], configuration)
    made: dict[str, Any] = {"available_at": AT, "correlation_id": "c", "definition": digest, **values}
    return Run(7, "uid", task, State.STARTING, Trigger.CRON, created_at=AT, **made)


ATTEMPT = Attempt(7, 1, "0" * 32, "web", AT)
VALUES = {"shut": {"pin": 4711}, "open": "open-value"}


# ---- which they are


async def test_the_secrets_of_an_attempt_are_those_that_somebody_declared(tmp_path: Path) -> None:
    made, configuration = preparer(tmp_path, ENV)
    run = run_of(configuration, parameters=VALUES)
    work = await made.prepare(run, ATTEMPT)
    for secret in (*ENV.values(), "literal-token", "in-the-open", "4711", '{"pin":4711}'):
        assert work.cover.text(f"<{secret}>") == f"<{'*' * len(secret)}>", secret
    for plain in ("not-secret", "open-value", "https://h", "/run"):
        assert work.cover.text(plain) == plain
    for secret in ("literal-token", "in-the-open", "4711"):
        assert work.cover.sealed.mask_text(secret) == secret
    assert work.cover.sealed == Masks(ENV.values())
    assert await made.cover(run, ATTEMPT) is work.cover
    assert not any(secret in repr(work) for secret in ENV.values())


async def test_a_parameter_that_was_given_is_not_what_the_vault_keeps(tmp_path: Path) -> None:
    made, configuration = preparer(tmp_path, ENV)
    given = {"given": "given-by-hand"}
    work = await made.prepare(run_of(configuration, parameters={**VALUES, **given}, overrides=given), ATTEMPT)
    assert work.cover.text("given-by-hand vault-default") == "************* vault-default"
    assert work.cover.sealed.mask_text("given-by-hand") == "given-by-hand"


async def test_a_task_without_secrets_has_no_cover_and_asks_no_vault(tmp_path: Path) -> None:
    made, configuration = preparer(tmp_path, {})
    work = await made.prepare(run_of(configuration, "plain"), Attempt(7, 1, "0" * 32, "local", AT))
    assert work.cover == Cover()
    assert await made.cover(run_of(configuration, "plain"), Attempt(7, 1, "0" * 32, "local", AT)) is work.cover


async def test_what_cannot_be_fetched_again_says_so(tmp_path: Path) -> None:
    made, configuration = preparer(tmp_path, {**ENV, "KEY": "a\0b"})
    with pytest.raises(PortError) as caught:
        await made.cover(run_of(configuration, parameters=VALUES), ATTEMPT)
    assert caught.value.permanent
    text = TEXT.replace('open = "open-value"', 'open = { state = "k" }')
    made, configuration = preparer(tmp_path, ENV, text)
    with pytest.raises(PortError, match="state k, which is not set") as caught:
        await made.cover(run_of(configuration), ATTEMPT)
    assert caught.value.reason is Reason.START_FAILED


async def test_covers_are_remembered_within_bounds_and_until_the_configuration_changes(tmp_path: Path) -> None:
    env = dict(ENV)
    made, configuration = preparer(tmp_path, env)
    run = run_of(configuration, parameters=VALUES)
    first = await made.cover(run, ATTEMPT)
    for number in range(REMEMBERED):
        env["KEY"] = f"rotated-{number}"
        assert f"rotated-{number}" in (await made.cover(run, ATTEMPT)).masks
    env["KEY"] = ENV["KEY"]
    second = await made.cover(run, ATTEMPT)
    assert second == first
    assert second is not first
    made.configure(configuration)
    assert await made.cover(run, ATTEMPT) is not second
    assert "vault" not in repr(Veils())


# ---- in what is told


async def covered(run: Run, attempt: Attempt) -> Work:
    work = await prepared(run, attempt)
    secret = {"S": Secret(CANARY)}
    return Work(
        **{name: getattr(work, name) for name in ("token", "run_id", "number", "task", "type")},
        environment=secret,
        cover=COVER,
    )


def veiled(rig: Rig) -> None:
    rig.prepare = covered

    async def cover(_run: Run, _attempt: Attempt) -> Cover:
        return COVER

    rig.cover = cover


async def running(rig: Rig) -> Any:
    await rig.ask()
    await until(lambda: rig.rows.runs[1].state is State.RUNNING)
    return rig.platform.sinks


async def again(rig: Rig) -> None:
    await rig.down()
    rig.platform.sinks.clear()
    rig.assemble()
    await rig.up()


async def ended(rig: Rig) -> Run:
    await until(lambda: rig.rows.runs[1].ended_at is not None)
    return rig.rows.runs[1]


def kept(rig: Rig) -> bytes:
    return b"".join(piece.data for _, piece in rig.shelf.kept)


def test_output_and_reports_are_stored_without_secrets() -> None:
    async def story(rig: Rig) -> None:
        veiled(rig)
        (sink,) = (await running(rig)).values()
        await sink.write("out", 0, f"is {CANARY[:5]}".encode())
        assert kept(rig) == b"is "
        await sink.write("out", 8, f"{CANARY[5:]} and new-token".encode())
        await sink.report(messages=[Message("N", CANARY)], outputs={"a": CANARY}, progress=(5, CANARY))
        await until(lambda: rig.rows.runs[1].progress is not None)
        run = rig.rows.runs[1]
        assert (run.messages, run.outputs, run.progress) == ((Message("N", STARS),), {"a": STARS}, (5, STARS))
        await sink.report(secrets=["new-token"])
        await sink.write("out", 30, b"! new-token")
        rig.platform.end(None, Exit(code=1, error=f"failed by {CANARY}", outputs={"b": CANARY}))
        run = await ended(rig)
        assert (run.error, run.outputs["b"]) == (f"failed by {STARS}", STARS)
        assert kept(rig) == f"is {STARS} and new-token! *********".encode()

    daemon(story, WORK)


@pytest.mark.parametrize("call", ["start", "follow"])
def test_words_of_a_platform_in_trouble_are_covered(call: str) -> None:
    async def story(rig: Rig) -> None:
        veiled(rig)
        rig.platform.troubles[call] = [PortError(f"401 for {CANARY}", permanent=True, reason=Reason.PRECHECK)]
        await rig.ask()
        assert (await ended(rig)).error == f"401 for {STARS}"

    daemon(story, WORK)


# ---- after a restart


def test_the_secrets_are_fetched_again_before_anything_is_followed() -> None:
    async def story(rig: Rig) -> None:
        veiled(rig)
        (sink,) = (await running(rig)).values()
        await sink.write("out", 0, f"one {CANARY[:7]}".encode())
        troubles = [PortError("sealed"), PortError("sealed")]

        async def cover(_run: Run, _attempt: Attempt) -> Cover:
            assert not rig.platform.sinks
            if troubles:
                raise troubles.pop()
            return COVER

        rig.cover = cover
        await again(rig)
        await until(lambda: rig.platform.sinks)
        assert not troubles
        (sink,) = rig.platform.sinks.values()
        assert await sink.stored("out") == 4
        await sink.write("out", 4, f"{CANARY} two".encode())
        assert kept(rig) == f"one {STARS} two".encode()

    daemon(story, WORK)


def test_what_was_never_started_needs_no_second_cover() -> None:
    async def story(rig: Rig) -> None:
        veiled(rig)
        rig.platform.held["start"] = asyncio.Event()
        await rig.ask()
        await until(lambda: rig.platform.calls == ["start"])

        async def cover(_run: Run, _attempt: Attempt) -> Cover:
            raise AssertionError

        rig.cover = cover
        rig.platform.held.clear()
        await again(rig)
        await until(lambda: rig.platform.sinks)

    daemon(story, WORK)


@pytest.mark.parametrize("stopped", [False, True])
def test_where_the_secrets_cannot_be_known_nothing_is_stored_and_somebody_is_told(stopped: bool) -> None:
    async def story(rig: Rig) -> None:
        veiled(rig)
        (sink,) = (await running(rig)).values()
        await sink.write("out", 0, b"before ")

        async def cover(_run: Run, _attempt: Attempt) -> Cover:
            raise PortError("vault v: sealed", permanent=not stopped)

        rig.cover = cover
        await again(rig)
        if stopped:
            await passing(300)
            assert not rig.platform.sinks  # it waits for as long as it takes
            rig.platform.obeys = False
            await rig.desk.ask(Stop(run_id=1), ANNA)
        await until(lambda: rig.platform.sinks)
        (sink,) = rig.platform.sinks.values()
        await sink.write("out", 7, CANARY.encode())
        await sink.report(messages=[Message("N", CANARY)], outputs={"a": CANARY}, progress=(5, CANARY))
        rig.platform.end(None, Exit(code=0, outputs={"b": CANARY}, messages=(Message("N", CANARY),)))
        run = await ended(rig)
        assert kept(rig) == b"before "
        assert [(piece.offset, piece.left_out) for _, piece in rig.shelf.kept if piece.left_out] == [(7, len(CANARY))]
        assert CANARY not in repr(run)
        assert any("vault v: sealed" in message.text for message in run.messages)
        attempt = rig.rows.attempts[1]
        assert (attempt.log_bytes, attempt.log_dropped) == (7 + len(CANARY), len(CANARY))

    daemon(story, WORK)


def test_last_words_from_before_a_reboot_are_covered_too() -> None:
    async def story(rig: Rig) -> None:
        veiled(rig)
        await running(rig)
        rig.boot_id = "boot-2"
        await again(rig)
        await until(lambda: rig.platform.sinks)
        (sink,) = rig.platform.sinks.values()
        await sink.write("out", 0, CANARY.encode())
        rig.platform.end()
        await ended(rig)
        assert kept(rig) == STARS.encode()

    daemon(story, WORK)
