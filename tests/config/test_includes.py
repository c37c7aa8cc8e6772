"""Further files: found, read, checked, and named in what is said about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from polysync.config.load import load
from polysync.config.read import LARGEST, MOST_FILES, find_files
from polysync.domain.errors import ValueProblem
from tests.config.reading import complaints, fine, told

MAIN = "include = ['conf.d/*.toml']\n[tasks.main]\nrun = 'x'\n"


def test_included_tables_join_those_of_the_main_file() -> None:
    files = {
        "conf.d/a.toml": "[tasks.a]\nrun = 'x'\ndepends_on = ['main']\n[[notifier]]\nid = 'n'\ntype = 'ntfy'\n",
        "conf.d/b.toml": "[tasks.b]\nrun = 'x'\ndepends_on = ['a']\nnotify_on_failure = ['n']\n",
    }
    config = fine(MAIN, files=files)
    assert list(config.tasks) == ["main", "a", "b"]
    assert config.include == ("conf.d/*.toml",)
    assert told(MAIN, files=files).files == ("polysync.toml", "conf.d/a.toml", "conf.d/b.toml")


def test_a_fault_in_an_included_file_names_that_file() -> None:
    files = {
        "conf.d/a.toml": "# one\n[tasks.a]\nrum = 'x'\n[[notifier]]\nid = 'n'\ntype = 'ntfy'\n",
        "conf.d/b.toml": "[[notifier]]\nid = 'm'\ntype = 'nfty'\n",
    }
    assert complaints(MAIN, files=files) == [
        "conf.d/a.toml:2:8: tasks.a: says nothing to execute; add exactly one of run, command and job",
        "conf.d/a.toml:3:1: tasks.a.rum: unknown key; did you mean run?",
        'conf.d/b.toml:3:8: notifier[0].type: unknown notifier type "nfty"; did you mean "ntfy"?',
    ]


def test_a_name_in_two_files_names_both() -> None:
    files = {
        "conf.d/a.toml": "[tasks.main]\nrun = 'y'\n[services.s]\nrun='x'\n",
        "conf.d/b.toml": "[tasks.s]\nrun='y'\n",
    }
    assert complaints(MAIN, files=files) == [
        "conf.d/a.toml:1:8: tasks.main: defined in polysync.toml and in conf.d/a.toml; keep one of them",
        (
            'conf.d/a.toml:3:11: services.s: "s" is the name of a task in conf.d/b.toml too; '
            "tasks and services share their names; rename one of them"
        ),
    ]


def test_a_notifier_in_two_files_names_both() -> None:
    notifier = "[[notifier]]\nid = 'n'\ntype = 'ntfy'\n"
    assert complaints(MAIN + notifier, files={"conf.d/a.toml": notifier}) == [
        (
            'conf.d/a.toml:2:6: notifier[0].id: "n" is defined in polysync.toml and in conf.d/a.toml; '
            "every notifier has an id of its own"
        )
    ]


def test_only_tables_of_names_may_be_included() -> None:
    files = {"conf.d/a.toml": "include = ['x']\n[daemon]\n[defaults]\n[taks.a]\n"}
    assert complaints(MAIN, files=files) == [
        "conf.d/a.toml:1:1: include: an included file cannot include others; list it in the main file",
        "conf.d/a.toml:2:2: daemon: cannot stand here; this belongs in the main file; an included one cannot hold it",
        "conf.d/a.toml:3:2: defaults: cannot stand here; this belongs in the main file; an included one cannot hold it",
        "conf.d/a.toml:4:2: taks: unknown key; did you mean tasks?",
    ]


def test_a_pattern_without_a_file_is_a_warning() -> None:
    assert complaints(MAIN) == [
        "polysync.toml:1:12: warning: include[0]: no file matches; remove it, or create the file"
    ]
    assert complaints("include = 'x/*'") == [
        "polysync.toml:1:11: warning: include: no file matches; remove it, or create the file"
    ]


def test_an_include_that_is_no_list_is_told() -> None:
    assert complaints("include = 5") == ['polysync.toml:1:11: include: must be a string, not a number; write "5"']


def test_files_on_disk_are_found_beside_the_including_one(tmp_path: Path) -> None:
    (tmp_path / "conf [1]").mkdir()
    main = tmp_path / "conf [1]" / "polysync.toml"
    (tmp_path / "conf [1]" / "conf.d").mkdir()
    main.write_text(f"include = ['conf.d/*.toml', '{tmp_path}/more.toml', 'none.toml']\n")
    (main.parent / "conf.d" / "b.toml").write_text("[tasks.b]\nrun = 'x'\ntitle = '${file:title}'\n")
    (main.parent / "conf.d" / "title").write_text("from a file\n")
    (tmp_path / "more.toml").write_text("[tasks.c]\nrun = 'x'\ntitle = '${env:A}'\n")
    loaded = load(main, env={"A": "B"})
    folder, column = str(main.parent), main.read_text().index("'none") + 1
    assert [str(problem) for problem in loaded.problems] == [
        (
            f"{main}:1:{column}: include[2]: {folder}/none.toml does not exist; "
            "check the name; relative paths start at the folder of the file that names them"
        )
    ]
    main.write_text(main.read_text().replace(", 'none.toml'", ""))
    loaded = load(main, env={"A": "B"})
    assert loaded.config is not None
    assert [task.title for task in loaded.config.tasks.values()] == ["from a file", "B"]
    assert loaded.files == (
        str(main),
        f"{folder}/conf.d/b.toml",
        f"{tmp_path}/more.toml",
        f"{folder}/conf.d/title",
    )


def test_a_broken_included_file_does_not_hide_the_faults_of_the_others() -> None:
    said = complaints(
        MAIN + "rum = 1\n", files={"conf.d/a.toml": "[tasks.a\n", "conf.d/b.toml": "[tasks.b]\nrum = 1\n"}
    )
    assert [line.split(" ")[0] for line in said] == ["conf.d/a.toml:1:9:", "conf.d/b.toml:2:1:", "polysync.toml:4:1:"]


def test_a_pattern_that_matches_a_whole_disk_is_refused(tmp_path: Path) -> None:
    for number in range(MOST_FILES + 1):
        (tmp_path / f"{number}.toml").touch()
    with pytest.raises(ValueProblem, match="matches more than 1,000 files"):
        find_files("*.toml", tmp_path)
    (tmp_path / "0.toml").unlink()
    assert len(find_files("*.toml", tmp_path)) == MOST_FILES


def test_files_are_read_up_to_the_size_of_one() -> None:
    half = "#" * (LARGEST // 2)
    files = {"conf.d/a.toml": half, "conf.d/b.toml": half, "conf.d/c.toml": half}
    assert complaints(MAIN, files=files) == [
        "polysync.toml:1:12: include[0]: conf.d/b.toml makes the files together larger than 16 MB; include fewer files"
    ]


def test_a_fault_points_at_its_own_pattern_behind_a_faulty_one() -> None:
    text = "include = [5, '', 'conf.d/*.toml', 'none.toml', 'conf.d/*.toml']\n"
    assert complaints(text, files={"conf.d/a.toml": "x = 1"}) == [
        "conf.d/a.toml:1:1: x: unknown key",
        'polysync.toml:1:12: include[0]: must be a string, not a number; write "5"',
        "polysync.toml:1:15: include[1]: must not be empty",
        "polysync.toml:1:36: warning: include[3]: no file matches; remove it, or create the file",
        'polysync.toml:1:49: include[4]: "conf.d/*.toml" stands here a second time',
    ]
