"""Find the installed plugins and look up what they provide."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

import pluggy

from ganzoo.core import hookspecs
from ganzoo.core.errors import BadPlugin, UnknownName
from ganzoo.core.events import StepDone
from ganzoo.core.specs import (
    AugmentationSpec,
    DatasetSpec,
    DiscriminatorSpec,
    GeneratorSpec,
    LatentsSpec,
    LossSpec,
    RegularizerSpec,
    Spec,
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

    generators: Shelf[GeneratorSpec] = field(default_factory=lambda: Shelf("generator"))
    discriminators: Shelf[DiscriminatorSpec] = field(default_factory=lambda: Shelf("discriminator"))
    losses: Shelf[LossSpec] = field(default_factory=lambda: Shelf("loss"))
    regularizers: Shelf[RegularizerSpec] = field(default_factory=lambda: Shelf("regularizer"))
    augmentations: Shelf[AugmentationSpec] = field(default_factory=lambda: Shelf("augmentation"))
    latents: Shelf[LatentsSpec] = field(default_factory=lambda: Shelf("latents"))
    datasets: Shelf[DatasetSpec] = field(default_factory=lambda: Shelf("dataset"))
    recipes: Shelf[Path] = field(default_factory=lambda: Shelf("recipe"))
    plugins: list[Plugin] = field(default_factory=list)
    manager: pluggy.PluginManager = field(default_factory=lambda: pluggy.PluginManager("ganzoo"))

    def shelves(self) -> dict[str, Shelf[Any]]:
        """Kind in the plural → shelf; each kind's hook is `ganzoo_<plural>`."""
        return {name: shelf for name, shelf in vars(self).items() if isinstance(shelf, Shelf)}

    def broken(self) -> list[Plugin]:
        return [plugin for plugin in self.plugins if plugin.problem]

    def step_done(self, event: StepDone) -> None:
        """Tell every observer."""
        self.manager.hook.ganzoo_step_done(event=event)


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
    manager = catalog.manager
    module: Any = None
    try:
        module = entry.load()
        manager.register(module, name=entry.name)
        manager.check_pending()  # a misspelt hook would otherwise be ignored
        callers = manager.get_hookcallers(module) or []
        shelve(entry.name, callers, module, catalog)
    except Exception as error:  # noqa: BLE001 - a stranger's bug must not hide the zoo
        if module is not None and manager.is_registered(module):
            manager.unregister(module)
        return Plugin(
            **facts, problem=str(error) if isinstance(error, BadPlugin) else f"{type(error).__name__}: {error}"
        )
    return Plugin(**facts, hooks=tuple(sorted(caller.name for caller in callers)))


def shelve(plugin: str, callers: list[pluggy.HookCaller], module: Any, catalog: Catalog) -> None:
    """Put a plugin's specs and recipes on their shelves, all or none. Raises BadPlugin for a name that is taken."""
    found: dict[tuple[str, str], Any] = {}
    shelves = {f"ganzoo_{kind}": shelf for kind, shelf in catalog.shelves().items()}
    for caller in callers:
        shelf = shelves.get(caller.name)
        if shelf is None:
            continue
        for impl in caller.get_hookimpls():
            items: list[Any] = list(impl.function()) if impl.plugin is module else []  # type: ignore[call-overload]
            for item in items:
                name = item.stem if isinstance(item, Path) else item.name
                holder = plugin if (caller.name, name) in found else shelf.provider.get(name)
                if holder:
                    raise BadPlugin(
                        f"{plugin} provides a {shelf.kind} called {name!r}, a name that {holder} has taken; "
                        f"{holder}'s is used, and nothing of {plugin}. Rename one, or uninstall one."
                    )
                found[caller.name, name] = item
    for (hook, name), item in found.items():
        shelves[hook].items[name] = item
        shelves[hook].provider[name] = plugin


def distribution_of(entry: EntryPoint) -> tuple[str, str]:
    """Name and version of the distribution that an entry point comes from."""
    return (entry.dist.name, entry.dist.version) if entry.dist else ("?", "?")
