"""Settings to frozen dataclasses: types are checked, and every mistake is answered by what would be right."""

import tomllib
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from ganzoo.core.errors import BadSetting, did_you_mean

T = TypeVar("T")


def parse_options(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    """An instance of the dataclass `kind` from `values`; `where` names the table in errors, e.g. "generator".

    Raises BadSetting for a key that `kind` does not have, and for a value that its type does not allow.
    """
    check_keys(kind, values, where)
    try:
        return msgspec.convert(dict(values), kind)
    except msgspec.ValidationError as error:
        raise BadSetting(explain(str(error), where) + choices(kind, str(error))) from error


def check_keys(kind: type, values: Mapping[str, Any], where: str) -> None:
    """Raise BadSetting for a key that the dataclass `kind`, or a dataclass within it, does not have."""
    hints = get_type_hints(kind)

    def full(key: str) -> str:
        return f"{where}.{key}" if where else key

    for key, value in values.items():
        name = full(key)
        if key not in hints:
            raise BadSetting(f"There is no setting {name!r}; {did_you_mean(name, map(full, hints))}")
        if isinstance(value, Mapping):
            for inner in (hints[key], *get_args(hints[key])):
                if isinstance(inner, type) and is_dataclass(inner):
                    check_keys(inner, value, name)


def explain(message: str, where: str) -> str:
    """msgspec's "Expected `int`, got `str` - at `$.width`", in the words of a setting."""
    problem, _, place = message.partition(" - at `$")
    key = (where + place.rstrip("`")).lstrip(".")
    return f"Setting {key}: {problem[0].lower()}{problem[1:]}." if key else f"{problem}."


def choices(kind: type, message: str) -> str:
    """What a setting that takes one of a few words can be, where `message` is about such a one."""
    hint = get_type_hints(kind).get(message.rpartition("$.")[2].rstrip("`"))
    return f" Known are: {', '.join(map(str, get_args(hint)))}." if get_origin(hint) is Literal else ""


def parse_assignment(text: str) -> tuple[list[str], Any]:
    """`generator.width=32` as (["generator", "width"], 32). Values are written as in TOML; bare words are strings.

    Raises BadSetting where there is no `=`, or nothing before it.
    """
    key, equals, value = text.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise BadSetting(f"{text!r} is no setting; write KEY=VALUE, e.g. generator.width=32.")
    try:
        return path, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return path, value.strip()


def to_plain(value: object) -> Any:
    """Dataclasses to dictionaries of JSON's types."""
    return msgspec.to_builtins(value, builtin_types=(), str_keys=True)
