"""How `export` and `verify` show what was compared."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganzoo.core.manifest import Check


def show_checks(checks: "Sequence[Check]") -> None:
    """One line for each: what, how far off, how far it may be, and in which unit."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("compared")
    table.add_column("largest difference", justify="right")
    table.add_column("allowed", justify="right")
    table.add_column("unit")
    for check in checks:
        table.add_row(check.what, f"{check.largest:.2g}", f"{check.allowed:.2g}", check.unit)
    Console(width=110, highlight=False).print(table)
