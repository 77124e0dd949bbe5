"""What a person sees of a running training: progress, time left, current errors."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from dpc.frontend.training.tasks import Task

SOON = 1.0  # s between two updates of the line on a terminal


class Watch:
    """Prints a line on a terminal again and again, elsewhere one line for each row of errors."""

    wants_norm = False

    def __init__(self, steps: int, quiet: bool = False, stream: TextIO | None = None) -> None:
        self.steps, self.quiet = steps, quiet
        self.stream = stream or sys.stderr
        self.live = self.stream.isatty()
        self.seconds: dict[str, float] = {}
        self.first = 0
        self.begun = self.said = time.monotonic()
        self._text = ""

    def start(self, step: int) -> None:
        """The run begins, or goes on, at a step."""
        self.first, self.begun = step, time.monotonic()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time spent in a part of the step."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def stepped(
        self, step: int, task: Task, errors: Mapping[str, float], rate: float, norm: float
    ) -> None:
        """A step was taken."""
        now = time.monotonic()
        if self.live and not self.quiet and now - self.said > SOON:
            self.said = now
            self._line(f"{self._where(step)}  {described(errors)}")

    def row(
        self,
        step: int,
        task: Task,
        training: Mapping[str, float],
        validation: Mapping[str, float] | None,
        rate: float,
    ) -> None:
        """A row of the table was written."""
        if self.quiet:
            return
        name = f"{task.name}: " if task.name else ""
        text = f"{name}{self._where(step)}  {described(training)}"
        if validation:
            text += f"  validation {described(validation)}"
        if self.live:
            self._line("")
        print(text, file=self.stream, flush=True)

    def end(self) -> None:
        """The run is over."""
        if self.live and self._text:
            self._line("")

    def per_step(self, step: int) -> float:
        """Seconds a step has taken on average."""
        return (time.monotonic() - self.begun) / max(1, step - self.first)

    def _where(self, step: int) -> str:
        width = len(str(self.steps))
        if step <= self.first:
            return f"step {step:{width}d} of {self.steps}"
        each = self.per_step(step)
        left = duration(each * (self.steps - step))
        return f"step {step:{width}d} of {self.steps}  {each * 1e3:.0f} ms/step  {left} left"

    def _line(self, text: str) -> None:
        blank = " " * max(0, len(self._text) - len(text))
        self.stream.write(f"\r{text}{blank}" + ("\r" if not text else ""))
        self.stream.flush()
        self._text = text


def described(errors: Mapping[str, float]) -> str:
    """Errors by their short names: e 1.2e-03 f 4.5e-02."""
    parts = [
        f"{name.partition('_')[2]} {value:.2e}" for name, value in errors.items() if "_" in name
    ]
    return " ".join(parts)


def duration(seconds: float) -> str:
    """1:02:03, 2:03 or 12 s."""
    whole = int(seconds + 0.5)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
