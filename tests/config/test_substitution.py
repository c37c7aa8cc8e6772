"""Variables are replaced at load, kept for dispatch, and never shown."""

from __future__ import annotations

import pytest

from polysync.domain.definition import Substituted
from tests.config.reading import complaints, fine, told

TASK = "[tasks.t]\nrun = 'x'\n"
ENV = {"A": "one", "EMPTY": "", "ZONE": "Asia/Kathmandu", "SECRET": "hunter2", "SPAN": "5m"}
FILES = {"f.txt": "text\n\n", "secret": "hunter2"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("${env:A}", "one"),
        ("<${env:A}-${env:A}>", "<one-one>"),
        ("${env:NONE:-spare}", "spare"),
        ("${env:NONE:-}", ""),
        ("${env:EMPTY:-spare}", ""),
        ("${file:f.txt}", "text\n"),
        ("$${env:A}", "${env:A}"),
        ("$${${env:A}", "${one"),
        ("$5 {a}", "$5 {a}"),
    ],
)
def test_a_value_is_replaced_at_load(written: str, meant: str) -> None:
    assert fine(TASK + f"title = '{written}'", ENV, FILES).tasks["t"].title == meant


def test_the_script_is_left_alone() -> None:
    assert fine("[tasks.t]\nrun = 'echo ${env:NONE} ${x}'").tasks["t"].run == "echo ${env:NONE} ${x}"


def test_other_kinds_of_values_are_replaced_too() -> None:
    task = fine(
        TASK + "timezone = '${env:ZONE}'\ntimeout = '${env:SPAN}'\nenv.X = '${env:A}'\non_overlap = '${env:O}'\n"
        "tags = ['${env:A}']\nlocks = ['${env:A}']\nlog_max_size = '${env:S:-5mb}'\n"
        "priority = '${env:P}'\ncron = '${env:C}'",
        {**ENV, "O": "skip", "P": "high", "C": "@daily"},
    ).tasks["t"]
    assert (task.timezone, str(task.timeout), task.env["X"]) == ("Asia/Kathmandu", "0:05:00", "one")
    assert (task.on_overlap, task.priority, task.tags, task.locks) == ("skip", 10, {"one": ""}, ("one",))
    assert task.cron == ("@daily",)


def test_variables_of_the_run_are_kept_where_a_dispatcher_replaces_them() -> None:
    task = fine(
        "[tasks.t]\ncommand = ['${run:scheduled_for:%Y}', '$${x}', '${param:p}', '${env:B}']\n"
        "locks = ['${run:task}']\nsettings.body = '${param:p}'\nparameters.p = '${run:id}'",
        {"B": "${run:id}"},
    ).tasks["t"]
    assert task.command == ("${run:scheduled_for:%Y}", "$${x}", "${param:p}", "$${run:id}")
    assert task.settings == {"body": "${param:p}"}


FAULTS = [
    ("title = 'a ${env:NONE}'", "3:12: tasks.t.title: the environment variable NONE is not set; set it where"),
    ("title = '${env:1}'", "is not the name of an environment variable"),
    ("title = '${file:none}'", "3:9: tasks.t.title: none does not exist"),
    ("title = '${file:}'", "${file:} names no file"),
    ("title = 'ab ${env:A'", "3:13: tasks.t.title: ${ without its closing }; a literal ${ is written $${"),
    ("title = '${HOME}'", "${HOME} is not a substitution; write ${env:HOME}"),
    ("title = '${evn:A}'", 'unknown substitution "${evn:A}"; did you mean env?'),
    ("title = '${what ever}'", "known are env, file, run and param"),
    ("title = '${run:id}'", "${run:…} is not known yet when the file is read; it may stand in"),
    ("locks = ['${run:idd}']", '3:10: tasks.t.locks[0]: unknown run variable "idd"; did you mean id?'),
    ("locks = ['${run:xyz}']", "known are scheduled_for, id, attempt, task, correlation_id"),
    ("locks = ['${run:id:%Y}']", "${run:id} takes no format"),
    ("locks = ['${param:}']", "${param:} names no parameter"),
    ("locks = ['a${param:p}']", '3:12: tasks.t.locks[0]: unknown parameter "p"'),
    ("settings = { a = ['${param:p}'] }", '3:19: tasks.t.settings.a[0]: unknown parameter "p"'),
]


@pytest.mark.parametrize(("line", "wanted"), FAULTS, ids=[line for line, _ in FAULTS])
def test_a_faulty_variable_is_told_at_its_column(line: str, wanted: str) -> None:
    said = complaints(TASK + line, ENV, FILES)
    assert any(wanted in problem for problem in said), said


@pytest.mark.parametrize(
    "line",
    [
        "timeout = '${env:SECRET}'",
        "log_max_size = '${file:secret}'",
        "on_overlap = '${env:SECRET}'",
        "priority = '${env:SECRET}'",
        "timezone = '${env:SECRET}'",
        "cron = '${env:SECRET}'",
        "platform = '${env:SECRET}'",
        "umask = '${file:secret}'",
        "depends_on = ['${env:SECRET}']",
        "secrets = { A = '${env:SECRET}' }",
        "job = '${env:SECRET} '",
        "contention = '${env:SECRET}'",
        "parameters.p = { value = '${env:SECRET}', type = 'int' }",
        "cpu_max = '${env:SECRET}'",
        "depends_mode = '${env:SECRET}'",
        "locks = ['${env:SECRET}', '${env:SECRET}']",
    ],
)
def test_a_message_never_repeats_what_a_variable_gave(line: str) -> None:
    loaded = told(TASK + line, ENV, FILES)
    assert loaded.errors
    for problem in loaded.problems:
        assert "hunter2" not in str(problem)


def test_a_message_about_a_missing_calendar_file_does_not_name_what_a_variable_gave() -> None:
    said = complaints("[calendars.c]\nics = '${env:SECRET}'", ENV, FILES)
    assert said == ['polysync.toml:2:7: calendars.c.ics: what "${env:SECRET}" gives is not an iCalendar file']


def test_a_replaced_value_remembers_what_was_written() -> None:
    title = fine(TASK + "title = '${env:A}!'", ENV).tasks["t"].title
    assert isinstance(title, Substituted)
    assert (title, title.written) == ("one!", "${env:A}!")


def test_the_variables_and_files_used_are_noted() -> None:
    loaded = told(TASK + "title = '${env:A}${env:NONE:-x}${file:f.txt}'", ENV, FILES)
    assert loaded.env == {"A": "one", "NONE": None}
    assert loaded.files == ("polysync.toml", "f.txt")
