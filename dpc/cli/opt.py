"""dpc opt: run passes by hand, on a program's text, a package or a model."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dpc.ir.program import Program
    from dpc.passes.base import Pass


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("opt", help="run passes by hand on a .dpir, a package or a model")
    parser.add_argument(
        "path", metavar="FILE", help="a .dpir file, a package folder, or a model file"
    )
    parser.add_argument(
        "--passes", required=True, metavar="TEXT", help="such as 'tabulate{stride=0.02} fuse'"
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT.dpir", help="write here, numbers beside it; else print"
    )
    parser.add_argument(
        "--params", metavar="FILE", help="numbers of a .dpir; else the same name with .safetensors"
    )
    parser.add_argument("--data", metavar="SYSTEM", help="measure passes on this data folder")
    parser.add_argument(
        "--frames", type=int, default=2, metavar="N", help="frames to measure on  [%(default)s]"
    )
    parser.add_argument(
        "--print-after", metavar="PASS", help="print the program after a pass, or 'all'"
    )
    parser.add_argument("--save-temps", metavar="DIR", help="keep the program after every pass")


def run(args: argparse.Namespace) -> int:
    """Run the pipeline; reports go to stderr, one line for each pass."""
    from dpc.compiler.programs import read_program, write_program
    from dpc.compiler.samples import make_samples
    from dpc.compiler.stages import printer
    from dpc.errors import UsageError
    from dpc.ir.printer import to_text
    from dpc.passes.base import Context
    from dpc.passes.pipeline import Pipeline

    if args.output and Path(args.output).suffix != ".dpir":
        raise UsageError(f"-o {args.output}: the name of a program ends in .dpir")
    if args.frames < 0:
        raise UsageError(f"--frames {args.frames}: the number of frames cannot be negative")
    pipeline = Pipeline.parse(args.passes)
    printed = printer(args.print_after, pipeline)
    program = read_program(Path(args.path), args.params)
    temps = None if args.save_temps is None else Path(args.save_temps)

    def after(place: int, one: Pass, stage: Program) -> None:
        print(context.reports[-1].line(), file=sys.stderr)
        if temps is not None:
            write_program(temps / f"{place:02d}-{one.name}.dpir", stage)

    context = Context(samples=make_samples(program, args.data, args.frames), after=[after, printed])
    program = pipeline.run(program, context)
    if args.output:
        write_program(Path(args.output), program)
    elif args.print_after is None:
        print(to_text(program), end="")
    return 0
