"""Plug-ins: found by entry point, imported only when asked for."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint

import pytest

from polysync.plugins import Kind, PluginBroken, PluginMissing, listing, load

HEAVY = "wave"  # a module of the standard library that nothing else here imports


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, Kind.ADAPTER.value)


def test_listing_sorts_names_and_imports_nothing() -> None:
    found = listing(Kind.ADAPTER, lambda _: [entry("ssh", f"{HEAVY}:open"), entry("http", "json:loads")])

    assert list(found) == ["http", "ssh"]
    assert HEAVY not in sys.modules


def test_listing_asks_for_the_group_of_its_kind() -> None:
    groups = {
        "polysync.adapters": [entry("local", "a:b")],
        "polysync.vaults": [entry("env", "c:d")],
        "polysync.notifiers": [entry("mail", "e:f")],
    }

    assert [list(listing(kind, groups.__getitem__)) for kind in Kind] == [["local"], ["env"], ["mail"]]


def test_listing_takes_one_plugin_installed_twice_for_one() -> None:
    assert list(listing(Kind.VAULT, lambda _: [entry("env", "os:environ")] * 2)) == ["env"]


def test_listing_refuses_two_plugins_of_one_name() -> None:
    with pytest.raises(PluginBroken, match="two vaults are called env: a:b and c:d"):
        listing(Kind.VAULT, lambda _: [entry("env", "c:d"), entry("env", "a:b")])


def test_listing_of_this_environment_works() -> None:
    assert list(listing(Kind.NOTIFIER)) == sorted(listing(Kind.NOTIFIER))


def test_load_gives_the_object() -> None:
    assert load(Kind.ADAPTER, "json", lambda _: [entry("json", "json:loads")])("1") == 1


def test_load_suggests_the_name_that_was_meant() -> None:
    with pytest.raises(PluginMissing, match="no adapter is called htp; did you mean http"):
        load(Kind.ADAPTER, "htp", lambda _: [entry("http", "json:loads")])


@pytest.mark.parametrize(("names", "said"), [([], "installed: none"), (["http", "ssh"], "installed: http, ssh")])
def test_load_lists_what_there_is(names: list[str], said: str) -> None:
    with pytest.raises(PluginMissing, match=said):
        load(Kind.ADAPTER, "zebra", lambda _: [entry(name, "json:loads") for name in names])


@pytest.mark.parametrize("value", ["no_such_module:x", "json:no_such_name"])
def test_load_says_why_a_plugin_does_not_load(value: str) -> None:
    with pytest.raises(PluginBroken, match=r"the adapter bad does not load: .*no_such"):
        load(Kind.ADAPTER, "bad", lambda _: [entry("bad", value)])
