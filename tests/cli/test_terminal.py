"""What a person sees, in a pseudo-terminal."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command import PROGRAM

if sys.platform == "win32":
    pytest.skip("there are no pseudo-terminals", allow_module_level=True)

import fcntl
import pty
import struct
import termios


def seen(words: list[str], here: Path, columns: int) -> str:
    """All that a terminal of that width is sent, without the control codes."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    environment["TERM"] = "xterm-256color"
    with subprocess.Popen([*PROGRAM, *words], cwd=here, stdout=slave, stderr=slave, env=environment) as process:
        os.close(slave)
        sent = b""
        while part := read(master):
            sent += part
    os.close(master)
    assert process.returncode == 0, sent
    return re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", sent.decode()).replace("\r", "")


def read(master: int) -> bytes:
    """What has come; nothing where the other end is closed."""
    try:
        return os.read(master, 65536)
    except OSError:  # how Linux says it
        return b""


@pytest.mark.parametrize("columns", [80, 120])
def test_a_live_bar_shows_speed_losses_and_the_value_of_the_game(columns: int, here: Path) -> None:
    """Nothing is cut off at the width of a usual terminal."""
    text = seen(["train", "vanilla-mlp", "--steps", "40", "--set", "log_every=10"], here, columns)
    number = r"-?\d+\.\d\d"
    assert re.search(r"100 % +0:00:0\d step 40  [\d,]+ samples/s", text)
    assert re.search(
        rf"loss D {number}\d G {number}\d  D\(x\) {number}  D\(G\(z\)\) {number}  V {number} = -log 4 [+-] {number}\n",
        text,
    )
    assert "…" not in text
    assert "Trained to step 40" in text
