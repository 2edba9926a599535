"""What is checked of each kind of component."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ganzoo.catalog import Catalog, Shelf
from ganzoo.core.errors import BadPlugin, GanzooError, UnknownName
from ganzoo.core.options import parse_options, to_plain
from ganzoo.core.specs import Spec
from ganzoo.testing import datasets, metrics, networks, objectives, plugins, priors, recipes
from ganzoo.testing.report import Inapplicable, Violation, ensure

__all__ = ["Check", "Inapplicable", "Violation", "checks"]

KINDS: dict[str, dict[str, Callable[[Any], None]]] = {
    "generators": networks.OF_GENERATORS,
    "discriminators": networks.OF_DISCRIMINATORS,
    "wrappers": networks.OF_WRAPPERS,
    "losses": objectives.OF_LOSSES,
    "regularizers": objectives.OF_REGULARIZERS,
    "augmentations": objectives.OF_AUGMENTATIONS,
    "latents": priors.OF_PRIORS,
    "datasets": datasets.OF_DATASETS,
    "metrics": metrics.OF_METRICS,
}


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of one component."""

    plugin: str
    kind: str  # of the component, in the singular; "plugin" for what is promised of all of it
    component: str
    promise: str  # e.g. "exports with any batch"
    call: Callable[[], None]

    def run(self) -> None:
        """Raises Violation where the promise is broken, and Inapplicable where there is nothing to check."""
        import torch  # noqa: PLC0415 - who only lists checks needs none

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            try:
                self.call()
            except (Violation, Inapplicable):
                raise
            except GanzooError as error:
                raise Violation(str(error)) from error


def checks(catalog: Catalog, plugin: str | None = None) -> Iterator[Check]:
    """All checks of one plugin and its components, or of all that are used.

    Raises UnknownName for a plugin that there is not, BadPlugin for one that is not used.
    """
    found = {each.name: each for each in catalog.plugins}
    if plugin is not None and plugin not in found:
        raise UnknownName("plugin", plugin, found)
    if plugin is not None and found[plugin].problem:
        raise BadPlugin(f"Plugin {plugin} is not used: {found[plugin].problem}")
    for name, _ in catalog.manager.list_name_plugin():
        if plugin in (None, name):
            for promise, check in plugins.OF_PLUGINS.items():
                yield Check(name, "plugin", name, promise, partial(check, name))
    for plural, shelf in catalog.shelves().items():
        for name, item in shelf:
            if plugin in (None, shelf.provider[name]):
                yield from of_component(plural, shelf, name, item)


def of_component(plural: str, shelf: Shelf[Any], name: str, item: Spec | Path) -> Iterator[Check]:
    make = partial(Check, shelf.provider[name], shelf.kind, name)
    if isinstance(item, Path):
        for promise, check in recipes.OF_RECIPES.items():
            yield make(promise, partial(check, name))
        return
    yield make("says what it is", partial(says_what_it_is, item))
    for promise, check in KINDS.get(plural, {}).items():
        yield make(promise, partial(check, item))


def says_what_it_is(spec: Spec) -> None:
    """Names are what one types, and options survive the way through JSON."""
    ensure(
        spec.name == spec.name.strip().lower().replace(" ", "-"),
        f"{spec.name!r} has blanks or capitals; users type it, so write small letters and `-`",
    )
    ensure(
        "\n" not in spec.summary and not spec.summary.endswith("."),
        "its summary ends with a full stop, or is more than one line",
    )
    known = spec.source.startswith(("arXiv:", "https://", "http://"))
    ensure(known, f"its source is {spec.source!r}; write arXiv:… or https://…")
    options = spec.options()
    same = parse_options(spec.options, to_plain(options), "") == options
    ensure(same, "its options do not survive JSON; use numbers, text, bools, and lists or frozen dataclasses of these")
