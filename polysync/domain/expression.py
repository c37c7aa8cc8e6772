"""Conditions over `outputs`, `state` and `parameters`: a small language of its own, without calls.

    test     = both ("or" both)*
    both     = inverse ("and" inverse)*
    inverse  = "not" inverse | relation
    relation = operand [("==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not" "in") operand]
    operand  = number | string | "true" | "false" | "null" | list | name | "(" test ")"
    name     = "state" | ("outputs" | "parameters") ("." word | "[" string "]")

A name that is not there is null.  Values that cannot be compared are not equal and in no order, so a
condition is always true or false and never fails.  Work reports its outputs as text from any language:
text that reads as a number is compared with a number as one, and `"true"` with true.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

from polysync.domain.equality import same
from polysync.domain.errors import ValueProblem

LONGEST: Final = 1000  # characters: a condition is one line that somebody reads
DEEPEST: Final = 32  # levels of brackets and of `not`: far from the end of the stack
LONGEST_NUMBER: Final = 64  # characters of text that may be read as a number

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?(?![\w.]))
      | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<word>[A-Za-z_][A-Za-z0-9_-]*)
      | (?P<sign>==|!=|<=|>=|[<>()\[\],.])
      | (?P<end>\Z)
    )""",
    re.VERBOSE | re.ASCII,
)
_NUMBER: Final = re.compile(r"\s*[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?\s*", re.ASCII)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "'": "'"}
_LITERALS: Final[Mapping[str, Any]] = {"true": True, "false": False, "null": None}
_TRUTHS: Final = {"true": True, "false": False}
_TABLES: Final = ("outputs", "parameters")
_RESERVED: Final = frozenset({"and", "or", "not", "in"})
_ADVICE: Final = {
    "=": "write == to compare",
    "&": "write and",
    "|": "write or",
    "!": "write not, or != to compare",
    '"': "the closing quote is missing",
    "'": "the closing quote is missing",
}

Scope = Mapping[str, Any]
Value = Callable[[Scope], Any]


class Token(NamedTuple):
    """A piece of the text, and where it stands."""

    kind: str
    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition that was found to be well formed."""

    text: str
    names: frozenset[tuple[str, str]]  # what it looks at: ("outputs", "rows")
    _value: Value = field(repr=False, compare=False)

    def holds(self, outputs: Mapping[str, Any], state: str, parameters: Mapping[str, Any]) -> bool:
        """Whether the condition is true of a run that ended in `state`."""
        return bool(self._value({"outputs": outputs, "state": str(state), "parameters": parameters}))


@lru_cache(maxsize=1024)
def compile_expression(text: str) -> Expression:
    """The condition that `text` is."""
    if len(text) > LONGEST:
        raise ValueProblem(f"longer than {LONGEST} characters", "split it, or let the work report one output", LONGEST)
    parser = _Parser(_tokens(text))
    return Expression(text, *parser.whole())


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    while not found or found[-1].kind != "end":
        token = _TOKEN.match(text, at)
        if token is None:
            bad = at + len(text[at:]) - len(text[at:].lstrip())
            hint = _ADVICE.get(
                text[bad], "possible are outputs.NAME, parameters.NAME, state, comparisons, and/or/not, in"
            )
            raise ValueProblem(f"cannot read {text[bad:][:12]!r}", hint, bad)
        kind = str(token.lastgroup)
        found.append(Token(kind, token[kind], token.start(kind)))
        at = token.end()
    return found


class _Parser:
    """One pass over the tokens, each rule of the grammar a method."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._names: set[tuple[str, str]] = set()

    def whole(self) -> tuple[frozenset[tuple[str, str]], Value]:
        value = self._test()
        if self._here.kind != "end":
            raise self._problem("not expected here", "join conditions with and/or")
        return frozenset(self._names), value

    @property
    def _here(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._here
        self._at += 1
        return token

    def _accept(self, *texts: str) -> str | None:
        if self._here.kind in {"word", "sign"} and self._here.text in texts:
            return self._next().text
        return None

    def _expect(self, text: str) -> None:
        if self._accept(text) is None:
            raise self._problem(f"expected {text}", "")

    def _problem(self, message: str, hint: str) -> ValueProblem:
        shown = "the end" if self._here.kind == "end" else repr(self._here.text)
        return ValueProblem(f"{shown}: {message}", hint, self._here.offset)

    def _deeper(self, rule: Callable[[], Value]) -> Value:
        if self._depth == DEEPEST:
            raise self._problem(f"deeper than {DEEPEST} levels", "write it flatter")
        self._depth += 1
        value = rule()
        self._depth -= 1
        return value

    def _test(self) -> Value:
        parts = [self._both()]
        while self._accept("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda scope: any(part(scope) for part in parts)

    def _both(self) -> Value:
        parts = [self._inverse()]
        while self._accept("and"):
            parts.append(self._inverse())
        return parts[0] if len(parts) == 1 else lambda scope: all(part(scope) for part in parts)

    def _inverse(self) -> Value:
        if self._accept("not"):
            inner = self._deeper(self._inverse)
            return lambda scope: not inner(scope)
        return self._relation()

    def _relation(self) -> Value:
        left = self._operand()
        sign = self._accept(*_RELATIONS)
        negated = sign is None and self._accept("not") is not None
        if negated:
            self._expect("in")
            sign = "in"
        if sign is None:
            return left
        relation, right = _RELATIONS[sign], self._operand()
        if self._here.text in _RELATIONS:
            raise self._problem("compare two values at a time", "write a < b and b < c")
        return lambda scope: relation(left(scope), right(scope)) is not negated

    def _operand(self) -> Value:
        if self._accept("("):
            inner = self._deeper(self._test)
            self._expect(")")
            return inner
        if self._accept("["):
            return self._deeper(self._list)
        match self._here.kind:
            case "number":
                return _constant(_number(self._next().text))
            case "string":
                return _constant(self._string())
            case "word" if self._here.text not in _RESERVED:
                return self._word()
        raise self._problem("a value is missing", "write a number, a string, or a name such as outputs.rows")

    def _list(self) -> Value:
        items: list[Value] = []
        while self._accept("]") is None:
            if items:
                self._expect(",")
            items.append(self._operand())
        return lambda scope: [item(scope) for item in items]

    def _word(self) -> Value:
        token = self._here
        if token.text in _LITERALS:
            self._at += 1
            return _constant(_LITERALS[token.text])
        if token.text == "state":
            self._at += 1
            self._no_more()
            return lambda scope: scope["state"]
        if token.text not in _TABLES:
            raise self._problem("unknown name", "write outputs.NAME, parameters.NAME or state; text stands in quotes")
        self._at += 1
        return self._member(token.text)

    def _member(self, table: str) -> Value:
        if self._accept("."):
            if self._here.kind != "word":
                raise self._problem("a name is missing", f'write {table}.rows or {table}["rows"]')
            name = self._next().text
        elif self._accept("["):
            if self._here.kind != "string":
                raise self._problem("a name in quotes is missing", f'write {table}["rows"]')
            name = self._string()
            self._expect("]")
        else:
            raise self._problem(f"which of the {table}?", f"write {table}.NAME")
        self._no_more()
        self._names.add((table, name))
        return lambda scope: scope[table].get(name)

    def _no_more(self) -> None:
        if self._here.text == "(":
            raise self._problem("there are no calls", "compare values instead")
        if self._here.kind == "sign" and self._here.text in {".", "["}:
            raise self._problem("names have no further parts", 'a name with dots stands in brackets: outputs["a.b"]')

    def _string(self) -> str:
        token = self._next()
        found = next((escape for escape in _ESCAPE.finditer(token.text) if escape[1] not in _ESCAPES), None)
        if found is not None:
            raise ValueProblem(
                f"unknown escape {found[0]}", r"possible are \n \t \\ \" and \'", token.offset + found.start()
            )
        return _ESCAPE.sub(lambda escape: _ESCAPES[escape[1]], token.text[1:-1])


def _constant(value: Any) -> Value:
    return lambda _scope: value


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def _read_as(text: Any, other: Any) -> Any:
    """`text` as the kind of value that it is compared with, where it reads as one."""
    if not isinstance(text, str):
        return text
    if isinstance(other, bool):
        return _TRUTHS.get(text, text)
    if isinstance(other, int | float) and len(text) <= LONGEST_NUMBER and _NUMBER.fullmatch(text):
        return _number(text.strip())
    return text


def _equal(left: Any, right: Any) -> bool:
    return same(_read_as(left, right), _read_as(right, left))


def _ordered(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        left, right = _read_as(left, right), _read_as(right, left)
        if isinstance(left, bool) or isinstance(right, bool):
            return False
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        texts = isinstance(left, str) and isinstance(right, str)
        return (numbers or texts) and holds(left, right)

    return compare


def _inside(item: Any, whole: Any) -> bool:
    if isinstance(whole, str):
        return isinstance(item, str) and item in whole
    if isinstance(whole, Mapping):
        return isinstance(item, str) and item in whole
    return isinstance(whole, list | tuple) and any(_equal(item, one) for one in whole)


_RELATIONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": _ordered(lambda left, right: left < right),
    "<=": _ordered(lambda left, right: left <= right),
    ">": _ordered(lambda left, right: left > right),
    ">=": _ordered(lambda left, right: left >= right),
    "in": _inside,
}
