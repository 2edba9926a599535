"""How a check says what it found."""

from ganzoo.core.errors import GanzooError


class Violation(GanzooError):
    """A component breaks a promise of its kind."""


class Inapplicable(Exception):
    """There is nothing to check here, and why."""


def ensure(condition: object, message: str) -> None:
    """Raise Violation with the message unless the condition holds."""
    if not condition:
        raise Violation(f"{message[0].upper()}{message[1:]}.")
