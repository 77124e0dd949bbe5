"""A progress bar with the time that is left, on stderr; plain lines where it is no terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

WIDTH = 24


class Progress:
    """Says what is going on, and for how long: `left` is the forecast in seconds.

    Whoever measures makes a new forecast after each run, from what the runs before took.
    """

    def __init__(
        self,
        left: float,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stream = stream if stream is not None else sys.stderr
        self.clock, self.start = clock, clock()
        self.left = left
        self.terminal = self.stream.isatty()
        self.shown = 0

    def begin(self, what: str) -> None:
        """The next run."""
        if self.terminal:
            self._write(f"{self.bar()}  {what} …")

    def end(self, result: str, left: float) -> None:
        """That run is done; `result` stays on the screen."""
        self.left = left
        if self.terminal:
            self._write(result, keep=True)
            self._write(self.bar())
        else:
            print(f"[{self.summary()}] {result}", file=self.stream, flush=True)

    def close(self) -> None:
        """Clear the bar."""
        if self.terminal:
            self._write("")

    def percent(self) -> float:
        """Of the time that all takes."""
        spent = self.clock() - self.start
        whole = spent + self.left
        return 100 * spent / whole if whole > 0 else 100.0

    def summary(self) -> str:
        """50 %, 1:30 left"""
        return f"{self.percent():3.0f} %, {clock_text(self.left)} left"

    def bar(self) -> str:
        """[############            ]  50 %, 1:30 left"""
        full = round(WIDTH * self.percent() / 100)
        return f"[{'#' * full}{' ' * (WIDTH - full)}] {self.summary()}"

    def _write(self, text: str, keep: bool = False) -> None:
        blank = " " * max(0, self.shown - len(text))
        self.stream.write(f"\r{text}{blank}" + ("\n" if keep else ""))
        self.stream.flush()
        self.shown = 0 if keep else len(text)


def clock_text(seconds: float) -> str:
    """75 is 1:15, 3700 is 1:01:40."""
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{whole % 60:02d}"
    return f"{minutes}:{whole % 60:02d}"
