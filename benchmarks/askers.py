"""Many clients at once, as one process that costs the server little: `python -m benchmarks.askers PORT PATH BODY N M`.

N connections ask again and again, M times in all, each with seeds of its own, by HTTP/1.1 over TCP. The last line says
in JSON how long it took, the status and the seconds of every answer.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any

import uvloop

END = b"\r\n\r\n"
LENGTH = b"content-length:"


@dataclass
class Answers:
    """What came back."""

    statuses: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class Asker(asyncio.Protocol):
    """One connection, with one request under way at a time."""

    def __init__(self, requests: Iterator[bytes], answers: Answers, over: "asyncio.Future[None]") -> None:
        self.requests, self.answers, self.over = requests, answers, over

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.ask()

    def ask(self) -> None:
        """The next request; the connection ends where there is none."""
        self.received, self.size = bytearray(), 0
        request = next(self.requests, None)
        if request is None:
            self.transport.close()
            return
        self.began = perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.received += data
        if not self.size:
            head = self.received.find(END)
            if head < 0:
                return
            lines = bytes(self.received[:head]).lower().split(b"\r\n")
            length = next(int(line[len(LENGTH) :]) for line in lines if line.startswith(LENGTH))
            self.size = head + len(END) + length
        if len(self.received) >= self.size:
            self.answers.statuses.append(int(self.received[9:12]))
            self.answers.seconds.append(perf_counter() - self.began)
            self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_result(None)


def requests(path: str, body: dict[str, Any], count: int) -> Iterator[bytes]:
    """`count` of them; each one's seeds follow the one's before."""
    for number in range(count):
        content = json.dumps(body | {"seed": number * body["count"]}).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        head += f"Content-Length: {len(content)}"
        yield head.encode() + END + content


async def main(port: int, path: str, body: dict[str, Any], connections: int, count: int) -> None:
    loop, answers, asked = asyncio.get_running_loop(), Answers(), requests(path, body, count)
    ends = [loop.create_future() for _ in range(connections)]
    began = perf_counter()
    for end in ends:
        await loop.create_connection(partial(Asker, asked, answers, end), "127.0.0.1", port)
    await asyncio.gather(*ends)
    took = perf_counter() - began
    print(json.dumps({"took": took, "statuses": answers.statuses, "seconds": answers.seconds}))


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])))
