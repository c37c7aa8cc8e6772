"""Addresses that are listened on, certificates, and tokens by their hashes."""

from __future__ import annotations

import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from polysync.api.tcp import CannotListen, caller_of, is_open_secret, listen_on, parts_of, tls_of
from polysync.api.tokens import hash_of, holder, new_token
from polysync.domain.settings import Token
from tests.api.by_tcp import certificate
from tests.api.stage import DEADLINE


def test_tokens_are_long_and_never_twice() -> None:
    made = {new_token() for _ in range(50)}
    assert len(made) == 50
    assert all(len(one) >= 40 and one.startswith("psync_") for one in made)


def test_a_token_is_known_by_its_hash_whatever_its_case() -> None:
    tokens = [Token(name="a", sha256=hash_of("x").upper()), Token(name="b", sha256=hash_of("y"))]
    assert [getattr(holder(tokens, shown), "name", None) for shown in ("x", "y", "z", "", hash_of("x"))] == [
        "a", "b", None, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("address", "caller"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_callers_are_counted_by_address_or_network(address: str, caller: str) -> None:
    assert caller_of(address) == caller


def test_addresses_have_two_parts() -> None:
    assert [parts_of(one) for one in ("127.0.0.1:80", "[::1]:9477", "box.example:1")] == [
        ("127.0.0.1", 80), ("::1", 9477), ("box.example", 1),
    ]  # fmt: skip


def test_an_address_that_is_taken_is_named() -> None:
    (taken,) = listen_on("127.0.0.1:0")
    with taken, pytest.raises(CannotListen, match=r"127\.0\.0\.1:\d+: Address already in use"):
        listen_on(f"127.0.0.1:{taken.getsockname()[1]}")


def test_an_address_of_somebody_else_is_named() -> None:
    with pytest.raises(CannotListen, match="cannot listen on"):
        listen_on("192.0.2.1:9477")


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_everywhere_is_everywhere() -> None:
    (both,) = listen_on("[::]:0")
    with both, socket.create_connection(("127.0.0.1", both.getsockname()[1]), timeout=DEADLINE):
        pass


def test_tls_is_never_old(tmp_path: Path) -> None:
    context = tls_of(*certificate())
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    key = tmp_path / "key.pem"
    key.write_bytes(certificate()[1].read_bytes())
    for mode, is_open in ((0o600, False), (0o640, False), (0o644, True)):
        key.chmod(mode)
        assert is_open_secret(key) is is_open


def test_what_is_wrong_with_a_certificate_is_said(tmp_path: Path) -> None:
    good, key = certificate()
    rubbish, other, locked = (tmp_path / name for name in ("rubbish.pem", "other.pem", "locked.pem"))
    rubbish.write_text("no certificate")
    make = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1".split()
    for target, more in ((other, []), (locked, ["-aes-128-cbc", "-pass", "pass:word"])):
        subprocess.run(["openssl", *make, *more, "-out", str(target)], check=True, capture_output=True)  # noqa: S607 - as found on the path
    for pair, word in (
        ((tmp_path / "none.pem", key), "No such file"),
        ((rubbish, key), "PEM"),
        ((good, rubbish), "PEM"),
        ((good, other), "the key is not that of the certificate"),
        ((good, locked), "passphrase"),
        ((tmp_path, key), "Is a directory"),
    ):
        with pytest.raises(CannotListen, match=word):
            tls_of(*pair)
