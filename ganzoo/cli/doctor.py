"""`ganzoo doctor`: what is installed here, what runs, and what to do about the rest. Survives a broken torch."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ganzoo.sampling.doctor import Finding

MARKS = {"good": "[green]✓[/green]", "note": "[yellow]![/yellow]", "broken": "[red]✗[/red]"}


@click.command()
@click.option(
    "--json",
    "output",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Write the findings to FILE too, for a bug report; - writes them to standard output, in place of the table.",
)
def doctor(output: Path | None) -> None:
    """Look at Python, torch, onnxruntime, the GPU and the plugins, and say what to do about what does not work.

    Each device that samples can be drawn on is tried with a tiny graph. The exit code is 1 where something that ganzoo
    needs is broken; a GPU that cannot be used is not.

    \b
      ganzoo doctor
      ganzoo doctor --json doctor.json
    """
    from rich.console import Console

    from ganzoo.sampling.doctor import examine

    with Console(stderr=True).status("Looking at what is installed here…"):
        findings = examine()
    if output != Path("-"):
        show(findings)
    if output is not None:
        write(findings, output)
    raise click.exceptions.Exit(int(any(finding.state == "broken" for finding in findings)))


def show(findings: "list[Finding]") -> None:
    """The table, and under each thing that is wrong what to do about it."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        advice = f"\n[yellow]{escape(finding.advice)}[/yellow]" if finding.advice else ""
        table.add_row(MARKS[finding.state], f"[bold]{escape(finding.part)}[/bold]", escape(finding.found) + advice)
    console = Console(highlight=False)
    console.print(table)
    wrong = sum(finding.state == "broken" for finding in findings)
    notes = sum(finding.state == "note" for finding in findings)
    verdict = f"{wrong} broken" if wrong else "All that ganzoo needs works"
    console.print(f"\n{verdict}{f'; {notes} to look at' if notes else ''}.")


def write(findings: "list[Finding]", output: Path) -> None:
    """The findings as JSON. Raises GanzooError where the file cannot be written."""
    import json
    from dataclasses import asdict

    from ganzoo.core.errors import GanzooError

    text = json.dumps({"findings": [asdict(finding) for finding in findings]}, indent=2, ensure_ascii=False)
    if output == Path("-"):
        click.echo(text)
        return
    try:
        output.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise GanzooError(f"Cannot write {output}: {error.strerror}.") from error
    click.echo(f"Wrote {output}")
