"""How tests call the command line, in this process and in others."""

import subprocess
import sys
from pathlib import Path
from typing import Protocol

from click.testing import CliRunner, Result

from ganzoo.cli import main

PROGRAM = [sys.executable, "-m", "ganzoo"]


class Refused(Protocol):
    """A command that must fail with this exit code, in one sentence and without a traceback."""

    def __call__(self, exit_code: int, *words: str) -> Result: ...


def ganzoo(*words: str) -> Result:
    """The command in this process; `.stdout` and `.stderr` are kept apart. What is no exit is raised."""
    return CliRunner().invoke(main, words, catch_exceptions=False)


def ganzoo_process(*words: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """The command in a process of its own, to its end."""
    return subprocess.run([*PROGRAM, *words], cwd=cwd, capture_output=True, text=True, check=False, timeout=300)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
