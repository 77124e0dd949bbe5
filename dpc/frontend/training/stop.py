"""Signals that ask a training to save and leave."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType


class StopRequest:
    """SIGTERM (cluster queues), SIGHUP, SIGUSR1, Ctrl-C set `asked`; a second Ctrl-C interrupts."""

    SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGINT)

    def __init__(self) -> None:
        self.asked = False
        self.number = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopRequest:
        try:
            for one in self.SIGNALS:
                self._before[one] = signal.signal(one, self._note)
        except ValueError:  # not the main thread: somebody else handles signals
            pass
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)  # type: ignore[arg-type]

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt(number)
        self.asked, self.number = True, number
