"""What the tests of static sites share: a host of files, and a visitor who asks the engine of a page."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from page_tools import EXPORTED

from ganzoo.serving.site import CDN, write_site

PATIENCE = 60_000  # milliseconds
BLANK = '<!doctype html><title>blank</title><link rel="icon" href="data:,">'

# Runs in the page; numbers come and go as words, since JSON knows neither NaN nor all of int64.
ASK = """async ([name, body, given]) => {
  const engine = await import("./page/engine.js");
  try {
    const model = (await engine.models()).find((each) => each.name === name);
    const { data } = await new Function("engine", "model", "given", `return (async () => { ${body} })()`)(
      engine, model, given);
    return { data: [...data].map(String) };
  } catch (error) {
    return { error: error.message, name: error.name };
  }
}"""
SEEDS_OF = "const seeds = given.seeds.map(BigInt);"
LATENTS = f"{SEEDS_OF} return {{ data: await engine.latents(model, seeds) }};"
SAMPLES = f"{SEEDS_OF} return engine.samples(model, {{ seeds, ...given.more }});"
ABORTED = f"""{SEEDS_OF}
  const abort = new AbortController(), asked = engine.samples(model, {{ seeds, signal: abort.signal }});
  abort.abort();
  return asked.catch((error) => {{ throw new Error(error.name); }});"""
AT_ONCE = f"""{SEEDS_OF}
  const labels = model.labels ? [0, 1] : undefined;
  const own = {{ latents: await engine.latents(model, seeds.slice(0, 2)), labels }};
  const asked = [...seeds.map((seed) => ({{ seeds: [seed] }})), own, own].map((one) => engine.samples(model, one));
  return {{ data: (await Promise.all(asked)).flatMap(({{ data }}) => [...data]) }};"""
OUTDATED = f"""{SEEDS_OF}
  const latents = await engine.latents(model, seeds), abort = new AbortController();
  const send = Worker.prototype.postMessage;
  let runs = 0;
  Worker.prototype.postMessage = function (message, ...more) {{
    runs += message.type === "run";
    return send.call(this, message, ...more);
  }};
  const asked = seeds.map(() => engine.samples(model, {{ latents, signal: abort.signal }}).catch(({{ name }}) => name));
  while (!runs) await new Promise((done) => setTimeout(done));
  abort.abort();
  const answers = await Promise.all(asked);
  Worker.prototype.postMessage = send;
  return {{ data: [runs, answers.filter((each) => each === "AbortError").length] }};"""
OF_LATENTS = "return engine.samples(model, { latents: Float32Array.from(given.latents, Number), ...given.more });"


class Host(SimpleHTTPRequestHandler):
    """Plain files, as any host of them sends, to pages of other places too."""

    def end_headers(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def log_message(self, *arguments: object) -> None:
        """Nothing: tests' output is for failures."""


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """The address of the folder, with a slash at its end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Host, directory=str(folder)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Visitor:
    """A page, and what its console says."""

    def __init__(self, browser: Any, address: str) -> None:
        self.page = browser.new_page()
        self.said: list[str] = []
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.goto(address)

    def ask(self, name: str, body: str, **given: Any) -> Any:
        answer = self.page.evaluate(ASK, [name, body, given])
        if "error" in answer:
            return answer["error"]
        return np.array([float(value) for value in answer["data"]])


def assert_same(found: Any, expected: np.ndarray) -> None:
    """To one grey level, or to 1e-4 for points."""
    assert not isinstance(found, str), found
    allowed = 1 if expected.dtype == np.uint8 else 1e-4
    assert float(np.abs(found.reshape(expected.shape) - expected).max()) <= allowed


def words(seeds: list[int]) -> list[str]:
    """JSON's numbers would be rounded."""
    return [str(seed) for seed in seeds]


def flip(path: Path) -> None:
    """One bit of the byte in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@contextmanager
def spoilt(site: Path, tmp_path: Path, file: str, spoil: Any) -> Iterator[str]:
    """The address of a copy of the site, one file of which was spoilt."""
    shutil.copytree(site, tmp_path / "spoilt")
    spoil(tmp_path / "spoilt" / file)
    with hosted(tmp_path / "spoilt") as address:
        yield f"{address}blank.html"


@contextmanager
def site_with_cdn(cdn: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a site that loads onnxruntime-web from another place, which stands for the CDN."""
    site = tmp_path / "site"
    write_site(site, [EXPORTED / "vanilla-mlp"])
    (site / "blank.html").write_text(BLANK, encoding="utf-8")
    with hosted(cdn.parents[2]) as elsewhere, hosted(site) as address:
        content = json.loads((site / "models.json").read_text(encoding="utf-8"))
        for file in (content["runtime"]["script"], content["runtime"]["wasm"]):
            assert file["url"].startswith(CDN)
            file["url"] = file["url"].replace("https://cdn.jsdelivr.net/", elsewhere)
        (site / "models.json").write_text(json.dumps(content), encoding="utf-8")
        yield f"{address}blank.html"
