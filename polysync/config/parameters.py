"""Parameter values: a literal, a vault reference, an upstream output, a state key, or one of these with a type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from polysync.config.context import Context, Reference
from polysync.config.lines import KeyPath
from polysync.config.shapes import anything_decoder, choice_decoder, each, flag_decoder, wrong_kind
from polysync.config.suggest import did_you_mean
from polysync.config.wording import quoted
from polysync.domain.errors import ValueProblem
from polysync.domain.shape import Anything, Choice, Flag
from polysync.domain.values import Parameter, ParamType

FORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "from": ("from", "output", "default", "type", "sensitive"),
    "state": ("state", "default", "type", "sensitive"),
    "value": ("value", "type", "sensitive"),
}
_LITERAL: Final = anything_decoder(Anything(run_variables=True))
_TYPE: Final = choice_decoder(Choice(ParamType))
_FLAG: Final = flag_decoder(Flag())


def decode_parameters(value: Any, path: KeyPath, context: Context) -> Mapping[str, Parameter]:
    """The parameter values of a task, by name."""
    if type(value) is not dict:
        raise wrong_kind("a table of parameter values", value)
    for name in value:
        if not name or not name.isprintable():
            context.findings.error((*path, name), "not a name for a parameter", "a name is printable", on_key=True)
    return each(value.items(), path, context, decode_parameter)


def decode_parameter(value: Any, path: KeyPath, context: Context) -> Parameter:
    """One parameter value."""
    if type(value) is str and value.startswith("vault://"):
        return Parameter(vault=_vault(context.expand(value, run_variables=False), path, context))
    if type(value) is not dict:
        return Parameter(value=_LITERAL(value, path, context))
    form = next((form for form in FORMS if form in value), None)
    if form is None:
        return Parameter(value=_LITERAL(value, path, context))
    for name in value:
        if name not in FORMS[form]:
            hint = (
                did_you_mean(name, FORMS[form], quoted=False) or f"beside {form} may stand {', '.join(FORMS[form][1:])}"
            )
            context.findings.error((*path, name), "unknown key", hint, on_key=True)
    made = _READERS[form](value, path, context)
    kind = _part(value, "type", _TYPE, path, context)
    sensitive = _part(value, "sensitive", _FLAG, path, context) or kind is ParamType.SECRET or made.sensitive
    return replace(made, type=kind or made.type, sensitive=bool(sensitive))


def _part(value: Mapping[str, Any], name: str, decode: Any, path: KeyPath, context: Context) -> Any:
    made = each([(name, value[name])] if name in value else [], path, context, decode)
    return made.get(name)


def _upstream(value: Mapping[str, Any], path: KeyPath, context: Context) -> Parameter:
    upstream = _word(value, "from", "the name of a task", path, context)
    if "output" not in value:
        raise ValueProblem("output is missing", 'write { from = "TASK", output = "NAME" }')
    output = _word(value, "output", "the name of an output", path, context)
    context.references.append(Reference("task", upstream, (*path, "from")))
    return replace(_default(value, path, context), upstream=upstream, output=output)


def _state(value: Mapping[str, Any], path: KeyPath, context: Context) -> Parameter:
    return replace(
        _default(value, path, context), state=_word(value, "state", "a key of the state store", path, context)
    )


def _default(value: Mapping[str, Any], path: KeyPath, context: Context) -> Parameter:
    return Parameter(default=_part(value, "default", _LITERAL, path, context), has_default="default" in value)


def _wrapped(value: Mapping[str, Any], path: KeyPath, context: Context) -> Parameter:
    return decode_parameter(value["value"], (*path, "value"), context)


_READERS: Final = {"from": _upstream, "state": _state, "value": _wrapped}


def _word(value: Mapping[str, Any], name: str, noun: str, path: KeyPath, context: Context) -> str:
    said = value[name]
    if type(said) is not str or not said:
        context.findings.error((*path, name), f"must be {noun}")
        raise ValueProblem("")
    return context.expand(said, run_variables=False) if "${" in said else said


def _vault(text: str, path: KeyPath, context: Context) -> str:
    vault, _, secret = text.removeprefix("vault://").partition("/")
    if not vault or not secret:
        raise ValueProblem(f"{quoted(text)} is not a vault reference", 'write "vault://VAULT/SECRET"')
    context.references.append(Reference("vault", vault, path))
    return text
