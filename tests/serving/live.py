"""A server that runs beside the test, and a client of it."""

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np

from ganzoo.serving.app import make_app
from ganzoo.serving.models import Model
from ganzoo.serving.server import listen, make_server

EXPORTED = Path(__file__).parents[2] / "exported_models"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def array(self) -> np.ndarray:
        return np.load(BytesIO(self.body), allow_pickle=False)

    @property
    def detail(self) -> str:
        """Of a problem, which has all that RFC 9457 wants of it."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.json["status"] == self.status
        assert set(self.json) == {"type", "title", "status", "detail"}
        return str(self.json["detail"])


@dataclass(frozen=True)
class Live:
    port: int

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request on a connection of its own; `content_type="…"` is the header Content-Type."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, wanted: Any, **headers: str) -> Answer:
        """JSON; bytes are sent as they are."""
        body = wanted if isinstance(wanted, bytes) else json.dumps(wanted).encode()
        return self.ask("POST", path, body, content_type="application/json", **headers)

    def samples(self, model: str, **wanted: Any) -> Answer:
        return self.post(f"/v1/models/{model}/samples", wanted)


@contextmanager
def served(models: Mapping[str, Model], **options: Any) -> Iterator[Live]:
    """A server on a free port, in a thread."""
    with listen("127.0.0.1", 0) as listening:
        ready = Event()
        server = make_server(make_app(models, **options), ready.set)
        thread = Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        assert ready.wait(10)
        try:
            yield Live(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()
