"""The API's description of itself: valid, true, and readable."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from threading import Event, Thread

import pytest
from live import Live, served

from ganzoo.serving.models import Model

# What a schema cannot say of a value, as it depends on the model: which classes there are, and the size of a latent.
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "404", "413", "422", "429"]

[checks.negative_data_rejection]
expected-statuses = ["400", "404", "405", "413", "415", "422", "429"]
"""


def test_it_describes_every_address_of_the_api(live: Live) -> None:
    document = live.get("/openapi.json").json

    assert document["openapi"] == "3.1.0"
    for path, item in document["paths"].items():
        address = path.replace("{name}", "acgan")
        for method in set(item) & {"get", "post"}:
            answer = live.get(address) if method == "get" else live.post(address, {})
            told = item[method]["responses"]["200"]["content"]
            assert answer.status == 200
            assert answer.headers["content-type"].partition(";")[0] in told
    (parameter,) = document["paths"]["/v1/models/{name}"]["parameters"]
    assert parameter["schema"]["enum"] == ["vanilla-mlp", "acgan"]


def test_the_reference_shows_all_of_it_and_its_commands_work(live: Live, tmp_path: Path) -> None:
    page = live.get("/docs")
    reader = Reader()
    reader.feed(page.body.decode())

    assert page.headers["content-type"].startswith("text/html")
    assert not reader.open
    document = live.get("/openapi.json").json
    for path in document["paths"]:
        assert any(path in text for text in reader.code)
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("needs curl, to run the reference's commands")
    for command in reader.commands:
        assert command.startswith("curl ")
        done = subprocess.run(["sh", "-c", f"{command} --fail -sS"], cwd=tmp_path, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b""), command


class Reader(HTMLParser):
    """What stands in `<code>` and in `<pre>`, and which elements were left open that must be closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.code: list[str] = []
        self.commands: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in ("main", "section", "table", "code", "pre", "a", "h1", "h2", "h3"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["code"]:
            self.code.append(data)
        if self.open[-1:] == ["pre"]:
            self.commands.append(data)


def test_behind_a_token_the_commands_bring_it(models: dict[str, Model]) -> None:
    with served(models, token="t") as live:
        reader = Reader()
        reader.feed(live.get("/docs").body.decode())
        document = live.get("/openapi.json").json

    assert document["security"] == [{"token": []}]
    assert all("-H 'Authorization: Bearer TOKEN'" in command for command in reader.commands)


def test_fuzzed_against_its_own_description_under_load_nothing_breaks(live: Live, tmp_path: Path) -> None:
    """Schemathesis, all of its checks, while others draw: no 5xx, no answer that the description does not name."""
    program = Path(sys.executable).with_name("st")
    if not program.exists():
        pytest.skip("needs schemathesis")
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    address = f"http://127.0.0.1:{live.port}/openapi.json"
    options = ("--checks", "all", "--max-examples", "25", "--seed", "1", "--no-color", "--workers", "1")
    with others_drawing(live) as drawn:
        done = subprocess.run(
            [program, "run", address, *options],
            cwd=tmp_path,
            env=os.environ | {"PYTHONWARNINGS": "ignore"},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    assert done.returncode == 0, done.stdout[-4000:]
    assert "Tested: 7" in done.stdout
    assert len(drawn) > 50
    assert set(drawn) <= {200, 429}


@contextmanager
def others_drawing(live: Live) -> Iterator[list[int]]:
    """Four clients that ask for pictures all the time; the statuses of their answers."""
    over, statuses = Event(), list[int]()

    def ask() -> None:
        while not over.is_set():
            statuses.append(live.samples("acgan", count=64, format="npy").status)

    clients = [Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        yield statuses
    finally:
        over.set()
        for client in clients:
            client.join()


def test_examples_are_what_it_says_they_are(live: Live) -> None:
    for path, item in live.get("/openapi.json").json["paths"].items():
        for media, content in item.get("post", {}).get("requestBody", {}).get("content", {}).items():
            answer = live.post(path.replace("{name}", "acgan"), json.dumps(content["example"]).encode())
            assert (media, answer.status) == ("application/json", 200)
