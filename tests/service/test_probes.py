"""Looks at services: real sockets, real commands, and every way in which they can fail."""

from __future__ import annotations

import asyncio
import errno
import os
import pwd
import resource
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from polysync.daemon.page import page_of
from polysync.daemon.probes import WORDS, Prober, Verdict
from polysync.daemon.spawn import Tasks
from polysync.domain.errors import ValueProblem
from polysync.domain.settings import HealthCheck
from polysync.domain.task import Process
from polysync.domain.values import EnvBase
from polysync.ports import NoRoom, PortError, Secret, Work
from tests.adapters_local.waiting_for import until
from tests.daemon.virtual import passing

BRIEFLY = timedelta(milliseconds=300)
PATIENTLY = timedelta(seconds=20)
WELL = Verdict(well=True)
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
async def prober() -> AsyncIterator[Prober]:
    made = Prober()
    yield made
    made.close()


def work(folder: Path, process: Process | None = None, **environment: str | Secret) -> Work:
    return Work(
        token="t",  # noqa: S106 - the mark of an attempt
        run_id=1,
        number=1,
        task="web",
        type="shell",
        process=process or Process(),
        folder=str(folder),
        environment=environment,
    )


async def asked(prober: Prober, check: HealthCheck, wanted: Work | None = None) -> Verdict:
    async def prepare() -> Work:
        assert wanted is not None, "only commands need an environment"
        return wanted

    async with asyncio.timeout(PATIENTLY.total_seconds()):
        return await prober.look(check, prepare)


def unwell(text: str) -> Verdict:
    return Verdict(well=False, text=text)


def script(text: str, timeout: timedelta = PATIENTLY) -> HealthCheck:
    return HealthCheck(run=text, timeout=timeout)


@asynccontextmanager
async def served(
    answer: bytes | None, *, host: str = "127.0.0.1", context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that says this and hangs up, or says nothing; its port, and the requests it was sent."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if answer is not None:
                heard.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(answer)
                await writer.drain()
            else:
                await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass  # whoever looked has seen enough
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()


def free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port: int = line.getsockname()[1]
        return port


# ---- tcp


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
async def test_a_connection_that_is_taken_is_well(prober: Prober, name: str) -> None:
    async with served(None) as (port, _):
        assert await asked(prober, HealthCheck(tcp=f"{name}:{port}")) == WELL


async def test_localhost_is_also_the_newer_loopback(prober: Prober) -> None:
    async with served(None, host="::1") as (port, _):
        assert await asked(prober, HealthCheck(tcp=f"localhost:{port}")) == WELL
        assert await asked(prober, HealthCheck(tcp=f"[::1]:{port}")) == WELL


async def test_a_port_that_nobody_listens_on_is_not(prober: Prober) -> None:
    assert await asked(prober, HealthCheck(tcp=f"localhost:{free_port()}")) == unwell(os.strerror(errno.ECONNREFUSED))


async def test_a_name_that_nobody_has_is_told(prober: Prober) -> None:
    found = await asked(prober, HealthCheck(tcp="no-such-host.invalid:80", timeout=PATIENTLY))
    assert not found.well
    assert found.text


async def test_the_name_of_this_host_is_looked_up(prober: Prober) -> None:
    async with served(None, host="0.0.0.0") as (port, _):  # noqa: S104 - whatever its name means
        both = await asyncio.gather(
            *(asked(prober, HealthCheck(tcp=f"{socket.gethostname()}:{port}", timeout=PATIENTLY)) for _ in range(2))
        )
    assert both == [WELL, WELL]


# ---- http


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", WELL),
        (b"HTTP/1.0 204\r\n\r\n", WELL),
        (b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n", WELL),
        (b"HTTP/1.1 399 Odd\r\n\r\n", WELL),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", WELL),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000, WELL),
        (b"HTTP/1.1 400 Bad\r\n\r\n", unwell("it answers 400")),
        (b"HTTP/1.1 503 Busy\r\n\r\n", unwell("it answers 503")),
        (b"SSH-2.0-OpenSSH\r\n", unwell("it does not speak HTTP")),
        (b"HTTP/1.1 20 OK\r\n\r\n", unwell("it does not speak HTTP")),
        (b"HTTP/2 200\r\n\r\n", unwell("it does not speak HTTP")),
        (b"", unwell("it hangs up in the middle of its answer")),
        (b"HTTP/1.1 200 OK\r\nServer: x\r\n", unwell("it hangs up in the middle of its answer")),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000, unwell("the head of its answer is larger than 64 KiB")),
        (b"HTTP/1.1 200 OK\r\na: " + b"b" * 200_000 + b"\r\n", unwell("the head of its answer is larger than 64 KiB")),
    ],
)
async def test_a_page_is_well_below_400(prober: Prober, answer: bytes, found: Verdict) -> None:
    async with served(answer) as (port, heard):
        assert await asked(prober, HealthCheck(http=f"http://127.0.0.1:{port}/up?deep=1")) == found
    assert heard[0].startswith(b"GET /up?deep=1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % port)


async def test_a_page_that_never_comes_is_not_waited_for(prober: Prober) -> None:
    async with served(None) as (port, _):
        check = HealthCheck(http=f"http://localhost:{port}", timeout=BRIEFLY)
        assert await asked(prober, check) == unwell("no answer within 300ms")


async def test_a_connection_that_stays_open_after_the_answer_is_fine(prober: Prober) -> None:
    asking = asyncio.Event()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asking.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await asked(prober, HealthCheck(http=f"http://127.0.0.1:{port}", timeout=PATIENTLY)) == WELL
    asking.set()
    server.close()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
async def test_this_hosts_own_certificate_will_do(prober: Prober, name: str, tmp_path: Path) -> None:
    async with served(b"HTTP/1.1 200 OK\r\n\r\n", context=certified(tmp_path)) as (port, _):
        assert await asked(prober, HealthCheck(http=f"https://{name}:{port}/", timeout=PATIENTLY)) == WELL
        found = await asked(prober, HealthCheck(http=f"http://{name}:{port}/", timeout=PATIENTLY))
    assert not found.well


async def test_another_hosts_certificate_has_to_be_good(prober: Prober, tmp_path: Path) -> None:
    async with served(b"HTTP/1.1 200 OK\r\n\r\n", host="0.0.0.0", context=certified(tmp_path)) as (port, _):  # noqa: S104 - whatever its name means
        check = HealthCheck(http=f"https://{socket.gethostname()}:{port}/", timeout=PATIENTLY)
        assert "certificate is not good" in (await asked(prober, check)).text


def certified(folder: Path) -> ssl.SSLContext:
    """A server's side of TLS under a certificate that nobody knows."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=nobody".split()
    subprocess.run(["openssl", *words, "-keyout", key, "-out", certificate], check=True, capture_output=True)  # noqa: S607 - the host's
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.mark.parametrize(
    ("url", "tls", "host", "port", "first"),
    [
        ("http://web", False, "web", 80, b"GET / HTTP/1.1\r\nHost: web\r\n"),
        ("https://web:443/a", True, "web", 443, b"GET /a HTTP/1.1\r\nHost: web\r\n"),
        ("http://web:443?q=ä b", False, "web", 443, b"GET /?q=%C3%A4%20b HTTP/1.1\r\nHost: web:443\r\n"),
        ("http://[::1]:8/x\x01y", False, "::1", 8, b"GET /x%01y HTTP/1.1\r\nHost: [::1]:8\r\n"),
        (
            "http://bücher.example/",
            False,
            "xn--bcher-kva.example",
            80,
            b"GET / HTTP/1.1\r\nHost: xn--bcher-kva.example\r\n",
        ),
    ],
)
def test_a_url_is_asked_for_as_it_should_be(url: str, tls: bool, host: str, port: int, first: bytes) -> None:
    page = page_of(url)
    assert (page.tls, page.host, page.port) == (tls, host, port)
    assert page.request.startswith(first)
    assert b"Authorization" not in page.request


def test_a_name_and_a_password_go_into_the_request() -> None:
    assert b"\r\nAuthorization: Basic YW5hOmEgYg==\r\n" in page_of("http://ana:a%20b@web/").request


@pytest.mark.parametrize(
    "url", ["http://", "http://:80/", "http://web:99999/", "http://[::1/", "ftp://web/", "http://web:0"]
)
async def test_what_is_no_url_is_told(prober: Prober, url: str) -> None:
    with pytest.raises(ValueProblem):
        page_of(url)
    assert "is not a URL" in (await asked(prober, HealthCheck(http=url))).text


# ---- commands


async def test_a_command_runs_where_the_service_runs(prober: Prober, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    process = Process(working_dir="here", umask="027")
    wanted = work(tmp_path, process, PORT="8080", TOKEN=Secret("hush hush"))
    text = '[ "$PORT" = 8080 ] && [ "$TOKEN" = "hush hush" ] && pwd > place && [ "$(umask)" = 0027 ]'
    assert await asked(prober, script(text), wanted) == WELL
    assert (tmp_path / "here" / "place").read_text() == f"{tmp_path}/here\n"
    assert await asked(prober, HealthCheck(command=("test", "-e", "place")), wanted) == WELL


async def test_nothing_marks_it_as_part_of_the_attempt(prober: Prober, tmp_path: Path) -> None:
    """Else it would be hunted with what is left of a service that died."""
    assert await asked(prober, script('env > found; [ -z "$POLYSYNC_TOKEN$POLYSYNC_REPORT" ]'), work(tmp_path)) == WELL
    clean = work(tmp_path, Process(env_base=EnvBase.CLEAN), ONLY="this")
    assert await asked(prober, script('[ -z "$PYTEST_CURRENT_TEST" ] && [ "$ONLY" = this ]'), clean) == WELL


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (script("exit 3"), "exit 3"),
        (script("echo first; echo the database is away >&2; exit 1"), "exit 1: first\nthe database is away"),
        (script("kill -SEGV $$"), "killed by SIGSEGV"),
        (script("printf '\\377'; exit 1"), "exit 1: \N{REPLACEMENT CHARACTER}"),
    ],
)
async def test_it_says_how_it_ended(prober: Prober, check: HealthCheck, text: str, tmp_path: Path) -> None:
    assert await asked(prober, check, work(tmp_path)) == unwell(text)


async def test_what_cannot_be_executed_is_told(prober: Prober, tmp_path: Path) -> None:
    found = await asked(prober, HealthCheck(command=("/no/such/program",)), work(tmp_path))
    assert not found.well
    assert found.text.startswith("exit 127: ")
    found = await asked(prober, script("true"), work(tmp_path, Process(working_dir="nowhere")))
    assert not found.well
    assert "nowhere" in found.text


@pytest.mark.parametrize(
    ("check", "process", "said"),
    [
        (script("true"), Process(user="nobody-of-that-name"), "there is no user"),
        (HealthCheck(command=("true", "x" * 200_000)), Process(), "Argument list too long"),
        (HealthCheck(command=("true", "\0")), Process(), "null"),
    ],
)
async def test_what_can_never_be_asked_is_not_well(
    prober: Prober, check: HealthCheck, process: Process, said: str, tmp_path: Path
) -> None:
    found = await asked(prober, check, work(tmp_path, process))
    assert not found.well
    assert said in found.text


async def test_its_time_is_limited_and_nothing_of_it_stays(prober: Prober, tmp_path: Path) -> None:
    text = "echo waits; sleep 100 & echo $! > child; echo $$ > self; wait"
    wanted = work(tmp_path)
    found = await asked(prober, script(text, timedelta(seconds=1)), wanted)
    assert found == unwell("no answer within 1s: waits")
    await until(lambda: not lives(tmp_path / "child"))
    await until(lambda: not lives(tmp_path / "self"))
    assert await asked(prober, script("true"), wanted) == WELL


def lives(file: Path) -> bool:
    """Whether the process whose number the file holds is still there."""
    try:
        state = Path(f"/proc/{file.read_text().strip()}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


async def test_a_child_that_keeps_its_output_open_is_not_waited_for(prober: Prober, tmp_path: Path) -> None:
    assert await asked(prober, script("sleep 100 & echo $! > child"), work(tmp_path)) == WELL
    await until(lambda: not lives(tmp_path / "child"))


async def test_only_its_last_words_are_kept_and_no_secret_among_them(prober: Prober, tmp_path: Path) -> None:
    secret = "correct horse battery"  # noqa: S105 - it opens nothing
    text = 'i=0; while [ $i -lt 3000 ]; do echo "line $i $TOKEN"; i=$((i+1)); done; exit 1'
    found = await asked(prober, script(text), work(tmp_path, TOKEN=Secret(secret)))
    assert found.text.endswith(f"line 2999 {'*' * len(secret)}")
    assert "horse" not in found.text
    assert "battery" not in found.text
    assert WORDS - 100 < len(found.text) < WORDS + 100


async def test_a_flood_of_words_is_over_at_its_time(prober: Prober, tmp_path: Path) -> None:
    found = await asked(prober, script("yes", BRIEFLY), work(tmp_path))
    assert found.text.startswith("no answer within 300ms: y")


async def test_a_look_that_is_given_up_leaves_nothing(prober: Prober, tmp_path: Path) -> None:
    failed: list[BaseException] = []
    tasks = Tasks(failed.append)
    tasks.spawn(asked(prober, script("echo $$ > self; exec sleep 100"), work(tmp_path)), "looking")
    await until(lambda: (tmp_path / "self").exists() and (tmp_path / "self").read_text())
    await tasks.close()
    await until(lambda: not lives(tmp_path / "self"))
    for turns in range(1, 8):  # given up while it is just being started
        tasks.spawn(asked(prober, script("sleep 100"), work(tmp_path)), "looking")
        for _ in range(turns):
            await passing()
        await tasks.close()
    assert failed == []
    assert await asked(prober, script("true"), work(tmp_path)) == WELL
    prober.forget("t")


async def test_trouble_with_what_it_needs_is_no_verdict(prober: Prober) -> None:
    async def prepare() -> Work:
        raise PortError("the vault is closed")

    with pytest.raises(PortError, match="closed"):
        await prober.look(script("true"), prepare)


async def test_a_host_without_room_is_no_verdict(prober: Prober, tmp_path: Path) -> None:
    assert await asked(prober, script("true"), work(tmp_path)) == WELL  # its threads are there
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        with pytest.raises(NoRoom):
            await asked(prober, script("true"), work(tmp_path))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert await asked(prober, script("true"), work(tmp_path)) == WELL


@as_root
async def test_it_is_asked_as_the_user_of_the_service(prober: Prober, tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and len(folder.parts) > 2:
            folder.chmod(folder.stat().st_mode | 0o011)
    process = Process(user="nobody", nice=3, umask="077")
    text = (
        f'[ "$(id -u)" = {nobody.pw_uid} ] && [ "$(nice)" = 3 ] && [ "$(umask)" = 0077 ] && [ "$(pwd)" = "{tmp_path}" ]'
    )
    assert await asked(prober, script(text), work(tmp_path, process)) == WELL
    (tmp_path / "closed").mkdir(mode=0o700)
    found = await asked(prober, script("true"), work(tmp_path, Process(user="nobody", working_dir="closed")))
    assert "cannot run in the working directory" in found.text
