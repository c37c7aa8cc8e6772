"""Looks at services: real sockets, and every way in which they can fail."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from polysync.daemon.page import page_of
from polysync.daemon.probes import Prober, Verdict
from polysync.domain.errors import ValueProblem
from polysync.domain.settings import HealthCheck
from tests.service.looking import BRIEFLY, HOME, PATIENTLY, WELL, asked, unwell


@pytest.fixture
async def prober() -> AsyncIterator[Prober]:
    made = Prober(HOME)
    yield made
    made.close()


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
