"""Everything in the zoo keeps the contract of its kind, and every recipe trains, exports and can be sampled."""

import pytest

from ganzoo.catalog import load_catalog
from ganzoo.testing import Check, Inapplicable, checks

CATALOG = load_catalog()
CHECKS = list(checks(CATALOG))


def test_no_plugin_is_broken() -> None:
    assert CATALOG.broken() == []


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.kind} {check.component} {check.promise}")
def test_a_component_keeps_its_promise(check: Check) -> None:
    try:
        check.run()
    except Inapplicable as reason:
        pytest.skip(str(reason))
