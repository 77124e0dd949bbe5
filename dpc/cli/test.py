"""dpc test MODEL -s DATA: errors of a model or package against labelled data."""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpc.errors import InputError, UsageError

if TYPE_CHECKING:
    from dpc.data.system import System

QUIET = 2.0  # s without a word; after that, progress on stderr


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "test",
        help="errors of a model or package against labelled data",
        description="Mean absolute and root mean square errors of energy, force and virial "
        "against a data folder of DeePMD-kit, as `dp test` gives them.",
    )
    parser.add_argument(
        "model", metavar="MODEL", type=Path, help="a model file or a compiled package (.dpc)"
    )
    parser.add_argument(
        "-s",
        "--system",
        type=Path,
        required=True,
        metavar="DATA",
        help="a data folder, or a folder of data folders",
    )
    parser.add_argument(
        "-n",
        "--frames",
        type=int,
        default=0,
        metavar="N",
        help="at most N frames of each data folder (default: all)",
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate every frame; print one line for each quantity."""
    from dpc.data.accuracy import Accuracy
    from dpc.data.system import find_systems

    if args.frames < 0:
        raise UsageError(f"-n {args.frames}: the number of frames cannot be negative")
    model = _open(args.model)
    systems = find_systems(args.system)
    counts = [min(len(s), args.frames or len(s)) for s in systems]
    if not sum(counts):
        raise InputError(f"{args.system}: there are no frames in coord.npy")
    progress = _Progress(sum(counts))
    total = Accuracy()
    for system, count in zip(systems, counts, strict=True):
        own = Accuracy()
        frames = itertools.islice(system.frames(model.type_map, *_parameters(model, system)), count)
        for frame, labels in progress.over(frames):
            try:
                found = model.evaluate(
                    frame.coord, frame.atype, frame.cell, fparam=frame.fparam, aparam=frame.aparam
                )
            except InputError as error:
                where = f"{system.path}, frame {own.frames} (counted from 0)"
                raise InputError(f"{where}: {error}") from error
            own.add(found, labels, len(frame.atype))
            total.add(found, labels, len(frame.atype))
        if len(systems) > 1:
            _print(f"{system.path}: {own.frames} frames", own)
    progress.done()
    what = f"{len(systems)} systems, " if len(systems) > 1 else ""
    _print(f"{args.model} on {args.system}: {what}{total.frames} frames", total)
    return 0


def _open(path: Path) -> Any:
    """A model or a package: both have type_map and evaluate."""
    if path.is_dir():
        from dpc.md import Potential

        return Potential(path)
    if not path.exists():
        raise InputError(f"{path}: no such file. Expected a model file or a compiled package")
    from dpc.frontend import load_model

    return load_model(path)


def _parameters(model: Any, system: System) -> tuple[int, int]:
    """Numbers of frame and atomic parameters to read from the data."""
    fparam, aparam = model.facts.fparam, model.facts.aparam
    has_default = getattr(model, "default_fparam", None) is not None
    return 0 if has_default and not system.has("fparam") else fparam, aparam


def _print(title: str, accuracy: Any) -> None:
    print(title)
    for line in accuracy.lines() or ["no labels: the data have no energy, force or virial"]:
        print(f"  {line}")


class _Progress:
    """One line on stderr that counts frames, once the command has been silent for a while."""

    def __init__(self, total: int) -> None:
        self.total, self.count = total, 0
        self.start = self.said = time.monotonic()
        self.spoke = False

    def over(self, frames: Iterator[Any]) -> Iterator[Any]:
        """The frames, counted as they pass."""
        for frame in frames:
            yield frame
            self.count += 1
            now = time.monotonic()
            if now - self.said > QUIET / 4 and now - self.start > QUIET:
                left = (now - self.start) / self.count * (self.total - self.count)
                text = f"\r{self.count} of {self.total} frames, about {left:.0f} s left "
                print(text, end="", file=sys.stderr, flush=True)
                self.said, self.spoke = now, True

    def done(self) -> None:
        """End the line."""
        if self.spoke:
            print(file=sys.stderr)
