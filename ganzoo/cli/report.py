"""`ganzoo report`: a run's page for people, made anew."""

from pathlib import Path

import click


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Where to.  [default: RUN/report.html]")
@click.option("--open", "show", is_flag=True, help="Show it in the browser.")
def report(run: Path | None, out: Path | None, show: bool) -> None:
    """Write the page of RUN, by default the newest in ./runs, as training does at its end.

    One file with curves, samples over time, the way from one seed to the next, nearest training samples, and scores,
    those of `ganzoo evaluate` too. It needs no network, so that you can send it to anyone.

    \b
      ganzoo report runs/vanilla-mlp-001 --open
      ganzoo report runs/vanilla-mlp-001 --out vanilla.html
    """
    import webbrowser

    from ganzoo.core.errors import BadRun
    from ganzoo.core.run_folder import RunFolder, newest_run
    from ganzoo.report.page import write_report

    folder = RunFolder(run) if run else newest_run(Path("runs"))
    folder.config()
    if not folder.log_file.exists() or not folder.log_file.stat().st_size:
        raise BadRun(f"{folder.path} has logged nothing yet; train it for longer: ganzoo train --resume {folder.path}")
    page = write_report(folder, to=out)
    click.echo(f"Report: {page}")
    if show and not webbrowser.open(page.resolve().as_uri()):
        click.echo("There is no browser to show it in; open that file on another machine.", err=True)
