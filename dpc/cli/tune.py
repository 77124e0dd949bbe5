"""dpc tune: cut the loops of the kernels as this machine likes them best."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dpc.backends.tvm.kernels.gradient import GradientSpec
    from dpc.backends.tvm.tuning import Tuning
    from dpc.targets import Target

PRECISIONS = {"f64": "float64", "f32": "float32"}
INPUTS, WIDTHS = 600, (240, 240, 240)
"""A fitting net as most models have it, after compression."""

CHECKS = 5  # measurements of the winner and of the default, in turn


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "tune", help="measure how kernels run best here; later compilations use it"
    )
    add = parser.add_argument
    add("package", nargs="?", type=Path, help="tune for its fitting net; default: a usual one")
    add("--target", default="cpu", help="of the compilations meant (default: %(default)s)")
    add("--precision", nargs="+", choices=PRECISIONS, default=["f64", "f32"], help="(f64 f32)")
    add("--seconds", type=float, default=50.0, help="stop after that (default: %(default)s)")
    add("--forget", action="store_true", help="go back to the defaults")


def run(args: argparse.Namespace) -> int:
    """Search, check the winner against the default, keep it if it is faster."""
    from dpc.backends.tvm import tuned
    from dpc.errors import InputError
    from dpc.targets import parse_target
    from dpc.targets.cpu import runs_here

    if args.forget:
        found = [
            tuned.forget(one, PRECISIONS[precision])
            for precision in args.precision
            for one in parse_target(args.target).levels
        ]
        print("back to the defaults" if any(found) else "nothing was tuned: these are the defaults")
        return 0
    levels = [one for one in parse_target(args.target).levels if runs_here(one)]
    if not levels:
        raise InputError(f"--target {args.target}: this machine cannot run its code")
    work = [(spec, one) for one in levels for spec in _specs(args, one)]
    for spec, target in work:
        _tune(spec, target, args.seconds / len(work))
    return 0


def _specs(args: argparse.Namespace, target: Target) -> list[GradientSpec]:
    """The largest fitting net of the package, or a usual one in each precision."""
    from dpc.backends.tvm.kernels.gradient import GradientSpec
    from dpc.backends.tvm.kernels.layer import Layer

    if args.package is not None:
        return [_of_package(args.package, target)]
    layers = (
        Layer(INPUTS, WIDTHS[0]),
        *(Layer(n, n, resnet="same", timestep=True) for n in WIDTHS[1:]),
        Layer(WIDTHS[-1], 1, "linear"),
    )
    return [GradientSpec("usual", layers, PRECISIONS[p]) for p in args.precision]


def _of_package(package: Path, target: Target) -> GradientSpec:
    from dpc.backends.cpu.build import backend
    from dpc.backends.tvm.kernels.gradient import GradientSpec
    from dpc.errors import InputError
    from dpc.package.read import open_package

    plan = backend.plan(open_package(package).program(), target)
    found = [one for one in plan.kernels if isinstance(one, GradientSpec)]
    if not found:
        raise InputError(f"{package}: has no fitting net to tune for")
    return max(found, key=lambda one: (one.vectors, one.pack_bytes()))


def _tune(spec: GradientSpec, target: Target, seconds: float) -> None:
    """Search for one kernel; say what was gained."""
    from dpc.backends.tvm import tuned
    from dpc.backends.tvm.search import Search
    from dpc.backends.tvm.timing import timer
    from dpc.backends.tvm.tuning import default_tuning

    print(f"{target}, {spec.dtype}: at most {seconds:.0f} s", file=sys.stderr)
    end = time.monotonic() + seconds

    def measure(tuning: Tuning, vectors: int) -> float:
        return timer(replace(spec, vectors=vectors), target, tuning)()

    def tell(tuning: Tuning, vectors: int, found: float) -> None:
        atoms = target.tile_atoms(spec.dtype, vectors)
        print(
            f"  {atoms:>3} atoms: {1e6 * found / atoms:6.2f} µs each  outputs {tuning.outputs}"
            f"  block {tuning.block_bytes}  unroll {tuning.unroll}  ahead {tuning.ahead}",
            file=sys.stderr,
        )

    default = default_tuning(target)
    best = Search(measure, default, tell, lambda: time.monotonic() < end).run(target)
    if best == default:
        print(f"{target}, {spec.dtype}: the default is the fastest")
        tuned.forget(target, spec.dtype)
        return
    runs = {one: timer(spec, target, one) for one in (default, best)}
    rounds = [{one: each() for one, each in runs.items()} for _ in range(CHECKS)]
    times = {one: min(found[one] for found in rounds) for one in runs}
    gain = times[default] / times[best]
    if gain < 1.01:
        print(f"{target}, {spec.dtype}: nothing is 1 % faster than the default")
        tuned.forget(target, spec.dtype)
        return
    tuned.save(target, spec.dtype, best, gain)
    print(
        f"{target}, {spec.dtype}: the fitting net is {100 * (gain - 1):.1f} % faster with outputs "
        f"{best.outputs}, block {best.block_bytes}, unroll {best.unroll}, ahead {best.ahead}; "
        "dpc compile will use it"
    )
