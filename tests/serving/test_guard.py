"""Tokens, bodies that are slow or large, clients that leave, and what browsers are told."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
from live import Live, served

from ganzoo.serving import app, guard, server
from ganzoo.serving.models import Model

HEAD = "POST /v1/models/vanilla-mlp/samples HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def guarded(models: dict[str, Model]) -> Iterator[Live]:
    with served(models, token="a secret") as live:
        yield live


@pytest.fixture
def impatient(models: dict[str, Model], monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """A server that waits for half a second."""
    monkeypatch.setattr(guard, "PATIENCE", 0.5)
    monkeypatch.setattr(server, "PATIENCE", 0.5)
    with served(models) as live:
        yield live


def talk(live: Live, *parts: bytes, pause: float = 0.0) -> bytes:
    """All that the server answers until it closes the connection."""
    with closing(socket.create_connection(("127.0.0.1", live.port), timeout=10)) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        answer = b""
        while received := connection.recv(65536):
            answer += received
        return answer


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/models/acgan", "/v1/models/acgan/preview", "/metrics", "/v1/nothing"]
)
def test_models_are_behind_the_token(guarded: Live, path: str) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer another"},
        {"Authorization": "a secret"},
        {"Authorization": "Bearer "},
    ):
        answer = guarded.get(path, **headers)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert "asks for a token" in answer.detail
    assert guarded.get(path, Authorization="Bearer a secret").status in (200, 404)


def test_drawing_is_behind_the_token(guarded: Live) -> None:
    assert guarded.samples("vanilla-mlp").status == 401
    answer = guarded.post("/v1/models/vanilla-mlp/samples", {"count": 1}, Authorization="Bearer a secret")
    assert answer.status == 200


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/docs", "/openapi.json", "/health"])
def test_the_page_asks_for_the_token_itself(guarded: Live, path: str) -> None:
    assert guarded.get(path).status == 200


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/docs", "/v1/models", "/nothing"])
def test_browsers_are_told_to_run_nothing_from_elsewhere(live: Live, path: str) -> None:
    headers = live.get(path).headers

    assert "script-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


def test_a_page_that_is_cached_is_asked_for_again_and_not_sent_again(live: Live) -> None:
    answer = live.get("/page/main.js")
    again = live.get("/page/main.js", If_None_Match=answer.headers["etag"])

    assert answer.headers["cache-control"] == "no-cache"
    assert (again.status, again.body) == (304, b"")


def test_a_body_that_does_not_come_ends_in_408(impatient: Live) -> None:
    began = time.monotonic()

    answer = talk(impatient, f'{HEAD}Content-Length: 20\r\n\r\n{{"count"'.encode())

    assert answer.startswith(b"HTTP/1.1 408")
    assert b"did not arrive within 0.5 s" in answer
    assert time.monotonic() - began < 5


def test_a_body_in_drops_is_bounded_as_a_whole(impatient: Live) -> None:
    with pytest.raises((ConnectionError, BrokenPipeError)):  # it is closed while the client still writes
        talk(impatient, f"{HEAD}Content-Length: 100\r\n\r\n".encode(), *[b" "] * 40, pause=0.1)


@pytest.mark.parametrize("beginning", [b"", b"POST /v1/mod", HEAD.encode()])
def test_a_head_that_does_not_come_ends_the_connection(impatient: Live, beginning: bytes) -> None:
    began = time.monotonic()

    assert talk(impatient, beginning) == b""
    assert 0.4 < time.monotonic() - began < 5


def test_a_second_head_that_does_not_come_ends_the_connection(impatient: Live) -> None:
    whole = f"{HEAD}Content-Length: 2\r\n\r\n{{}}".encode()

    assert talk(impatient, whole + b"POST /v1").count(b"HTTP/1.1 200") == 1


def test_a_large_body_is_refused_before_it_is_whole(live: Live) -> None:
    answer = live.post("/v1/models/vanilla-mlp/samples", b" " * (guard.LARGEST_BODY + 1))

    assert answer.status == 413
    assert "4194304 bytes" in answer.detail


def test_what_is_no_http_is_told_so(live: Live) -> None:
    answer = talk(live, b"\x16\x03\x01 hello\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400")
    assert b"This is no HTTP request." in answer


def test_for_clients_that_leave_hardly_anything_is_drawn(models: dict[str, Model]) -> None:
    """What is being drawn is drawn to its end; what waits for those who left is not."""
    body = b'{"count": 256}'
    whole = HEAD.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with served(models) as live:
        for rest in (whole, HEAD.encode() + b"Content-Length: 100\r\n\r\n{"):
            for _ in range(40):
                with closing(socket.create_connection(("127.0.0.1", live.port))) as connection:
                    connection.sendall(rest)
        assert live.samples("vanilla-mlp", count=3).status == 200
        counted = live.get("/metrics").body.decode()

    (drawn,) = re.findall(r'^ganzoo_samples_total\{model="vanilla-mlp"\} (.*)$', counted, re.MULTILINE)
    assert float(drawn) < 20 * 256


def test_a_head_without_end_is_refused(live: Live) -> None:
    answer = talk(live, b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (server.LARGEST_HEAD + 1))

    assert answer.startswith(b"HTTP/1.1 431")
    assert b"65536 bytes at most" in answer


def test_a_body_that_nobody_wants_ends_the_connection(impatient: Live) -> None:
    head = b"POST /v1/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"

    answer = talk(impatient, head)

    assert answer.startswith(b"HTTP/1.1 404")


def test_who_reads_nothing_of_an_answer_is_not_waited_for(impatient: Live) -> None:
    body = b'{"count": 256, "format": "npy"}'
    asked = f"{HEAD}Content-Length: {len(body)}\r\n\r\n".replace("vanilla-mlp", "acgan").encode() + body
    with closing(socket.socket()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", impatient.port))
        connection.settimeout(10)
        connection.sendall(asked * 100)  # 20 MB of answers, more than the system holds for it
        time.sleep(2)
        received = 0
        with suppress(ConnectionError):
            while part := connection.recv(65536):
                received += len(part)

    assert received < 100 * 256 * 28 * 28


def test_what_fails_unforeseen_is_counted_and_told_without_its_reason(
    models: dict[str, Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise ZeroDivisionError("a secret of the server")

    monkeypatch.setattr(app, "order_of", fail)
    with served(models) as live:
        answer = live.samples("vanilla-mlp")
        counted = live.get("/metrics").body.decode()

    assert (answer.status, answer.detail) == (500, "Something is wrong in the server.")
    assert "script-src" in answer.headers["content-security-policy"]
    assert 'ganzoo_requests_total{model="vanilla-mlp",status="500"} 1.0' in counted


def test_two_requests_on_one_connection_are_answered_in_order(live: Live) -> None:
    first, second = (b'{"count": 1, "format": "json", "seed": %d}' % seed for seed in (1, 2))
    head = HEAD.encode() + b"Content-Length: %d\r\n" % len(first)

    answer = talk(live, head + b"\r\n" + first + head + b"Connection: close\r\n\r\n" + second)

    assert answer.index(b'"seeds":[1]') < answer.index(b'"seeds":[2]')


def test_only_named_sites_may_ask_from_their_pages(models: dict[str, Model]) -> None:
    with served(models, token="t", origins=["https://app.example"]) as live:
        asking = {
            "Access_Control_Request_Method": "POST",
            "Access_Control_Request_Headers": "authorization,content-type",
        }
        allowed = live.ask("OPTIONS", "/v1/models/acgan/samples", Origin="https://app.example", **asking)
        refused = live.ask("OPTIONS", "/v1/models/acgan/samples", Origin="https://other.example", **asking)
        answer = live.get("/v1/models", Origin="https://app.example", Authorization="Bearer t")

    assert allowed.status == 200
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-origin" not in refused.headers
    assert answer.headers["access-control-allow-origin"] == "https://app.example"


def test_requests_are_counted_by_model_and_status(models: dict[str, Model]) -> None:
    with served(models) as live:
        for wanted in ({"count": 3}, {"count": 4}, {"count": 0}):
            live.samples("vanilla-mlp", **wanted)
        live.get("/v1/models/invented")
        counted = live.get("/metrics")

    lines = set(counted.body.decode().splitlines())
    assert counted.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert {
        'ganzoo_requests_total{model="vanilla-mlp",status="200"} 2.0',
        'ganzoo_requests_total{model="vanilla-mlp",status="422"} 1.0',
        'ganzoo_samples_total{model="vanilla-mlp"} 7.0',
        "ganzoo_waiting_samples 0.0",
    } <= lines
    assert "invented" not in counted.body.decode()
