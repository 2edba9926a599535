"""What stands before every request: a token where one is asked for, bounds for bodies, and what browsers may do."""

import asyncio
import time
from collections.abc import Container, Sequence
from functools import lru_cache
from secrets import compare_digest
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ganzoo.serving.answers import problem
from ganzoo.serving.counters import Counters

LARGEST_BODY = 2**22  # bytes; 256 latents of 512 numbers, as text, are 2.7 million
PATIENCE = 10.0  # seconds for a whole body to arrive
BEHIND_TOKEN = ("/v1/", "/metrics")
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-cache",  # a newer ganzoo brings a newer page, whose parts must not be mixed with older ones
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
RAW_HEADERS = [(name.encode(), value.encode()) for name, value in HEADERS.items()]


class Guard:
    """ASGI middleware that asks for the token, adds headers, and counts what is asked of models.

    Without `hosts` it answers to every name. With them, a page from elsewhere cannot reach it by giving its own name
    this machine's address (DNS rebinding).
    """

    def __init__(
        self, app: ASGIApp, token: str | None, hosts: Sequence[str], models: Container[str], counters: Counters
    ) -> None:
        self.app = app
        self.expected = None if token is None else f"Bearer {token}".encode()
        self.hosts = hosts
        self.models = models
        self.counters = counters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *RAW_HEADERS]
                name = scope.get("path_params", {}).get("name")
                if name in self.models:
                    self.counters.answered(name, message["status"], time.perf_counter() - began)
            await send(message)

        await (self.refusal(scope) or self.app)(scope, receive, guarded)

    def refusal(self, scope: Scope) -> Response | None:
        """Why a request is not let in; None where it is."""
        headers = dict(scope["headers"])
        if self.hosts and name_of(headers.get(b"host", b"")) not in self.hosts:
            names = ", ".join(self.hosts)
            return problem(421, f"This server answers to {names} alone; --token or --public lets other names in.")
        if self.expected is None or not scope["path"].startswith(BEHIND_TOKEN):
            return None
        if compare_digest(headers.get(b"authorization", b""), self.expected):
            return None
        asked = "This server asks for a token: `Authorization: Bearer TOKEN`."
        return problem(401, asked, {"WWW-Authenticate": "Bearer"})


@lru_cache(maxsize=64)  # of all that a request costs here this would be a tenth
def name_of(host: bytes) -> str | None:
    """The header's name, in small letters, without the port and without the brackets of IPv6."""
    try:
        return urlsplit(f"//{host.decode('latin-1')}").hostname
    except ValueError:
        return None


async def body_of(request: Request) -> bytes:
    """The body of a request with JSON. Raises HTTPException where it is none, too large, or too slow in coming."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "Send JSON, with the header `Content-Type: application/json`.")
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for part in request.stream():
                body += part
                if len(body) > LARGEST_BODY:
                    raise HTTPException(413, f"A body has {LARGEST_BODY} bytes at most; ask for less at a time.", CLOSE)
    except TimeoutError as error:
        raise HTTPException(408, f"The body did not arrive within {PATIENCE:g} s; send it again.", CLOSE) from error
    except ClientDisconnect as error:
        raise HTTPException(400, "The client left before its request was whole.") from error
    return bytes(body)


CLOSE = {"Connection": "close"}  # what is still to come of the body is not for the next request
