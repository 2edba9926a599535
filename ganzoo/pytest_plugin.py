"""For plugin authors: `pytest --ganzoo-plugin NAME` runs every check of that plugin as a test. Imports little."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ganzoo.testing.checks import Check


def pytest_addoption(parser: pytest.Parser) -> None:
    """Pytest's hook: the option."""
    group = parser.getgroup("ganzoo")
    group.addoption("--ganzoo-plugin", metavar="NAME", help="also check that this plugin keeps ganzoo's contracts")


@pytest.hookimpl(hookwrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Pytest's hook: the checks join the tests that were collected. Raises UsageError for an unknown plugin."""
    yield
    name = session.config.getoption("--ganzoo-plugin")
    if name is None:
        return
    from ganzoo.catalog import load_catalog
    from ganzoo.core.errors import GanzooError
    from ganzoo.testing.checks import checks

    try:
        found = list(checks(load_catalog(), name))
    except GanzooError as error:
        raise pytest.UsageError(str(error)) from error
    items = [Promise.from_parent(session, name=title(check), check=check) for check in found]
    session.items += items
    session.testscollected = len(session.items)


def title(check: "Check") -> str:
    return f"{check.kind} {check.component}: {check.promise}"


class Promise(pytest.Item):
    """One check as a test."""

    def __init__(self, *, check: "Check", **rest: Any) -> None:
        super().__init__(**rest)
        self.check = check

    def runtest(self) -> None:
        from ganzoo.testing.checks import Inapplicable

        try:
            self.check.run()
        except Inapplicable as reason:
            pytest.skip(str(reason))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        from ganzoo.testing.checks import Violation

        if isinstance(excinfo.value, Violation):
            return f"{self.name}: {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[str, int | None, str]:
        return self.check.plugin, None, self.name
