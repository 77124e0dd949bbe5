"""What a compile tells and keeps of its stages: times, programs, files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dpc.errors import UsageError, did_you_mean
from dpc.ir.printer import to_text
from dpc.ir.program import Program
from dpc.passes.base import Pass
from dpc.passes.pipeline import Pipeline

Say = Callable[[str], None]
After = Callable[[int, Pass, Program], None]
"""Called after every pass: its place in the pipeline, the pass, its program."""


class Steps:
    """Says how long each step took."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.start = time.perf_counter()

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """One step."""
        start = time.perf_counter()
        yield
        self.say(f"{what:<28} {time.perf_counter() - start:6.2f} s")

    def total(self) -> float:
        """Seconds since the beginning."""
        return time.perf_counter() - self.start


class Temps:
    """The folder of --save-temps; without one nothing is kept."""

    def __init__(self, folder: str | Path | None) -> None:
        self.folder = None if folder is None else Path(folder)

    def save(self, name: str, content: bytes | str) -> None:
        if self.folder is None:
            return
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def after(self, place: int, one: Pass, program: Program) -> None:
        if self.folder is not None:
            self.save(f"{place:02d}-{one.name}.dpir", to_text(program))


def printer(wanted: str | None, pipeline: Pipeline) -> After:
    """Prints the program after the pass of that name, or after every pass for "all"."""
    names = [one.name for one in pipeline.passes]
    if wanted is not None and wanted not in ("all", *names):
        raise UsageError(
            f"--print-after {wanted}: the pipeline has no such pass.{did_you_mean(wanted, names)} "
            f"It has {' '.join(names)}"
        )

    def after(place: int, one: Pass, program: Program) -> None:
        if wanted in ("all", one.name):
            print(f"// after pass {place}, {one}\n{to_text(program)}")

    return after
