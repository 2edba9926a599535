"""`ganzoo inspect`: what a bundle's graphs take, make, hold and cost. Opens no session, and needs no torch."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ganzoo.core.manifest import Manifest
    from ganzoo.export.inspection import Inspection, Port, Step

FIRST, LAST = 24, 12  # lines of a long drawing that are shown
LONGEST = 500  # characters of a metadata entry that are shown
INDENT = "│ "


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path), metavar="BUNDLE_OR_ONNX")
@click.option(
    "--all", "everything", is_flag=True, help="Draw every operator on a line of its own, and shorten nothing."
)
def inspect(bundle: Path, everything: bool) -> None:
    """Show what an exported bundle, or any ONNX file, takes, makes, holds and costs, and draw its graphs.

    FLOPs are those of one sample: 2 for each multiply-add of convolutions and matrix products.

    \b
      ganzoo inspect exported_models/vanilla-mlp
      ganzoo inspect exported_models/vanilla-mlp/generator.onnx --all
    """
    from rich.console import Console

    from ganzoo.core.errors import BadBundle
    from ganzoo.core.manifest import read_manifest
    from ganzoo.export.inspection import inspect_file

    console = Console(highlight=False)
    if bundle.is_dir():
        manifest = read_manifest(bundle)
        inspections = [(inspect_file(path), state_of(path, manifest)) for path in graphs_of(bundle)]
        console.print(facts(manifest_facts(manifest)))
    else:
        inspections = [(inspect_file(bundle), "")]
    for inspection, state in inspections:
        console.print()
        show(inspection, state, console, everything)
    if any(state.startswith("[red]") for _, state in inspections):
        raise BadBundle(f"Not all files of {bundle} are those that were exported; copy or export it again.")


def graphs_of(bundle: Path) -> list[Path]:
    """The bundle's ONNX files, in the order of their use. Raises BadBundle where there is none."""
    from ganzoo.core.errors import BadBundle

    found = sorted(bundle.glob("*.onnx"), key=lambda path: (path.name != "latents.onnx", path.name))
    if not found:
        raise BadBundle(f"{bundle} holds no ONNX file; export it again.")
    return found


def state_of(path: Path, manifest: "Manifest") -> str:
    """Whether the file is what was exported."""
    from ganzoo.core.files import sha256

    if path.name not in manifest.files:
        return "[yellow]not named by the manifest[/yellow]"
    if sha256(path) != manifest.files[path.name]:
        return "[red]not the file that was exported: its SHA-256 differs[/red]"
    return "as exported, says its SHA-256"


def manifest_facts(manifest: "Manifest") -> Iterator[tuple[str, str]]:
    """What a bundle says of itself."""
    data, training, parity = manifest.dataset, manifest.training, manifest.parity
    options = ", ".join(f"{key} {value}" for key, value in manifest.latents.options.items())
    yield "bundle", f"{manifest.name}, of recipe {manifest.recipe}, made {manifest.created}"
    yield "data", f"{data.name}, {data.samples:,} samples ({data.source}; {data.licence})"
    yield "training", f"step {training.step:,}, seed {training.seed}, {training.weights} weights, run {training.run}"
    yield "latents", f"{manifest.latents.name}{f' ({options})' if options else ''}, {manifest.latent_size} numbers"
    yield "samples", f"{shape_text(manifest.sample.shape)}{', drawn by label' if manifest.conditional else ''}"
    grey = "" if parity.max_grey_levels is None else f", {parity.max_grey_levels} grey levels"
    yield (
        "parity",
        f"onnxruntime and torch differ by {parity.max_difference:.1e}{grey} at most; "
        f"{parity.tolerance:.0e} is allowed; batches of {', '.join(map(str, parity.batch_sizes))}",
    )
    yield "made with", ", ".join(f"{name} {number}" for name, number in manifest.versions.items())


def facts(rows: Iterable[tuple[str, str]]) -> "Table":
    """Names and what is said of them."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(f"[bold]{escape(name)}[/bold]", escape(text))
    return table


def show(inspection: "Inspection", state: str, console: "Console", everything: bool) -> None:
    """One file: its facts, and its drawing."""
    from rich.markup import escape

    comma = ", " if state else ""
    console.print(f"[bold]{escape(str(inspection.path))}[/bold]: {inspection.size:,} bytes{comma}{state}")
    console.print(facts(file_facts(inspection, everything)))
    console.print()
    console.print(drawing(inspection, everything))


def file_facts(inspection: "Inspection", everything: bool) -> Iterator[tuple[str, str]]:
    """What the file says, and what was counted."""
    yield "inputs", "\n".join(map(port_text, inspection.inputs))
    yield "outputs", "\n".join(map(port_text, inspection.outputs))
    opsets = ", ".join(f"{domain or 'opset'} {version}" for domain, version in inspection.opsets.items())
    yield "format", f"{opsets}; IR {inspection.ir_version}; by {inspection.producer or 'nobody that says so'}"
    for key, text in inspection.metadata.items():
        short = text if everything or len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"
        yield key, short
    yield "parameters", f"{inspection.parameters:,}"
    others = ", ".join(f"{name} {count}" for name, count in sorted(inspection.uncounted.items()))
    yield "FLOPs", f"{inspection.flops:,} a sample{f'; not counted: {others}' if others else ''}"
    if inspection.unknown:
        yield "", f"more than that: shapes are unknown at {', '.join(inspection.unknown)}"


def port_text(port: "Port") -> str:
    return f"{port.name} {port.type} {shape_text(port.shape)}"


def shape_text(shape: "Sequence[int | str | None] | None") -> str:
    return "?" if shape is None else f"[{', '.join('?' if size is None else str(size) for size in shape)}]"


def drawing(inspection: "Inspection", everything: bool) -> "Table":
    """The way from inputs to outputs, a line for each step; a branch is indented, above the step where it ends."""
    from rich.table import Table

    lines = merged(inspection, everything)
    table = Table(box=None, pad_edge=False)
    table.add_column("", justify="right", style="dim", no_wrap=True)
    for title in ("from", "operator", "weights", "one sample"):
        table.add_column(title, overflow="fold")
    table.add_column("FLOPs", justify="right", no_wrap=True)
    rows = table_rows(lines, {port.name for port in inspection.outputs})
    hidden = 0 if everything else max(0, len(rows) - FIRST - LAST)
    for row in rows[: FIRST if hidden else None]:
        table.add_row(*row)
    if hidden:
        table.add_row("…", "", f"{hidden} lines more; --all shows them")
        for row in rows[-LAST:]:
            table.add_row(*row)
    return table


def merged(inspection: "Inspection", everything: bool) -> "list[list[Step]]":
    """The steps in groups, one for each line; what changes no shape and has no weights goes with the step before."""
    from collections import Counter

    uses = Counter(source for step in inspection.steps for source in step.sources)
    uses.update(port.name for port in inspection.outputs)
    lines: list[list[Step]] = []
    for step in inspection.steps:
        before = lines[-1][-1] if lines else None
        plain = not step.weights and step.flops == 0 and not everything
        if before and plain and follows(step, before) and step.shape == before.shape and uses[before.output] == 1:
            lines[-1].append(step)
        else:
            lines.append([step])
    return lines


def follows(step: "Step", before: "Step") -> bool:
    """Whether a step takes what the one before has made, and nothing else."""
    return step.depth == before.depth and step.sources == (before.output,)


def table_rows(lines: "list[list[Step]]", outputs: set[str]) -> list[list[str]]:
    """Each line's number, sources, operators, weights, shape with the output's name, and FLOPs."""
    from rich.markup import escape

    numbers: dict[str, str] = {}
    rows = []
    for number, line in enumerate(lines, 1):
        numbers.update((step.output, str(number)) for step in line)
        first, last = line[0], line[-1]
        sources = ", ".join(numbers.get(name, name) for name in first.sources)
        previous = number > 1 and follows(first, lines[number - 2][-1])
        name = f" = {last.output}" if last.output in outputs else ""
        cost = "?" if first.flops is None else f"{first.flops:,}" if first.flops else ""
        operators = INDENT * first.depth + ", ".join(step.operator for step in line)
        weights = ", ".join(map(shape_text, first.weights))
        cells = (str(number), "" if previous else sources, operators, weights, shape_text(last.shape) + name, cost)
        rows.append(list(map(escape, cells)))
    return rows
