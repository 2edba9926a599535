"""What is checked of each kind of component."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ganzoo.catalog import Catalog, Shelf
from ganzoo.core.errors import GanzooError, UnknownName
from ganzoo.core.options import parse_options, to_plain
from ganzoo.core.specs import Spec
from ganzoo.testing import metrics, networks, objectives, priors, recipes
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
    "metrics": metrics.OF_METRICS,
}


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of one component."""

    plugin: str
    kind: str  # of the component, in the singular
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
    """All checks of one plugin's components, or of all plugins'. Raises UnknownName for a plugin that there is not."""
    names = {each.name for each in catalog.plugins}
    if plugin is not None and plugin not in names:
        raise UnknownName("plugin", plugin, names)
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
    ensure(spec.name == spec.name.strip().lower().replace(" ", "-"), f"{spec.name!r} has blanks or capitals")
    ensure("\n" not in spec.summary and not spec.summary.endswith("."), "its summary is more than one line")
    ensure(spec.source.startswith(("arXiv:", "https://", "http://")), "its source is no arXiv id and no URL")
    options = spec.options()
    ensure(parse_options(spec.options, to_plain(options), "") == options, "its options do not survive JSON")
