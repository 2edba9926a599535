"""Several processes that play one game: forked, so that torch is imported once, and joined as torchrun joins them."""

import multiprocessing
import os
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

Work = Callable[[int], Any]  # given the rank; what it returns must be picklable


def crowd(count: int, work: Work, seconds: float = 60) -> list[Any]:
    """What `work` returns in each of `count` processes, by rank; an exception is returned as its type and its text."""
    context = multiprocessing.get_context("fork")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pipes = [context.Pipe(duplex=False) for _ in range(count)]
    workers = [
        context.Process(target=one_of, args=(rank, count, port, work, pipes[rank][1]), daemon=True)
        for rank in range(count)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(seconds)
    for worker in workers:
        worker.kill()
    return [receive.recv() if receive.poll() else None for receive, _ in pipes]


def one_of(rank: int, count: int, port: int, work: Work, pipe: Any) -> None:
    os.environ |= {
        "RANK": str(rank),
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "GLOO_SOCKET_IFNAME": "lo",
    }
    try:
        pipe.send(work(rank))
    except Exception as error:  # noqa: BLE001 - the test looks at it
        traceback.print_exc()
        pipe.send((type(error).__name__, str(error)))
    os._exit(0)  # no clean-up of what belongs to the parent


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
