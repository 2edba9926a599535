"""What the program says of itself."""

import click
import pytest
from command import ganzoo

from ganzoo.cli import main

MAIN_PATH = ["train", "export", "sample"]


@pytest.mark.parametrize("name", sorted(main.commands))
def test_help_explains_every_option(name: str) -> None:
    done = ganzoo(name, "--help")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"Usage: ganzoo {name}")
    for option in main.commands[name].params:
        if isinstance(option, click.Option):
            assert all(word in done.stdout for word in option.opts)
            assert option.help, f"{option.name} is not explained"


@pytest.mark.parametrize("name", MAIN_PATH)
def test_help_shows_an_example(name: str) -> None:
    assert f"\n    ganzoo {name} " in ganzoo(name, "--help").stdout


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_the_program_alone_prints_its_help(words: list[str]) -> None:
    done = ganzoo(*words)
    assert done.exit_code == (0 if words else 2)
    for name in MAIN_PATH:
        assert f"\n    ganzoo {name} " in done.output
    for name in main.commands:
        assert f"\n  {name} " in done.output


def test_the_version_is_told() -> None:
    assert ganzoo("--version").stdout.startswith("ganzoo, version ")
