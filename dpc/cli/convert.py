"""dpc convert frozen.pb model.pt: models from and to DeePMD-kit's formats."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "convert",
        help="convert a model file: .pb .pth .pt .dp .yaml to .pt .dp .yaml",
        description="Convert a model between file formats. What IN is, its content says; what OUT "
        "becomes, its suffix says: .pt (dpc's own), .dp or .yaml (DeePMD-kit 3.2). A folder with "
        "config.npy and weight.npy of NVNMD training becomes a program, .dpir. "
        "The numbers are copied bit for bit. DeePMD-kit and TensorFlow are not needed.",
    )
    parser.add_argument("input", metavar="IN", help="model file to read")
    parser.add_argument("output", metavar="OUT", help="model file to write")
    parser.add_argument("--head", default="", help="which model of a multi-task checkpoint")
    parser.add_argument("--force", action="store_true", help="replace OUT when it exists")


def run(args: argparse.Namespace) -> int:
    from dpc.errors import InputError
    from dpc.frontend.importers import read_model, write_model
    from dpc.frontend.importers.nvnmd import is_nvnmd

    # a training checkpoint of DeePMD-kit is a model.pt, too, and holds more than a model
    if Path(args.output).exists() and not args.force:
        raise InputError(f"{args.output} exists. Give another name, or --force to replace it")
    if is_nvnmd(Path(args.input)):
        return _nvnmd(Path(args.input), Path(args.output))
    model = read_model(args.input, args.head)
    write_model(model, args.output)
    numbers = sum(array.size for array in model.tensors.values())
    types = " ".join(model.config["type_map"])
    print(
        f"{args.output}: {model.config['descriptor']['type']}, types {types}, "
        f"rcut {model.config['descriptor']['rcut']} Å, {numbers} numbers"
    )
    return 0


def _nvnmd(source: Path, output: Path) -> int:
    """An NVNMD model has no file format of DeePMD-kit's: it becomes a program."""
    from dpc.compiler.programs import write_program
    from dpc.errors import UsageError
    from dpc.frontend.importers.nvnmd import read_nvnmd

    if output.suffix != ".dpir":
        raise UsageError(f"{output}: an NVNMD model becomes a program: give a name with .dpir")
    program = read_nvnmd(source)
    write_program(output, program)
    print(f"{output}: NVNMD, types {' '.join(program.facts.type_map)}, rcut {program.facts.rcut} Å")
    return 0
