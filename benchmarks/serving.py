"""How `ganzoo serve` stands up to 200 clients at once: `python -m benchmarks.serving [--rounds 5] [--out FOLDER]`.

Each request asks for 16 pictures of seeds of its own. In each round take turns: `ganzoo serve`; the same model behind a
plain FastAPI handler, one request at a time; and `Sampler` alone, 16 pictures a call, which is what the server's
throughput is held against (with 256 a call beside it, which no single request asks for). Clients and servers share the
processor. Then the server's memory over 10,000 requests, how long a first picture takes in a page, and a picture of it.
"""

import argparse
import importlib
import json
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.request import urlopen

from benchmarks.harness import RESULTS, Row, alternate, compare, show, significant, write_results
from ganzoo.sampling.sampler import Sampler

BUNDLES = Path(__file__).parents[1] / "exported_models"
MODELS = ("vanilla-mlp", "dcgan-small")
FORMATS = ("npy", "png", "json")
CLIENTS, PICTURES = 200, 16
REQUESTS = {"vanilla-mlp": 3000, "dcgan-small": 1500}  # a round
SHARE, MEDIAN_MS = 0.7, 250.0  # targets: of the sampler's throughput, and for an answer
MANY = 10_000  # requests, over which memory shall not grow
FLAT = 1.05  # what counts as no growth
FIRST_PICTURE = 1.5  # seconds, target
SHOWN = "#model=acgan&seed=0&kept=3.3,7.7,8.8&frame=12"
PLACES = {  # what one waits for, in the page's address and its elements
    "first preview in the page": ("", "main img"),
    "first samples in the page": (f"#model={MODELS[0]}", "[aria-busy=false] canvas"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args(arguments)
    rows = [load(model, kind, asked.rounds) for model in MODELS for kind in FORMATS]
    rows += [*map(memory, MODELS), *first_pictures(asked.rounds, asked.out)]
    show(rows)
    command = shlex.join(["python", "-m", "benchmarks.serving", *(sys.argv[1:] if arguments is None else arguments)])
    print(write_results("serving", command, rows, asked.out))


def load(model: str, kind: str, rounds: int) -> Row:
    """The server against the sampler alone, and against its peer."""
    bundle, answers = BUNDLES / model, list[dict[str, Any]]()
    sampler = Sampler(bundle, "cpu")
    with ours(bundle) as (our_port, _), peer(bundle) as peer_port:

        def at_server() -> float:
            answers.append(asking(our_port, f"/v1/models/{model}/samples", kind, REQUESTS[model]))
            return throughput(answers[-1])

        found = alternate(
            {
                "server": at_server,
                "peer": lambda: throughput(asking(peer_port, "/samples", kind, REQUESTS[model])),
                "sampler": partial(drawing, sampler, PICTURES),
                "sampler, 256": partial(drawing, sampler, 256),
            },
            rounds,
        )
    return judged(f"{model}, {kind}", found, answers[1:])  # without the warm-up


def judged(case: str, found: dict[str, list[float]], answers: list[dict[str, Any]]) -> Row:
    """Throughputs, and how long clients waited."""
    row = compare(case, "samples/s", found["server"], found["sampler"], more_is_better=True)
    peer = compare(case, "samples/s", found["server"], found["peer"], more_is_better=True)
    waited = [1000 * seconds for answer in answers for seconds in answer["seconds"]]
    failed = sum(status != 200 for answer in answers for status in answer["statuses"])
    return row | {
        "peer": peer["baseline"],
        "times_the_peer": peer["ratio"],
        "share_of_256": significant(median(found["server"]) / median(found["sampler, 256"])),
        "median_ms": significant(median(waited)),
        "p99_ms": significant(quantiles(waited, n=100)[-1]),
        "requests": len(waited),
        "failed": failed,
        "target": SHARE,
        "met": row["ratio"] >= SHARE and median(waited) <= MEDIAN_MS and not failed,
    }


def throughput(answer: dict[str, Any]) -> float:
    """Samples a second."""
    return len(answer["statuses"]) * PICTURES / float(answer["took"])


def drawing(sampler: Sampler, count: int) -> float:
    """Samples a second of the sampler alone, over a second."""
    began, drawn = time.perf_counter(), 0
    while time.perf_counter() - began < 1:
        sampler.sample(count, seed=drawn)
        drawn += count
    return drawn / (time.perf_counter() - began)


def asking(port: int, path: str, kind: str, count: int) -> dict[str, Any]:
    """What `benchmarks.askers` says."""
    body = json.dumps({"count": PICTURES, "format": kind})
    command = [sys.executable, "-m", "benchmarks.askers", str(port), path, body, str(CLIENTS), str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def ours(*bundles: Path) -> Iterator[tuple[int, int]]:
    """The port of a `ganzoo serve`, and the number of its process."""
    with running("-m", "ganzoo", "serve", *map(str, bundles), "--port", "0", "--device", "cpu") as process:
        assert process.stdout is not None
        found = re.search(r"http://127.0.0.1:(\d+)/", process.stdout.readline())
        if found is None:
            raise RuntimeError("the server did not start")
        yield int(found[1]), process.pid


@contextmanager
def peer(bundle: Path) -> Iterator[int]:
    """The port of the plain server; raises RuntimeError where it does not start, e.g. for want of FastAPI."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with running("-m", "benchmarks.plain_server", str(bundle), str(port)) as process:
        until(lambda: answers_at(f"http://127.0.0.1:{port}/docs"), process)
        yield port


@contextmanager
def running(*words: str) -> Iterator["subprocess.Popen[str]"]:
    """A process of Python; stopped by Ctrl-C."""
    command = [sys.executable, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def until(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + 30
    while not condition():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError("a server did not start; the plain one needs `pip install fastapi`")
        time.sleep(0.02)


def answers_at(address: str) -> bool:
    try:
        with urlopen(address):
            return True
    except OSError:
        return False


def memory(model: str) -> Row:
    """The server's resident set after 1,000 requests, and after 10,000 more, in all three formats."""
    with ours(BUNDLES / model) as (port, process):
        sizes = []
        for count in (1000, MANY):
            for kind in FORMATS:
                asking(port, f"/v1/models/{model}/samples", kind, count // len(FORMATS))
            sizes.append(resident(process))
    row = compare(f"{model}, memory after {MANY} requests", "MB", sizes[1:], sizes[:1], more_is_better=False)
    return row | {"target": significant(1 / FLAT), "met": sizes[1] <= FLAT * sizes[0]}


def resident(process: int) -> float:
    """Megabytes; Linux alone says so."""
    said = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmRSS:\s+(\d+) kB", said)[0]) * 1024 / 10**6


def first_pictures(rounds: int, out: Path) -> list[Row]:
    """From `ganzoo serve` of all our models to what one sees, in an open browser; and a picture of it."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None or find_spec("playwright") is None:
        print("No first picture: it needs Chromium, and `pip install playwright`.")
        return []
    api = importlib.import_module("playwright.sync_api")
    with api.sync_playwright() as player:
        page = player.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page()
        page.goto("about:blank")
        seconds = alternate({name: partial(until_shown, page, *place) for name, place in PLACES.items()}, rounds)
        take_picture(page, out)
        page.context.browser.close()
    return [first_row(name, found) for name, found in seconds.items()]


def until_shown(page: Any, place: str, selector: str) -> float:
    """Seconds from the start of the server's process until the page shows this."""
    bundles = sorted(path.parent for path in BUNDLES.glob("*/manifest.json"))
    began = time.perf_counter()
    with ours(*bundles) as (port, _):
        page.goto(f"http://127.0.0.1:{port}/{place}", wait_until="commit")
        page.wait_for_selector(selector)
        return time.perf_counter() - began


def take_picture(page: Any, out: Path) -> None:
    """Of the page of one model, with three of its pictures kept: `<out>/serving.png`."""
    page.set_viewport_size({"width": 1280, "height": 900})
    with ours(BUNDLES / "acgan") as (port, _):
        page.goto(f"http://127.0.0.1:{port}/{SHOWN}")
        page.wait_for_selector("[aria-busy=false] canvas")
        page.wait_for_load_state("networkidle")
        page.screenshot(path=out / "serving.png")


def first_row(name: str, seconds: list[float]) -> Row:
    found = compare(name, "s", seconds, [FIRST_PICTURE], more_is_better=False)
    return found | {"target": 1.0, "met": found["value"] <= FIRST_PICTURE}


if __name__ == "__main__":
    main()
