"""Find the installed plugins and look up what they provide."""

from collections.abc import Iterable, Iterator
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from reprlib import repr as brief
from typing import Any, Generic, TypeVar, get_args, get_type_hints

import pluggy

from ganzoo.core import hookspecs
from ganzoo.core.errors import BadPlugin, UnknownName, did_you_mean
from ganzoo.core.specs import (
    AugmentationSpec,
    DatasetSpec,
    DiscriminatorSpec,
    GeneratorSpec,
    LatentsSpec,
    LoggerSpec,
    LossSpec,
    MetricSpec,
    RegularizerSpec,
    Spec,
    WrapperSpec,
)

Item = TypeVar("Item", bound=Spec | Path)


@dataclass
class Shelf(Generic[Item]):
    """What there is of one kind, by name."""

    kind: str  # singular, e.g. "generator"
    items: dict[str, Item] = field(default_factory=dict)
    provider: dict[str, str] = field(default_factory=dict)  # name → plugin

    def __getitem__(self, name: str) -> Item:
        """Raises UnknownName, with a suggestion."""
        if name not in self.items:
            raise UnknownName(self.kind, name, self.items)
        return self.items[name]

    def __iter__(self) -> Iterator[tuple[str, Item]]:
        return iter(sorted(self.items.items()))


@dataclass(frozen=True)
class Plugin:
    """One installed plugin, as `ganzoo plugins` shows it."""

    name: str
    module: str
    distribution: str
    version: str
    hooks: tuple[str, ...] = ()
    problem: str = ""  # why it is not used; empty = it is


@dataclass
class Catalog:
    """Everything that the installed plugins provide."""

    recipes: Shelf[Path] = field(default_factory=lambda: Shelf("recipe"))
    generators: Shelf[GeneratorSpec] = field(default_factory=lambda: Shelf("generator"))
    discriminators: Shelf[DiscriminatorSpec] = field(default_factory=lambda: Shelf("discriminator"))
    wrappers: Shelf[WrapperSpec] = field(default_factory=lambda: Shelf("wrapper"))
    losses: Shelf[LossSpec] = field(default_factory=lambda: Shelf("loss"))
    regularizers: Shelf[RegularizerSpec] = field(default_factory=lambda: Shelf("regularizer"))
    augmentations: Shelf[AugmentationSpec] = field(default_factory=lambda: Shelf("augmentation"))
    latents: Shelf[LatentsSpec] = field(default_factory=lambda: Shelf("latents"))
    datasets: Shelf[DatasetSpec] = field(default_factory=lambda: Shelf("dataset"))
    loggers: Shelf[LoggerSpec] = field(default_factory=lambda: Shelf("logger"))
    metrics: Shelf[MetricSpec] = field(default_factory=lambda: Shelf("metric"))
    plugins: list[Plugin] = field(default_factory=list)
    manager: pluggy.PluginManager = field(default_factory=lambda: pluggy.PluginManager("ganzoo"))

    def shelves(self) -> dict[str, Shelf[Any]]:
        """Kind in the plural → shelf; each kind's hook is `ganzoo_<plural>`."""
        return {name: shelf for name, shelf in vars(self).items() if isinstance(shelf, Shelf)}

    def broken(self) -> list[Plugin]:
        return [plugin for plugin in self.plugins if plugin.problem]


@cache
def load_catalog() -> Catalog:
    """Import every plugin once, each in isolation: one that is broken is reported, and the rest still load."""
    catalog = Catalog()
    catalog.manager.add_hookspecs(hookspecs)
    for entry in sorted(entry_points(group="ganzoo"), key=built_in_first):
        catalog.plugins.append(load_plugin(entry, catalog))
    return catalog


def built_in_first(entry: EntryPoint) -> tuple[bool, str]:
    """The zoo's own plugins come first, so that a stranger's cannot take their names."""
    return (distribution_of(entry)[0] != "ganzoo", entry.name)


def load_plugin(entry: EntryPoint, catalog: Catalog) -> Plugin:
    """Import one plugin and shelve all that it provides; on any fault, shelve none of it and say why."""
    facts: dict[str, Any] = {"name": entry.name, "module": entry.value}
    facts["distribution"], facts["version"] = distribution_of(entry)
    try:
        hooks = add(entry.name, entry.load(), catalog)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's bug must not hide the zoo
        return Plugin(**facts, problem=reason(error, entry))
    return Plugin(**facts, hooks=hooks)


def reason(error: BaseException, entry: EntryPoint) -> str:
    """Why a plugin is not used, in one line."""
    words = " ".join(str(error).split())
    if isinstance(error, BadPlugin):
        return words
    if isinstance(error, ModuleNotFoundError) and error.name:
        if f"{entry.module}.".startswith(f"{error.name}."):
            return f"Its module {error.name!r} is missing; install {distribution_of(entry)[0]} again, or uninstall it."
        return f"It needs {error.name!r}, which is not installed; install that, or uninstall the plugin."
    return f"{type(error).__name__}: {words}"


def add(plugin: str, module: Any, catalog: Catalog) -> tuple[str, ...]:
    """Register a plugin and shelve all that it provides, or nothing; returns its hooks. Raises BadPlugin."""
    manager = catalog.manager
    if manager.has_plugin(plugin):
        raise BadPlugin(f"Another plugin is called {plugin!r}, and that one is used; uninstall one of the two.")
    if manager.is_registered(module):
        raise BadPlugin(f"Its module is in use already, as the plugin {manager.get_name(module)!r}; uninstall one.")
    try:
        manager.register(module, name=plugin)
        callers = manager.get_hookcallers(module) or []
        check_hooks(callers)
        shelve(plugin, callers, module, catalog)
    except BaseException:
        if manager.is_registered(module):
            manager.unregister(module)
        raise
    return tuple(sorted(caller.name for caller in callers))


def check_hooks(callers: list[pluggy.HookCaller]) -> None:
    """Raise BadPlugin for a hook that ganzoo does not have, which pluggy would ignore."""
    known = [name for name in vars(hookspecs) if name.startswith("ganzoo_")]
    for caller in callers:
        if not caller.has_spec():
            raise BadPlugin(f"It has a hook {caller.name!r}, which ganzoo does not; {did_you_mean(caller.name, known)}")


def shelve(plugin: str, callers: list[pluggy.HookCaller], module: Any, catalog: Catalog) -> None:
    """Put a plugin's specs and recipes on their shelves, all or none.

    Raises BadPlugin for a name that is taken, and for what breaks the contract of its hook.
    """
    found: dict[tuple[str, str], Any] = {}
    shelves = catalog.shelves()
    for caller in callers:
        kind = caller.name.removeprefix("ganzoo_")
        if kind not in shelves:  # it observes
            continue
        for item in provided(caller, module):
            name = item.stem if isinstance(item, Path) else item.name
            holder = plugin if (kind, name) in found else shelves[kind].provider.get(name)
            if holder:
                raise BadPlugin(
                    f"{plugin} provides a {shelves[kind].kind} called {name!r}, a name that {holder} has taken; "
                    f"{holder}'s is used, and nothing of {plugin}. Rename one, or uninstall one."
                )
            found[kind, name] = item
    for (kind, name), item in found.items():
        shelves[kind].items[name] = item
        shelves[kind].provider[name] = plugin


def provided(caller: pluggy.HookCaller, module: Any) -> list[Any]:
    """What a plugin's hook returns. Raises BadPlugin unless it is a list of what the hook promises, each sound."""
    (promised,) = get_args(get_type_hints(getattr(hookspecs, caller.name))["return"])
    expected = f"a list of {promised.__name__}"
    items: list[Any] = []
    for impl in caller.get_hookimpls():
        result: Any = impl.function() if impl.plugin is module else []
        if not isinstance(result, Iterable) or isinstance(result, str):
            raise BadPlugin(f"Its hook {caller.name} returns {brief(result)}; make that {expected}.")
        items += result
    for item in items:
        if not isinstance(item, promised):
            raise BadPlugin(f"Its hook {caller.name} has {brief(item)} in {expected}.")
        if isinstance(item, Path):
            check_recipe(item)
        else:
            check_spec(item)
    return items


def check_recipe(path: Path) -> None:
    """Raise BadPlugin unless the recipe is there; what is in it is read when it is asked for."""
    if path.suffix != ".toml" or not path.is_file():
        raise BadPlugin(f"Its recipe {path} is no file that ends in .toml.")


def check_spec(spec: Spec) -> None:
    """Raise BadPlugin unless the record's words are there, and its options are a frozen dataclass of defaults."""
    for key in ("name", "summary", "source"):
        if not isinstance(getattr(spec, key), str) or not getattr(spec, key):
            raise BadPlugin(f"Its {type(spec).__name__} {spec.name!r} has no {key}; that is text, and not empty.")
    options: Any = spec.options
    if not isinstance(options, type) or not is_dataclass(options):
        raise BadPlugin(f"The options of {spec.name!r} are {brief(options)}; make that a frozen dataclass.")
    if not vars(options)["__dataclass_params__"].frozen:
        raise BadPlugin(f"The options of {spec.name!r} are not frozen; use @dataclass(frozen=True).")
    for option in fields(options):
        if option.default is MISSING and option.default_factory is MISSING:
            raise BadPlugin(f"The option {option.name!r} of {spec.name!r} has no default; give it one.")


def distribution_of(entry: EntryPoint) -> tuple[str, str]:
    """Name and version of the distribution that an entry point comes from."""
    return (entry.dist.name, entry.dist.version) if entry.dist else ("?", "?")
