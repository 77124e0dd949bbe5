"""dpc export: a model as an ONNX file, for programs that are not dpc."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dpc.backends.onnx.library import onnx


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "export",
        help="a model as an ONNX file: energy, force, virial",
        description="Write a model as ONNX: standard ops, float64, any number of atoms. Inputs "
        "are coord, atype and nlist; outputs atom_energy, force, virial and atom_virial. "
        "docs/howto/onnx.md tells how to call it.",
    )
    parser.add_argument("model", metavar="MODEL", help="model.pt, .pth, .pb, .dp, .yaml or .dpir")
    parser.add_argument("-o", "--output", metavar="OUT.onnx", help="default: MODEL's name + .onnx")
    parser.add_argument(
        "--fitting",
        metavar="TYPE",
        help="only the fitting net of this type of atom: descriptor in, energy out",
    )
    parser.add_argument("--passes", metavar="TEXT", help="a pipeline instead of ONNX's own")


def run(args: argparse.Namespace) -> int:
    """Export, say so."""
    out = export_model(args.model, args.output, fitting=args.fitting, passes=args.passes)
    print(out)
    return 0


def export_model(
    model: str | Path,
    out: str | Path | None = None,
    *,
    fitting: str | None = None,
    passes: str | None = None,
) -> Path:
    """Export a model file; with `fitting` only that type's net. The path of the ONNX file."""
    from dpc.backends.onnx.fitting import export_fitting
    from dpc.backends.onnx.model import to_onnx
    from dpc.compiler.programs import lower
    from dpc.errors import InputError, UsageError
    from dpc.passes.pipeline import Pipeline
    from dpc.passes.pipelines import default_pipeline

    path = Path(model)
    if path.is_dir():
        raise InputError(f"{path}: a folder. Export the model file that the package was made of")
    destination = Path(path.with_suffix(".onnx").name if out is None else out)
    if destination.suffix != ".onnx":
        raise UsageError(f"-o {destination}: the name of an ONNX file ends in .onnx")
    if destination.is_dir() or not destination.absolute().parent.is_dir():
        raise InputError(f"{destination}: cannot be written: expected a file in an existing folder")
    pipeline = Pipeline.parse(default_pipeline("onnx") if passes is None else passes)
    program = pipeline.run(lower(path)[0])
    made = to_onnx(program) if fitting is None else export_fitting(program, fitting)
    _write(destination, made)
    return destination


def _write(path: Path, model: onnx.ModelProto) -> None:
    """All of it or nothing."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(model.SerializeToString(deterministic=True))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
