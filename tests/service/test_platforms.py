"""Adapters are made when they are wanted, and what cannot be made fails one attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from polysync.daemon.platforms import Platforms
from polysync.domain.run import Reason
from polysync.domain.settings import Configuration, Platform
from polysync.ports import Adapter, PortError


class Here:
    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options
        self.closed = False

    def close(self) -> None:
        self.closed = True


def here(options: Mapping[str, Any]) -> Adapter:
    return cast("Adapter", Here(options))


def configured(*platforms: Platform) -> Configuration:
    return Configuration(platforms={platform.name: platform for platform in platforms})


def test_this_host_is_always_there_and_made_once() -> None:
    platforms = Platforms(configured(), here)
    assert platforms.adapter_for("local") is platforms.adapter_for("local")


def test_what_adapters_hold_is_given_back() -> None:
    platforms = Platforms(configured(Platform(name="box", type="local")), here)
    adapter = cast("Any", platforms.adapter_for("local"))
    platforms.adapter_for("box")
    platforms.close()
    assert adapter.closed


def test_a_changed_platform_gets_another_adapter_and_a_removed_one_keeps_its_own() -> None:
    box = Platform(name="box", type="local")
    platforms = Platforms(configured(box), here)
    first = platforms.adapter_for("box")
    platforms.configure(configured(replace(box, options={"a": 1})))
    second = platforms.adapter_for("box")
    assert second is not first
    platforms.configure(configured())
    assert platforms.adapter_for("box") is second


@pytest.mark.parametrize(
    ("name", "said"), [("gone", "no platform called gone"), ("lake", "nothing here can run work of type databricks")]
)
def test_what_cannot_be_had_is_said(name: str, said: str) -> None:
    platforms = Platforms(configured(Platform(name="lake", type="databricks")), here)
    with pytest.raises(PortError, match=said) as caught:
        platforms.adapter_for(name)
    assert caught.value.permanent
    assert caught.value.reason is Reason.START_FAILED
