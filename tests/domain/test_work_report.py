"""The report of the work: what each line means, and that no line is lost without a word."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysync.domain.disguise import MOST
from polysync.domain.report import ENTRY_COST, LINE_LIMIT, TOLD, Report, Reported
from polysync.domain.rows import Message
from polysync.domain.values import Outcome


def fold(*lines: str | bytes) -> Reported:
    report = Report()
    for line in lines:
        report.feed((line.encode() if isinstance(line, str) else line) + b"\n")
    report.finish()
    return report.folded()


def said(**body: object) -> str:
    return json.dumps(body)


@pytest.mark.parametrize(
    ("line", "fact", "value"),
    [
        ("output rows=42", "outputs", {"rows": "42"}),
        ("output rows=", "outputs", {"rows": ""}),
        ("output text=a = b", "outputs", {"text": "a = b"}),
        ("progress 40 loading all", "progress", (40, "loading all")),
        ("progress 99.9%", "progress", (99, "")),
        ("heartbeat", "heartbeat", True),
        ("heartbeat still here", "heartbeat", True),
        ("message NOTE hello world\r", "messages", (Message("NOTE", "hello world"),)),
        ("error E42 it broke", "messages", (Message("E42", "it broke", error=True),)),
        ("error E42 it broke", "error", "E42: it broke"),
        ("error E42", "error", "E42"),
        ("status-code 429", "status_code", 429),
        ("retry-after 30s", "retry_after", timedelta(seconds=30)),
        ("retry-after 90", "retry_after", timedelta(seconds=90)),
        ("status fatal", "status", Outcome.FATAL),
        ("status intermediate", "status", Outcome.INTERMEDIATE),
        ("status skipped", "status", Outcome.SKIPPED),
        (said(output={"name": "rows", "value": [1, {"a": None}]}), "outputs", {"rows": [1, {"a": None}]}),
        (said(output={"name": "rows", "type": "int", "value": "42"}), "outputs", {"rows": 42}),
        (said(output={"name": "rows", "type": "float", "value": 1}), "outputs", {"rows": 1.0}),
        (said(output={"name": "rows", "value": 1, "state": "last_rows"}), "states", {"rows": "last_rows"}),
        (said(output={"name": "key", "value": 1, "sensitive": True}), "sensitive", frozenset({"key"})),
        (said(output={"name": "key", "type": "secret", "value": "x"}), "sensitive", frozenset({"key"})),
        (said(error={"code": "E", "message": "no"}), "error", "E: no"),
        (said(message={"code": "N"}), "messages", (Message("N", ""),)),
        (said(start_failed="no such user"), "start_failed", "no such user"),
    ],
)
def test_line_is_understood(line: str, fact: str, value: object) -> None:
    account = fold(line)
    assert getattr(account, fact) == value
    assert account.problems == ()
    assert account.heartbeat


def test_details_of_an_error_become_lines_of_its_text() -> None:
    details = ["plain", {"code": "C", "message": "inner", "details": [{"message": "deep"}, 7]}]
    account = fold(said(error={"code": "E", "message": "outer", "details": details}))
    assert account.error == "E: outer\n  plain\n  C: inner\n    deep\n    7"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("rubbish", "no such word: rubbish"),
        ("w" * 100, "no such word: a word of 100 characters"),
        ("output rows", "no value"),
        ("output 1rows=2", "not a name"),
        ("progress x", "not a percentage"),
        ("progress 101", "not between"),
        ("progress nan", "not between"),
        ("message", "no code"),
        ("status-code high", "not a number"),
        ("status-code 1234567890", "not a number"),
        ("retry-after soon", "not a duration"),
        ("retry-after 8d", "longer than a week"),
        ("status succeeded", "no such status"),
        ("{", "not valid JSON"),
        ("{}", "not one of"),
        ('{"output": {"name": "a", "value": NaN}}', "not valid JSON"),
        ('{"output": {"name": "a", "value": 1e999}}', "not a finite number"),
        ('{"output": {"name": "a", "value": "\\ud800"}}', "not valid JSON"),
        ('{"output": ' + "[" * 100_000, "not valid JSON"),
        ('{"output": ' + "[" * 9 + "]" * 9 + "}", "nested deeper than 8"),
        (said(output=1), "must be an object"),
        (said(output={"value": 1}), "no name"),
        (said(output={"name": 5, "value": 1}), "name must be a string"),
        (said(output={"name": "a"}), "no value"),
        (said(output={"name": "a", "value": 1, "sensitive": "yes"}), "sensitive must be"),
        (said(output={"name": "a", "value": 1, "type": "date"}), "no such type: date"),
        (said(output={"name": "a", "value": "x", "type": "int"}), "must be a whole number"),
        (said(output={"name": "a", "value": "x" * (1 << 20)}), "larger than 1 MB"),
        (said(error={"message": "no code"}), "no code"),
        (said(error={"code": "E", "details": "x"}), "details must be a list"),
        (said(message={"code": "E", "message": "x" * (1 << 20)}), "larger than 1 MB"),
        (said(start_failed=1), "must be a string"),
        ("output a=" + "x" * LINE_LIMIT, "longer than 1 MB"),
    ],
)
def test_line_that_cannot_be_understood_is_told_with_its_reason(line: str, reason: str) -> None:
    account = fold("heartbeat", line)
    (problem,) = account.problems
    assert problem.startswith("line 2: ")
    assert reason in problem
    assert account.messages == (Message("report", problem),)
    assert account.outputs == {}


def test_patience_is_cut_at_a_week() -> None:
    assert fold("retry-after 8d").retry_after == timedelta(days=7)


def test_complaint_does_not_show_the_value() -> None:
    account = fold(said(output={"name": "key", "value": "hunter2", "type": "int", "sensitive": True}))
    assert account.problems
    assert "hunter2" not in repr(account)


def test_last_word_counts() -> None:
    account = fold("output a=1", "output a=2", "progress 1", "progress 2 x", "error A", "error B", "status skipped")
    assert account.outputs == {"a": "2"}
    assert account.progress == (2, "x")
    assert account.error == "B"


def test_nothing_said_is_an_empty_account() -> None:
    assert fold() == Reported()
    assert fold("", "   ") == Reported()


def test_bytes_that_are_no_text_are_kept_readable() -> None:
    assert fold(b"message N \xff").messages == (Message("N", "�"),)


def test_sum_of_all_is_limited_and_a_new_value_gives_back_the_old() -> None:
    report = Report(total_limit=1000 + ENTRY_COST)
    for _ in range(5):
        report.feed(b"output a=" + b"x" * 900 + b"\n")
    report.feed(b"output b=" + b"x" * 900 + b"\n")
    report.feed(b"message N hello\n")
    account = report.folded()
    assert list(account.outputs) == ["a"]
    assert len(account.problems) == 2
    assert all("larger than 2 MB" in problem for problem in account.problems)


def test_complaints_are_counted_after_the_first_ones() -> None:
    account = fold(*["rubbish"] * (TOLD + 7))
    assert len(account.problems) == TOLD + 1
    assert account.problems[-1] == "7 more lines like these"
    assert account.messages[-1] == Message("report", "7 more lines like these")


def test_last_line_without_newline_counts_at_the_end_only() -> None:
    report = Report()
    report.feed(b"output a=1\noutput b=2")
    assert report.folded().outputs == {"a": "1"}
    report.finish()
    report.finish()
    assert report.folded().outputs == {"a": "1", "b": "2"}


def test_endless_line_is_not_kept_in_memory_and_told_once() -> None:
    report = Report()
    for _ in range(40):
        report.feed(b"x" * (1 << 18))
    report.feed(b"x\nheartbeat")
    report.finish()
    account = report.folded()
    assert account.problems == ("line 1: longer than 1 MB",)
    assert account.heartbeat


def test_endless_last_line_is_told() -> None:
    report = Report()
    report.feed(b"x" * (LINE_LIMIT + 1))
    report.finish()
    assert report.folded().problems == ("line 1: longer than 1 MB",)


def test_news_are_what_changed_since_the_last_look() -> None:
    report = Report()
    assert report.news() is None
    report.feed(b"progress 1 a\noutput a=1\noutput b=2\nmessage N one\n")
    news = report.news()
    assert news is not None
    assert news.progress == (1, "a")
    assert news.outputs == {"a": "1", "b": "2"}
    assert news.messages == (Message("N", "one"),)
    assert report.news() is None
    report.feed(b"heartbeat\noutput b=3\n")
    news = report.news()
    assert news is not None
    assert (news.progress, news.outputs, news.messages) == (None, {"b": "3"}, None)
    report.feed(b"message N two\n")
    news = report.news()
    assert news is not None
    assert [message.text for message in news.messages or ()] == ["one", "two"]


def test_sensitive_output_is_no_news() -> None:
    report = Report()
    report.feed(said(output={"name": "key", "value": 1, "sensitive": True}).encode() + b"\n")
    news = report.news()
    assert news is not None
    assert (news.outputs, news.secrets) == ({}, ("1",))
    assert report.folded().outputs == {"key": 1}
    report.feed(said(output={"name": "plain", "value": ["x"], "sensitive": False}).encode() + b"\n")
    news = report.news()
    assert news is not None
    assert news.secrets == ()


def test_more_secrets_than_anybody_can_look_for_are_complained_of_once() -> None:
    report, told = Report(), list[str]()
    for start in range(0, MOST + 20, 7):
        for number in range(start, start + 7):
            line = said(output={"name": f"n{number:04}", "value": f"secret-{number}", "sensitive": True})
            report.feed(line.encode() + b"\n" + line.encode() + b"\n")
        news = report.news()
        assert news is not None
        told += news.secrets
    assert told == [f"secret-{number}" for number in range(MOST)]
    assert [message.text for message in report.folded().messages] == [
        "more than 1000 secrets were reported; the others are not masked in the log"
    ]


LINES = st.lists(
    st.sampled_from(["output a=1", "output b=2", "progress 5 x", "error E f", "nonsense", "", "message M é", "{bad"])
)


@given(LINES, st.lists(st.integers(0, 60)))
def test_account_does_not_depend_on_how_the_bytes_came(lines: list[str], cuts: list[int]) -> None:
    data = "\n".join(lines).encode()
    whole, parts = Report(), Report()
    whole.feed(data)
    whole.finish()
    marks = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in pairwise(marks):
        parts.feed(data[start:end])
    parts.finish()
    assert parts.folded() == whole.folded()


@given(st.binary(max_size=400))
def test_no_bytes_raise(data: bytes) -> None:
    report = Report()
    report.feed(data)
    report.finish()
    report.folded()
