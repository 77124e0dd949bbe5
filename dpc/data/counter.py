"""A line on stderr that counts what is done, once a command has been silent for a while."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

QUIET = 2.0  # s without a word

T = TypeVar("T")


class Counter:
    """Counts to `total` (0: not known); `words` name what is counted, for example frames."""

    def __init__(self, total: int, words: str = "frames") -> None:
        self.total, self.words, self.count = total, words, 0
        self.start = self.said = time.monotonic()
        self.spoke = False

    def over(self, items: Iterable[T]) -> Iterator[T]:
        """The items, counted as they pass."""
        for item in items:
            yield item
            self.step()

    def step(self) -> None:
        """One more."""
        self.count += 1
        now = time.monotonic()
        if now - self.said > QUIET / 4 and now - self.start > QUIET:
            left = (now - self.start) / self.count * (self.total - self.count)
            text = f"{self.count} of {self.total} {self.words}, about {left:.0f} s left "
            text = text if self.total else f"{self.count} {self.words} "
            print(f"\r{text}", end="", file=sys.stderr, flush=True)
            self.said, self.spoke = now, True

    def done(self) -> None:
        """End the line."""
        if self.spoke:
            print(file=sys.stderr)
