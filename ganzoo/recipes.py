"""From a recipe and what the user changes of it to one RunConfig in which nothing is left open. Imports no torch."""

import tomllib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import Any

from ganzoo.catalog import Catalog, Shelf
from ganzoo.core.config import LENGTHS, Choice, RunConfig, Settings, check_length
from ganzoo.core.errors import BadSetting, did_you_mean
from ganzoo.core.options import parse_options, to_plain
from ganzoo.core.specs import Recipe

Change = tuple[list[str], Any]  # e.g. (["generator", "width"], 32)

WORDS = ("summary", "paper", "good_for", "expect", "differences")
SLOTS = {  # table in a recipe → shelf of the catalog; one component each
    "dataset": "datasets",
    "latents": "latents",
    "generator": "generators",
    "discriminator": "discriminators",
    "loss": "losses",
}
LISTS = ("regularizers", "augmentations", "wrappers")  # tables of any number of components, by name


def find_recipe(name: str, catalog: Catalog) -> Recipe:
    """A plugin's recipe by name, or the user's own by its path, which ends in `.toml`."""
    return read_recipe(Path(name) if name.endswith(".toml") else catalog.recipes[name])


def read_recipe(path: Path) -> Recipe:
    """Raises BadSetting where the file is missing, is no TOML, or lacks its words."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSetting(f"Cannot read the recipe {path}: {error}.") from error
    words = {key: content.pop(key, "") for key in WORDS}
    for key, value in words.items():
        if not isinstance(value, str):
            raise BadSetting(f"{path}: {key} is text, not {value!r}.")
    return Recipe(name=path.stem, settings=content, origin=path, **words)


def resolve(recipe: Recipe, catalog: Catalog, changes: Iterable[Change] = ()) -> RunConfig:
    """The recipe with the changes applied and every default filled in.

    Raises BadSetting and UnknownName, each with a suggestion.
    """
    changes = list(changes)
    check_one_length(changes)
    table = deepcopy(dict(recipe.settings))
    for slot in SLOTS:
        if isinstance(table.get(slot), str):  # the short form that --set knows too
            table[slot] = {"name": table[slot]}
    for path, value in sorted(changes, key=lambda change: not is_name(change)):
        apply(table, path, value)

    shelves = catalog.shelves()
    values: dict[str, Any] = {"recipe": recipe.name}
    for slot, kind in SLOTS.items():
        values[slot] = resolve_choice(slot, table.pop(slot, None), shelves[kind])
    for kind in LISTS:
        values[kind] = resolve_list(kind, table.pop(kind, {}), shelves[kind])
    check_known(table)
    settings = parse_options(Settings, table, "")
    check_length(settings)
    check_updates(settings)
    return RunConfig(**values, **{field.name: getattr(settings, field.name) for field in fields(Settings)})


def check_one_length(changes: list[Change]) -> None:
    """Raise BadSetting where two lengths are asked for."""
    asked = sorted({path[0] for path, _ in changes if path[0] in LENGTHS})
    if len(asked) > 1:
        raise BadSetting(
            f"A run ends after steps, epochs or minutes; give one of the three, not {' and '.join(asked)}."
        )


def is_name(change: Change) -> bool:
    """Whether a change picks a component, which must happen before its options are changed."""
    path, value = change
    return path[0] in SLOTS and (path[1:] == ["name"] or (len(path) == 1 and isinstance(value, str)))


def apply(table: dict[str, Any], path: list[str], value: Any) -> None:
    """Set one value in the nested table; another component starts from its own defaults."""
    if is_name((path, value)):
        if table.get(path[0], {}).get("name") != value:
            table[path[0]] = {"name": value}
        return
    if path[0] in LENGTHS:
        for length in LENGTHS:
            table.pop(length, None)
    *parents, last = path
    for depth, key in enumerate(parents, 1):
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise BadSetting(f"{'.'.join(path[:depth])} is a single value, so there is no {'.'.join(path)}.")
    table[last] = value


def resolve_choice(slot: str, table: Any, shelf: Shelf[Any]) -> Choice:
    """One component's name and all of its options."""
    if table is not None and not isinstance(table, Mapping):
        raise BadSetting(f"Setting {slot}: expected the name of one, got {table!r}.")
    if table is None or not isinstance(table.get("name"), str):
        raise BadSetting(f"The recipe names no {slot}; write `[{slot}]` and `name = ...`, or --set {slot}.name=NAME.")
    name, colon, argument = table["name"].partition(":")
    spec = shelf[name]
    options = {key: value for key, value in table.items() if key != "name"}
    if colon:
        options[takes_argument(spec)] = argument
    return Choice(name=spec.name, options=to_plain(parse_options(spec.options, options, slot)))


def takes_argument(spec: Any) -> str:
    """The option that `NAME:VALUE` sets. Raises BadSetting where the component has none."""
    option: str = getattr(spec, "argument", "")
    if not option:
        raise BadSetting(f"{spec.name} takes nothing behind a colon; leave it out.")
    return option


def resolve_list(kind: str, tables: Any, shelf: Shelf[Any]) -> dict[str, dict[str, Any]]:
    """Any number of components by name, each with all of its options."""
    if not isinstance(tables, Mapping) or not all(
        isinstance(each, Mapping) or each is True for each in tables.values()
    ):
        raise BadSetting(f"{kind} are tables by name: `[{kind}.NAME]`, or on the command line --set {kind}.NAME=true.")
    return {
        name: to_plain(parse_options(shelf[name].options, {} if table is True else table, f"{kind}.{name}"))
        for name, table in tables.items()
    }


def check_known(table: Mapping[str, Any]) -> None:
    """Raise BadSetting for a top-level key that is neither a setting nor a component."""
    known = [field.name for field in fields(Settings)] + [*SLOTS, *LISTS]
    for key in table:
        if key == "data":
            raise BadSetting("The data's place is no setting; say --data PATH, or data=PATH in Python.")
        if key not in known:
            raise BadSetting(f"There is no setting {key!r}; {did_you_mean(key, known)}")


def check_updates(settings: Settings) -> None:
    """Raise BadSetting for settings that contradict each other."""
    if settings.updates == "alternating":
        return
    if settings.d_steps != 1:
        raise BadSetting(
            f"Simultaneous updates have one discriminator step each; set d_steps=1, not {settings.d_steps}."
        )
    for name in ("d_burst", "unroll"):
        if getattr(settings, name):
            raise BadSetting(f"Simultaneous updates have no {name}; set updates=alternating, or leave {name} out.")
