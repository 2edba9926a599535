"""`ganzoo serve`: exported models behind a page and an API. Needs no torch."""

import re
from pathlib import Path

import click

from ganzoo.cli.options import drawing_device

TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, section 2.1
ORIGIN = re.compile(r"\*|https?://[^/\s]+/?")


@click.command()
@click.argument("bundles", metavar="[BUNDLE]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 is any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; 0.0.0.0 is every network.")
@click.option("--token", envvar="GANZOO_TOKEN", show_envvar=True, help="Answer only requests that bring it.")
@click.option("--public", is_flag=True, help="Let everyone in who can reach --host, without a token.")
@click.option("--allow-origin", "origins", metavar="URL", multiple=True, help="A site whose pages may ask, too.")
@drawing_device
def serve(
    bundles: tuple[Path, ...],
    port: int,
    host: str,
    token: str | None,
    public: bool,
    origins: tuple[str, ...],
    device: str,
) -> None:
    """Serve BUNDLEs, by default all in ./exported_models: a page to play with them, and an API for apps.

    Only this machine can come in, unless --host says otherwise; then say --token, or --public. Ctrl-C stops it.

    \b
      ganzoo serve
      ganzoo serve exported_models/vanilla-mlp --port 8080
      curl localhost:8000/v1/models/vanilla-mlp/samples -H 'Content-Type: application/json' -d '{"count": 9}' -o 9.png
      GANZOO_TOKEN=$(openssl rand -hex 16) ganzoo serve --host 0.0.0.0

    The API is described at /docs.
    """
    from ganzoo.core.errors import BadBundle, GanzooError

    try:
        from ganzoo.serving.app import make_app
        from ganzoo.serving.server import listen, run
    except ModuleNotFoundError as error:
        missing = (error.name or "more").partition(".")[0]
        raise GanzooError(f"Serving needs {missing}; `pip install 'ganzoo[serve]'`.") from error
    from ganzoo.serving.models import bundles_in, open_models

    check_access(host, token, public, origins)
    own = () if token or public else ("localhost", "127.0.0.1", "::1", host.lower())
    with listen(host, port) as listening:
        models, problems = open_models(bundles_in(bundles or [Path("exported_models")]), device)
        if not models and len(problems) == 1:
            raise BadBundle(problems[0])
        for problem in problems:
            click.echo(f"Not served: {problem}", err=True)
        if not models:
            raise BadBundle("There is no model left to serve.")
        sites = [origin.rstrip("/") for origin in origins]
        app = make_app(models, token=token, hosts=tuple(dict.fromkeys(own)), origins=sites)
        line = greeting(listening.getsockname(), list(models), token)
        run(app, listening, lambda: click.echo(line))


def check_access(host: str, token: str | None, public: bool, origins: tuple[str, ...]) -> None:
    """Raise UsageError where it is not said who may come in, or where what is said cannot be."""
    from ganzoo.core.errors import UsageError
    from ganzoo.serving.server import is_loopback

    if token is not None and not TOKEN.fullmatch(token):
        raise UsageError("A token is letters, digits and -._~+/, perhaps with = at its end; choose another.")
    if not (is_loopback(host) or token or public):
        raise UsageError(f"Whoever reaches {host} could ask this server; say --token TOKEN, or --public to allow that.")
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise UsageError(f"A site is named like https://example.org, or https://example.org:8080, not {origin!r}.")


def greeting(address: tuple[str, int], names: list[str], token: str | None) -> str:
    """Where to look, and how to stop."""
    host, port = address[:2]
    if host in ("0.0.0.0", "::"):
        host = "localhost"
    place = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    shown = f"{place}#token={token}" if token else place
    return f"Serving {', '.join(names)} at {shown} (API: {place}docs). Ctrl-C stops it."
