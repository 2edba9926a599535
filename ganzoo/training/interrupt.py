"""Ctrl-C that loses nothing."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible(*, patient: bool = False) -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or termination request sets; the second stops at once.

    A `patient` process only ever waits for the event to be noticed: torchrun passes on what the terminal has sent
    already, and kills what does not end in time. Signals reach the main thread alone; in any other the event stays
    unset.
    """
    requested = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield requested
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if requested.is_set() and not patient:
            raise KeyboardInterrupt
        requested.set()

    before = [signal.signal(number, ask) for number in SIGNALS]
    try:
        yield requested
    finally:
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)
