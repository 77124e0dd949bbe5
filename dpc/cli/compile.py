"""dpc compile: a model to a package."""

from __future__ import annotations

import argparse
import sys

PRECISIONS = ("f64", "f32", "mixed")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("compile", help="a trained model to a package for MD engines")
    parser.add_argument("model", metavar="MODEL", help="model.pt, .pth, .pb, .dp, .yaml or .dpir")
    parser.add_argument(
        "--target", default="cpu", help="cpu (this machine), cpu:x86-64-v3, …  [%(default)s]"
    )
    parser.add_argument("-o", "--output", metavar="NAME.dpc", help="default: MODEL's name + .dpc")
    parser.add_argument("--passes", metavar="TEXT", help="a pipeline instead of the target's own")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="number format of the nets: f64, f32, or mixed (f32 with hidden layers in bfloat16); "
        "sums are double in all  [f64]",
    )
    parser.add_argument(
        "--max-force-error",
        metavar="E",
        type=float,
        help="what compression may change forces by, eV/Å rms "
        "[1e-8 for f64, 1e-5 for f32, 1e-3 for mixed]",
    )
    parser.add_argument(
        "--data", metavar="SYSTEM", help="data folder on whose frames passes are measured"
    )
    parser.add_argument(
        "--flow",
        metavar="NAME",
        help="circuits: rtl, or hls: the fitting net also as projects of hls4ml, whose C++ is "
        "compared with the circuit's integers  [rtl]",
    )
    parser.add_argument("--save-temps", metavar="DIR", help="keep every stage: .dpir, plan.c, …")
    parser.add_argument(
        "--print-after", metavar="PASS", help="print the program after a pass, or 'all'"
    )
    parser.add_argument(
        "--report", action="store_true", help="print what each pass changed, and sizes"
    )


def run(args: argparse.Namespace) -> int:
    """Compile, say so."""
    from dpc.compiler.compile import compile_model
    from dpc.package.read import open_package
    from dpc.package.report import lines

    out = compile_model(
        args.model,
        target=args.target,
        out=args.output,
        passes=args.passes,
        precision=args.precision or "f64",
        max_force_error=args.max_force_error,
        data=args.data,
        save_temps=args.save_temps,
        print_after=args.print_after,
        flow=args.flow,
        say=lambda line: print(line, file=sys.stderr),
    )
    if args.report:
        print("\n".join(lines(open_package(out))))
    print(out)
    return 0
