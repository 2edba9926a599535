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
from http.client import HTTPConnection
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import onnx
import pytest
from command import PROGRAM, Refused, ganzoo

from ganzoo.core.files import sha256

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


@pytest.mark.parametrize("token", ["", " ", "a b", "töken", "a\nb", "50%", "a#b"])
def test_a_token_that_no_header_can_hold_is_refused(token: str, refused: Refused) -> None:
    refused(2, "serve", MODEL, "--token", token)


@pytest.mark.parametrize("origin", ["example.org", "https://", "https://example.org/page", "ftp://example.org"])
def test_a_site_that_no_browser_would_name_so_is_refused(origin: str, refused: Refused) -> None:
    refused(2, "serve", MODEL, "--allow-origin", origin)


def test_a_site_with_a_slash_is_that_site(here: Path) -> None:
    with started(MODEL, "--allow-origin", "https://example.org/", cwd=here) as (_, address, _):
        asked = Request(f"{address}v1/models", headers={"Origin": "https://example.org"})
        with urlopen(asked) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == "https://example.org"


@pytest.mark.parametrize(("more", "status"), [((), 421), (("--public",), 200)])
def test_another_name_for_this_machine_is_let_in_only_when_that_was_said(
    more: tuple[str, ...], status: int, here: Path
) -> None:
    """A page from elsewhere can give its own name this machine's address."""
    with started(MODEL, *more, cwd=here) as (_, address, _):
        port = int(address.rstrip("/").rpartition(":")[2])
        for name, expected in (("attacker.example", status), ("localhost", 200), (f"[::1]:{port}", 200), ("", status)):
            connection = HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/v1/models", headers={"Host": name})
            assert connection.getresponse().status == expected
            connection.close()


def test_a_graph_that_fails_is_named_and_the_others_are_served(here: Path) -> None:
    shutil.copytree(EXPORTED / "acgan", here / "good")
    shutil.copytree(MODEL, here / "bad")
    graph = onnx.load(here / "bad" / "generator.onnx")
    graph.graph.node[0].input[0] = "back"
    for shape, size, given, name in (("there", 64, "fives", "back"), ("over", 5, "latents", "fives")):
        graph.graph.initializer.append(onnx.numpy_helper.from_array(np.array([-1, size]), shape))
        graph.graph.node.insert(0, onnx.helper.make_node("Reshape", [given, shape], [name]))
    onnx.save(graph, here / "bad" / "generator.onnx")
    manifest = here / "bad" / "manifest.json"
    old, new = sha256(Path(MODEL) / "generator.onnx"), sha256(here / "bad" / "generator.onnx")
    manifest.write_text(manifest.read_text().replace(old, new))

    with started("good", "bad", cwd=here) as (process, _, line):
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)

    assert line.startswith("Serving acgan at")
    assert said.startswith("Not served: bad draws nothing for seed 0: ")


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
