"""Parameters of an endpoint, judged before anything is sent: the field, the rule it breaks and what
would be allowed.

What one field may be stands in the struct of the endpoint's parameters; what several may be
together is a `Rule`. Both are written out for people here, and only here.
"""

import difflib
import typing
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct, inspect

LONGEST = 64
"""No venue's name is longer; of what is, no nearest is looked for."""


class BadParameter(ValueError):
    """A parameter the venue would refuse; nothing was sent. The text names field and rule."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


class Rule(Struct, frozen=True):
    """What several parameters may be together."""

    field: str
    """The one that is named when it is broken."""
    text: str
    """For people, e.g. ``not together with startTime``."""
    holds: Callable[[Mapping[str, Any]], bool]
    """Of the parameters that were given, by the venue's names."""


def one_of(*names: str) -> Rule:
    """At least one of them has to be given."""
    return Rule(
        names[0],
        f"one of {', '.join(names)} is needed",
        lambda given: any(name in given for name in names),
    )


def not_with(name: str, *others: str) -> Rule:
    """The first one excludes the others."""
    return Rule(
        name,
        f"not together with {' or '.join(others)}",
        lambda given: name not in given or not any(other in given for other in others),
    )


def needed(name: str, by: str, *values: Any) -> Rule:
    """It is mandatory where ``by`` has one of these values (none: where it is given at all)."""
    when = f"{by} is {' or '.join(map(str, values))}" if values else f"{by} is given"
    return Rule(
        name,
        f"needed where {when}",
        lambda given: name in given or by not in given or bool(values and given[by] not in values),
    )


def only(name: str, by: str, *values: Any) -> Rule:
    """It may be given only where ``by`` has one of these values."""
    return Rule(
        name,
        f"only where {by} is {' or '.join(map(str, values))}",
        lambda given: name not in given or given.get(by) in values,
    )


def ordered(start: str, end: str) -> Rule:
    """The span from ``start`` to ``end`` is not negative."""
    return Rule(
        end,
        f"not before {start}",
        lambda given: start not in given or end not in given or given[end] >= given[start],
    )


def within(start: str, end: str, most: int, text: str) -> Rule:
    """The span from ``start`` to ``end`` is not negative and at most ``most`` of their units, which
    ``text`` says in words, as ``at most 7 days``."""

    def holds(given: Mapping[str, Any]) -> bool:
        return start not in given or end not in given or 0 <= given[end] - given[start] <= most

    return Rule(end, f"not before {start}, and later by {text}", holds)


def listed(name: str, least: int, most: int) -> Rule:
    """A JSON list of so many elements."""

    def holds(given: Mapping[str, Any]) -> bool:
        if name not in given:
            return True
        try:
            found = msgspec.json.decode(given[name])
        except msgspec.DecodeError:
            return False
        return isinstance(found, list) and least <= len(found) <= most

    return Rule(name, f"a JSON list of {least} to {most}", holds)


class Parameter(Struct, frozen=True):
    """One parameter, described for people."""

    name: str
    mandatory: bool
    allowed: str
    """What it may be."""


class _Field(Struct, frozen=True):
    """One field of a struct of parameters, looked up once."""

    told: Parameter
    kind: Any
    """Its type, what is annotated included."""


@cache
def _fields(params: type[Struct]) -> tuple[_Field, ...]:
    found = inspect.type_info(params)
    assert isinstance(found, inspect.StructType)
    hints = typing.get_type_hints(params, include_extras=True)
    return tuple(
        _Field(
            Parameter(field.encode_name, field.required, allowed(field.type, hints[field.name])),
            hints[field.name],
        )
        for field in found.fields
    )


def parameters(params: type[Struct]) -> list[Parameter]:
    """The parameters of an endpoint, in their order; slow the first time."""
    return [field.told for field in _fields(params)]


def checked(
    params: type[Struct], rules: Iterable[Rule], given: Mapping[str, Any], *, text: bool
) -> dict[str, Any]:
    """What is sent for these parameters, in the venue's order; raises `BadParameter`.

    ``text``: values may be words where a number or a boolean is meant, as a command line has
    them."""
    fields = _fields(params)
    known = [field.told.name for field in fields]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name[:LONGEST], known, 1)
            has = f"it has {', '.join(known)}" if known else "it has none"
            hint = f"did you mean {near[0]}?" if near else has
            raise BadParameter(name[:LONGEST], f"no parameter of this endpoint; {hint}")
    sent: dict[str, Any] = {}
    for field in fields:
        one = field.told
        value = given.get(one.name)
        if value is None:
            if one.mandatory:
                raise BadParameter(one.name, f"missing; {one.allowed}")
            continue
        try:
            if text and isinstance(value, str):
                value = _spoken(value, field.kind)
            value = msgspec.convert(value, field.kind, strict=not text)
        except (msgspec.ValidationError, OverflowError):
            raise BadParameter(one.name, f"{_short(value)} is not {one.allowed}") from None
        sent[one.name] = msgspec.to_builtins(value)
    for rule in rules:
        if not rule.holds(sent):
            raise BadParameter(rule.field, rule.text)
    return sent


def _spoken(value: str, hint: Any) -> Any:
    """A list or an object as a command line has it: JSON, or a list's elements with commas between
    them; other words as they are."""
    kinds = _plain(inspect.type_info(hint))
    listed = any(isinstance(kind, inspect.ListType) for kind in kinds)
    if not listed and not any(isinstance(kind, inspect.DictType) for kind in kinds):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value.split(",") if listed else value


def _plain(kind: inspect.Type) -> list[inspect.Type]:
    """The types of a union, without what is said about them."""
    if isinstance(kind, inspect.Metadata):
        return _plain(kind.type)
    if isinstance(kind, inspect.UnionType):
        return [one for each in kind.types for one in _plain(each)]
    return [kind]


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def allowed(kind: inspect.Type, hint: Any = None) -> str:
    """What a value of this type may be, in words; ``hint``: the same as it was written."""
    if isinstance(kind, inspect.Metadata):
        words = (kind.extra_json_schema or {}).get("description")
        return words or allowed(kind.type, hint)
    if isinstance(kind, inspect.UnionType):
        return " or ".join(
            allowed(one, hint) for one in kind.types if not isinstance(one, inspect.NoneType)
        )
    if isinstance(kind, inspect.LiteralType):
        return _choice(sorted(kind.values, key=_literals(hint).index) if hint else kind.values)
    if isinstance(kind, inspect.EnumType):
        return _choice([member.value for member in kind.cls])
    if isinstance(kind, inspect.BoolType):
        return "true or false"
    if isinstance(kind, inspect.IntType):
        return "a whole number" + _bounds(kind)
    if isinstance(kind, inspect.StrType):
        if kind.pattern:
            return f"text like {kind.pattern}"
        least, most = kind.min_length or 0, kind.max_length
        if most is not None:
            return f"text of {least} to {most} characters"
        return "text"
    if isinstance(kind, inspect.ListType):
        return f"a list of {allowed(kind.item_type)}"
    if isinstance(kind, inspect.DictType):
        return "a JSON object"
    return "what the venue takes"


def _literals(hint: Any) -> list[Any]:
    """The values of every Literal in a type, as they were written."""
    if typing.get_origin(hint) is typing.Literal:
        return list(typing.get_args(hint))
    return [value for one in typing.get_args(hint) for value in _literals(one)]


def _choice(values: Iterable[Any]) -> str:
    words = [str(value) for value in values]
    return words[0] if len(words) == 1 else f"one of {', '.join(words)}"


def _bounds(kind: inspect.IntType) -> str:
    low = kind.ge if kind.ge is not None else None if kind.gt is None else kind.gt + 1
    high = kind.le if kind.le is not None else None if kind.lt is None else kind.lt - 1
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if low is not None:
        return f" from {low}"
    return "" if high is None else f" up to {high}"
