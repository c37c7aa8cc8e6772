"""Ports: the one error that crosses them, and secrets that do not leak on the way."""

from __future__ import annotations

import json
import pickle
from datetime import timedelta

import pytest

from polysync.domain.errors import PolysyncError
from polysync.ports import PortError, Secret


def test_port_error_carries_what_the_caller_decides_by() -> None:
    error = PortError("the platform is busy", False, timedelta(seconds=30))

    assert isinstance(error, PolysyncError)
    assert (str(error), error.permanent, error.retry_after) == ("the platform is busy", False, timedelta(seconds=30))


def test_port_error_is_not_permanent_unless_said() -> None:
    assert not PortError("reset").permanent
    assert PortError("reset").retry_after is None


def test_secret_prints_as_stars() -> None:
    secret = Secret("hunter2")

    assert f"{secret} {secret!r} {[secret]}" == "*** *** [***]"
    assert secret.reveal() == "hunter2"


def test_secret_is_never_written_down() -> None:
    with pytest.raises(TypeError, match="never written down"):
        pickle.dumps(Secret("hunter2"))
    with pytest.raises(TypeError, match="not JSON serializable"):
        json.dumps(Secret("hunter2"))
