"""`ganzoo serve`, as a user starts it and stops it."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from command import PROGRAM, Refused, ganzoo

EXPORTED = Path(__file__).parents[2] / "exported_models"
MODEL = str(EXPORTED / "vanilla-mlp")
PATIENCE = 60  # seconds


@contextmanager
def started(*words: str, cwd: Path) -> Iterator[tuple["subprocess.Popen[str]", str, str]]:
    """The process, its address and the line that it greets with; it is stopped by Ctrl-C."""
    command = [*PROGRAM, "serve", "--port", "0", *words]
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://[^ #]+/", line)
            assert found, f"{line}{process.stderr.read() if process.stderr else ''}"
            yield process, found[0], line
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)


def test_all_bundles_of_exported_models_are_served_until_ctrl_c(here: Path) -> None:
    for name in ("vanilla-mlp", "acgan"):
        shutil.copytree(EXPORTED / name, here / "exported_models" / name)

    with started(cwd=here) as (process, address, line):
        with urlopen(f"{address}health") as answer:
            assert json.load(answer) == {"status": "ok", "models": 2}
        with urlopen(address) as answer:
            assert b"<title>" in answer.read()
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=PATIENCE)

    assert line.startswith("Serving acgan, vanilla-mlp at http://127.0.0.1:")
    assert line.endswith("Ctrl-C stops it.\n")
    assert (process.returncode, said) == (130, ("", "Stopped.\n"))


def test_a_damaged_bundle_is_named_and_the_others_are_served(here: Path) -> None:
    for name in ("vanilla-mlp", "acgan"):
        shutil.copytree(EXPORTED / name, here / name)
    damaged = here / "acgan" / "generator.onnx"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\0")

    with started(str(here), cwd=here) as (process, address, _):
        with urlopen(f"{address}v1/models") as answer:
            assert [model["name"] for model in json.load(answer)["models"]] == ["vanilla-mlp"]
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)

    assert said.startswith(f"Not served: {damaged} is not the file that was exported: its SHA-256 differs.")


def test_where_all_are_damaged_nothing_is_served(here: Path, refused: Refused) -> None:
    for name in ("one", "other"):
        shutil.copytree(MODEL, here / name)
        (here / name / "manifest.json").write_text("{")

    both = ganzoo("serve", "one", "other", "--port", "0")
    alone = refused(1, "serve", "one", "--port", "0")

    assert both.exit_code == 1
    assert "Not served: Cannot read one/manifest.json" in both.stderr
    assert "Not served: Cannot read other/manifest.json" in both.stderr
    assert "Error: There is no model left to serve." in both.stderr
    assert alone.stderr.startswith("Error: Cannot read one/manifest.json")


def test_two_bundles_of_one_name_are_not_mixed_up(here: Path) -> None:
    shutil.copytree(MODEL, here / "copy")

    with started("copy", MODEL, cwd=here) as (process, _, _):
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)

    assert f"Not served: {MODEL}, as another bundle is called 'vanilla-mlp', too." in said


def test_a_folder_without_bundles_says_what_to_do(here: Path, refused: Refused) -> None:
    (here / "empty").mkdir()
    refused(2, "serve", "empty")
    refused(1, "serve", "missing")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_the_network_is_let_in_only_when_that_was_said(host: str, refused: Refused) -> None:
    done = refused(2, "serve", MODEL, "--host", host)

    assert f"Whoever reaches {host} could ask this server; say --token TOKEN, or --public" in done.stderr


@pytest.mark.parametrize("token", ["", " ", "a b ", "töken", "a\nb"])
def test_a_token_that_no_header_can_hold_is_refused(token: str, refused: Refused) -> None:
    refused(2, "serve", MODEL, "--token", token)


def test_a_token_from_the_environment_opens_the_network(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANZOO_TOKEN", "s3cret")

    with started(MODEL, "--host", "0.0.0.0", cwd=here) as (_, address, line):
        with urlopen(Request(f"{address}v1/models", headers={"Authorization": "Bearer s3cret"})) as answer:
            assert answer.status == 200
        assert address.startswith("http://localhost:")
        assert f"{address}#token=s3cret" in line


def test_a_port_that_is_taken_is_told(refused: Refused) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = refused(2, "serve", MODEL, "--port", str(port))

    told = f"Cannot listen at 127.0.0.1, port {port}: Address already in use; choose another with --port."
    assert told in done.stderr


@pytest.mark.parametrize("words", [("--device", "abacus"), ("--host", "no host", "--public")])
def test_other_nonsense_is_refused(words: tuple[str, ...], refused: Refused) -> None:
    refused(2, "serve", MODEL, *words)


def test_without_its_packages_it_says_what_to_install(here: Path) -> None:
    code = "import sys; sys.modules['starlette'] = None; from ganzoo.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "serve", MODEL], cwd=here, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: Serving needs starlette; `pip install 'ganzoo[serve]'`.\n"


def test_no_torch_is_in_the_process(here: Path) -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('torch', 'onnx', 'onnxscript', 'safetensors'))); "
        "from ganzoo.cli import main; main()"
    )
    command = [sys.executable, "-c", code, "serve", MODEL, "--port", "0"]
    with subprocess.Popen(command, cwd=here, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http://[^ ]+/", process.stdout.readline())
        try:
            assert found
            body = Request(f"{found[0]}v1/models/vanilla-mlp/samples", b"{}", {"Content-Type": "application/json"})
            with urlopen(body) as answer:
                assert answer.read().startswith(b"\x89PNG")
        finally:
            process.send_signal(signal.SIGINT)
