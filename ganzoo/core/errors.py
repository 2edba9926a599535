"""Errors that a user can act on; the command line prints them without a traceback.

GanzooError              exit code 1
├── UsageError           exit code 2: the command or its settings are wrong
│   ├── UnknownName      a recipe, generator, loss, dataset… that no plugin provides
│   └── BadSetting       a setting that nothing takes, or a value of the wrong type
├── BadPlugin            a plugin that breaks its contract
├── BadData              data that is missing, damaged or of another shape
├── BadRun               a run folder or checkpoint that cannot be read
├── BadBundle            an exported model whose files and manifest disagree
├── ExportFailed         a generator whose ONNX form is not its equal
├── Diverged             a loss that became NaN or infinite
├── Sick                 a run that the health watch has stopped, after all was saved
├── LostProcess          another process of the same run that is gone
└── Interrupted          exit code 130: the run was asked to stop, and has saved all
"""

from collections.abc import Iterable
from difflib import get_close_matches


class GanzooError(Exception):
    """Base of every error that ganzoo raises on purpose."""

    exit_code = 1


class UsageError(GanzooError):
    """A command, a setting or an argument that makes no sense."""

    exit_code = 2


class UnknownName(UsageError):
    """A name that no plugin provides."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        super().__init__(f"No {kind} is called {name!r}; {did_you_mean(name, known)}")


class BadSetting(UsageError):
    """A setting that nothing takes, or a value that its type does not allow."""


class BadPlugin(GanzooError):
    """A plugin that breaks its contract."""


class BadData(GanzooError):
    """Data that is missing, damaged or of another shape than was asked for."""


class BadRun(GanzooError):
    """A run folder or a checkpoint that is missing, damaged or of another version."""


class BadBundle(GanzooError):
    """An exported model that is damaged, incomplete or of another version."""


class ExportFailed(GanzooError):
    """A generator whose ONNX form does not do what the generator does."""


class Diverged(GanzooError):
    """A loss that became NaN or infinite."""


class Sick(GanzooError):
    """A run that the health watch has stopped, and that has saved all that it did."""


class LostProcess(GanzooError):
    """Another process of the same run has ended, or does not answer."""


class Interrupted(GanzooError):
    """A run that was asked to stop, and has saved all that it did."""

    exit_code = 130


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence: the closest known name, or all of them."""
    names = {each.lower(): each for each in sorted(known)}
    close = get_close_matches(name.lower(), names, n=1)
    if close:
        return f"did you mean {names[close[0]]!r}?"
    return f"known are: {', '.join(names.values())}." if names else "there are none."


def first_line(error: Exception) -> str:
    """What a foreign error says, without the traceback in prose that some add."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
