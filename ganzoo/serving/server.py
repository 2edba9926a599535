"""The server that runs the application: uvicorn, on a socket of its own, patient but not for ever."""

import asyncio
import socket
from collections.abc import Callable
from ipaddress import ip_address

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from ganzoo.core.errors import GanzooError, UsageError
from ganzoo.serving.answers import problem
from ganzoo.serving.app import CLIENT_LEFT
from ganzoo.serving.guard import PATIENCE

BACKLOG = 2048  # connections that wait to be accepted
LARGEST_HEAD = 2**16  # bytes of a request before its body
LEAVING = 3  # seconds that requests have to end in when the server stops


class PatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 on one connection, which is closed where the head of a request does not arrive in time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.limit = self.loop.call_later(PATIENCE, transport.close)
        self.stuck = self.limit  # in place of what watches over writing
        self.head: int | None = 0  # bytes of a head that is not whole yet

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[CLIENT_LEFT] = self.transport.is_closing  # type: ignore[literal-required]
        self.limit.cancel()
        self.limit = self.loop.call_later(PATIENCE, self.transport.close)

    def data_received(self, data: bytes) -> None:
        if self.head is not None:
            self.head += len(data)
        super().data_received(data)
        if self.head is not None and self.head > LARGEST_HEAD and not self.transport.is_closing():
            self.refuse(431, f"The head of a request has {LARGEST_HEAD} bytes at most.")

    def on_headers_complete(self) -> None:
        self.limit.cancel()
        self.head = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.limit.cancel()
        self.head = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self.cycle.more_body:  # a body that nobody wanted may not come for ever
            self.limit = self.loop.call_later(PATIENCE, self.transport.close)
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.watch(self.transport.get_write_buffer_size())

    def watch(self, size: int) -> None:
        self.stuck = self.loop.call_later(PATIENCE, self.see, size)

    def see(self, before: int) -> None:
        """Who reads nothing of an answer for so long is not waited for, as the answer is held in memory."""
        size = self.transport.get_write_buffer_size()
        if size >= before:
            self.transport.abort()
        else:
            self.watch(size)

    def resume_writing(self) -> None:
        self.stuck.cancel()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self.limit.cancel()
        self.stuck.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self.refuse(400, "This is no HTTP request.")

    def refuse(self, status: int, sentence: str) -> None:
        answer = problem(status, sentence, {"Connection": "close"})
        head = b"".join(name + b": " + value + b"\r\n" for name, value in answer.raw_headers)
        self.transport.write(STATUS_LINE[status] + head + b"\r\n" + bytes(answer.body))
        self.transport.close()


def listen(host: str, port: int) -> socket.socket:
    """A socket of our own, so that a port that is taken is told in a sentence. Port 0 is any that is free.

    Raises UsageError where the address cannot be had.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (")[0]
        raise UsageError(f"Cannot listen at {host}, port {port}: {reason}; choose another with --port.") from error


class Server(uvicorn.Server):
    """Uvicorn, which says when it is ready: from then on Ctrl-C ends it in order."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], object]) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.ready()


def run(app: ASGIApp, listening: socket.socket, ready: Callable[[], object]) -> None:
    """Answer requests until Ctrl-C, or until the process is asked to end; `ready` is called once it does."""
    server = make_server(app, ready)
    server.run(sockets=[listening])
    if not server.started:
        raise GanzooError("The server did not start.")


def make_server(app: ASGIApp, ready: Callable[[], object]) -> Server:
    """HTTP/1.1 and nothing else; it says only what went wrong."""
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=LEAVING,
        backlog=BACKLOG,
    )
    return Server(config, ready)


def is_loopback(host: str) -> bool:
    """Whether only this machine can come in there."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
