"""Who is told how a run goes: the display, plugins, loggers. Telling changes nothing, and costs nothing if it fails."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from pluggy import PluginManager

from ganzoo.catalog import Catalog
from ganzoo.core.events import StepDone
from ganzoo.core.specs import Logger
from ganzoo.training.display import Display


def observers(catalog: Catalog) -> dict[str, Callable[[StepDone], None]]:
    """Each plugin that observes, by its name."""
    manager = catalog.manager
    plugins = [impl.plugin for impl in manager.hook.ganzoo_step_done.get_hookimpls()]
    return {
        f"plugin {manager.get_name(plugin)}": partial(tell, manager, [each for each in plugins if each is not plugin])
        for plugin in plugins
    }


def tell(manager: PluginManager, others: list[Any], event: StepDone) -> None:
    """Tell the one observer that is not among `others`."""
    manager.subset_hook_caller("ganzoo_step_done", others)(event=event)


def observer(observers: Mapping[str, Callable[[StepDone], None]], display: Display) -> Callable[[StepDone], None]:
    """One that tells all; an observer that fails is named once, left out from then on, and changes nothing."""
    active = dict(observers)

    def observe(event: StepDone) -> None:
        for name, each in list(active.items()):
            try:
                each(event)
            except Exception as error:  # noqa: BLE001 - a logger's bug must not cost a run
                del active[name]
                display.say(f"Note: {name} failed at step {event.step:,} and is told no more: {reason(error)}")

    return observe


def build_loggers(names: Iterable[str], catalog: Catalog) -> dict[str, Logger]:
    """The loggers that the user asked for, each once, before anything is written.

    Raises UnknownName; a logger raises GanzooError where it lacks a package.
    """
    specs = {name: catalog.loggers[name] for name in names}
    return {name: spec.build(spec.options()) for name, spec in specs.items()}


@contextmanager
def closing(loggers: Mapping[str, Logger], display: Display) -> Iterator[dict[str, Callable[[StepDone], None]]]:
    """The loggers as observers, each of which is closed when the block ends."""
    with ExitStack() as stack:
        for name, logger in loggers.items():
            stack.callback(close, name, logger, display)
        yield {f"logger {name}": logger for name, logger in loggers.items()}


def close(name: str, logger: Logger, display: Display) -> None:
    """Close one logger; what it says is no reason to fail."""
    try:
        logger.close()
    except Exception as error:  # noqa: BLE001 - a logger's bug must not cost a run
        display.say(f"Note: logger {name} failed to close: {reason(error)}")


def reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
