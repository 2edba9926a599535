"""The table of clients: `python -m benchmarks.clients`."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.clients.bundles import make_bundles
from benchmarks.clients.judge import Verdict, judged
from benchmarks.clients.runtimes import CLIENTS, Client
from benchmarks.clients.tools import MissingTool
from benchmarks.harness import Row, show, significant, write_results


def main() -> None:
    """Every client draws the self-test of every bundle."""
    with TemporaryDirectory() as folder:
        bundles = make_bundles(Path(folder))
        rows = [row(name, client, bundles) for name, client in CLIENTS.items()]
    show(rows)
    write_results("clients", "python -m benchmarks.clients", rows)


def row(name: str, client: Client, bundles: Mapping[str, Path]) -> Row:
    """What one client drew, or why it did not."""
    try:
        reports = client(list(bundles.values()))
    except (MissingTool, RuntimeError) as error:
        return {"case": name, "unit": "grey levels", "why": str(error)}
    verdicts = [judged(bundle, report) for bundle, report in zip(bundles.values(), reports, strict=True)]
    return {
        "case": name,
        "unit": "grey levels",
        "value": largest([verdict for verdict in verdicts if verdict.in_grey_levels]),
        "points": largest([verdict for verdict in verdicts if not verdict.in_grey_levels]),
        "compared": sum(verdict.compared for verdict in verdicts if verdict.in_grey_levels),
        "latents": "identical" if all(verdict.identical for verdict in verdicts) else "not identical",
        "version": reports[0].version,
        "bundles": list(bundles),
    }


def largest(verdicts: list[Verdict]) -> float:
    return significant(max((verdict.largest for verdict in verdicts), default=0.0))


if __name__ == "__main__":
    main()
