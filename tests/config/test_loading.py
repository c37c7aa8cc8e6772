"""What is left of a configuration once it was checked."""

from __future__ import annotations

from pathlib import Path

from polysync.config.load import load, without_tables


def test_the_tables_go_and_all_else_stays(tmp_path: Path) -> None:
    file = tmp_path / "polysync.toml"
    file.write_text('[tasks.a]\nrun = "true"\n')
    loaded = load(file, env={})
    gathered = loaded.gathered
    assert gathered is not None
    assert list(gathered.named["tasks"]) == ["a"]
    left = without_tables(loaded)
    assert (left.gathered, gathered.named["tasks"]) == (None, {})  # freed one by one, and not all at once
    assert left.config is not None
    assert (left.config, left.documents, left.problems) == (loaded.config, loaded.documents, loaded.problems)
    assert left.config.tasks["a"].run == "true"
    assert without_tables(left) == left
