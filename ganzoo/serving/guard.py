"""What stands before every request: a token where one is asked for, bounds for bodies, and what browsers may do."""

import asyncio
import time
from collections.abc import Container
from secrets import compare_digest

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
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
    """ASGI middleware that asks for the token, adds headers, and counts what is asked of models."""

    def __init__(self, app: ASGIApp, token: str | None, models: Container[str], counters: Counters) -> None:
        self.app = app
        self.expected = None if token is None else f"Bearer {token}".encode()
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

        if self.may_pass(scope):
            await self.app(scope, receive, guarded)
        else:
            refusal = problem(
                401, "This server asks for a token: `Authorization: Bearer TOKEN`.", {"WWW-Authenticate": "Bearer"}
            )
            await refusal(scope, receive, guarded)

    def may_pass(self, scope: Scope) -> bool:
        if self.expected is None or not scope["path"].startswith(BEHIND_TOKEN):
            return True
        given = Headers(scope=scope).get("authorization", "")
        return compare_digest(given.encode("latin-1"), self.expected)


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
