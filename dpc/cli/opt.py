"""dpc opt: run passes by hand, on a program's text, a package or a model."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dpc.ir.program import Program
    from dpc.passes.base import Pass
    from dpc.passes.pipeline import Pipeline
    from dpc.passes.samples import Sample

SUFFIX = ".safetensors"


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
        "--params", metavar="FILE", help=f"numbers of a .dpir; else the same name with {SUFFIX}"
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
    from dpc.errors import UsageError
    from dpc.ir.printer import to_text
    from dpc.passes.base import Context
    from dpc.passes.pipeline import Pipeline

    if args.output and Path(args.output).suffix != ".dpir":
        raise UsageError(f"-o {args.output}: the name of a program ends in .dpir")
    if args.frames < 0:
        raise UsageError(f"--frames {args.frames}: the number of frames cannot be negative")
    pipeline = Pipeline.parse(args.passes)
    _check_print_after(args.print_after, pipeline)
    program = read_program(Path(args.path), args.params)
    temps = None if args.save_temps is None else Path(args.save_temps)

    def after(place: int, one: Pass, stage: Program) -> None:
        print(context.reports[-1].line(), file=sys.stderr)
        if args.print_after in ("all", one.name):
            print(f"// after pass {place}, {one}\n{to_text(stage)}")
        if temps is not None:
            write_program(temps / f"{place:02d}-{one.name}.dpir", stage)

    context = Context(samples=make_samples(program, args.data, args.frames), after=[after])
    program = pipeline.run(program, context)
    if args.output:
        write_program(Path(args.output), program)
    elif args.print_after is None:
        print(to_text(program), end="")
    return 0


def _check_print_after(wanted: str | None, pipeline: Pipeline) -> None:
    from dpc.errors import UsageError, did_you_mean

    names = [one.name for one in pipeline.passes]
    if wanted is not None and wanted not in ("all", *names):
        raise UsageError(
            f"--print-after {wanted}: the pipeline has no such pass.{did_you_mean(wanted, names)} "
            f"It has {' '.join(names)}"
        )


def read_program(path: Path, params: str | None = None) -> Program:
    """A program from its text, a package folder or a model file."""
    from dpc.errors import InputError

    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_dir():
        from dpc.package.read import open_package

        return open_package(path).program()
    if path.suffix != ".dpir":
        from dpc.frontend import load_model

        return load_model(path).lower()
    return read_text(path, params)


def read_text(path: Path, params: str | Path | None = None) -> Program:
    """A printed program, with the numbers in `params`.

    By default these are in the file of the same name beside it, or for the program of a package
    in that package's params.safetensors. Without any it is a program without numbers.
    """
    from dpc.errors import GraphError, InputError
    from dpc.ir.parser import parse
    from dpc.ir.verify import verify
    from dpc.package.read import PARAMS, PROGRAM

    numbers = path.with_suffix(SUFFIX)
    if params is not None:
        numbers = Path(params)
        if not numbers.is_file():
            raise InputError(f"{numbers}: no such file. Expected the numbers of {path}")
    elif path.name == PROGRAM:
        numbers = path.with_name(PARAMS)
    store = read_numbers(numbers) if numbers.is_file() else None
    try:
        return verify(parse(path.read_text(encoding="utf-8"), store, str(path)))
    except UnicodeDecodeError:
        raise InputError(f"{path}: not the text of a program: it is not UTF-8") from None
    except GraphError as error:
        raise GraphError(f"{path}: {error}") from None


def read_numbers(path: Path) -> Mapping[str, Any]:
    """The tensors of a params.safetensors."""
    from dpc.package import packed, safetensors

    return packed.unpack(*safetensors.load(path.read_bytes(), str(path)))


def write_program(path: Path, program: Program) -> None:
    """The text, and the numbers beside it."""
    from dpc.errors import InputError
    from dpc.ir.printer import to_text
    from dpc.package import safetensors

    files = {path: to_text(program).encode()}
    if len(program.store):
        files[path.with_suffix(SUFFIX)] = safetensors.save(dict(program.store))
    partial = {file: file.with_name(f".{file.name}.{os.getpid()}") for file in files}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            for file, content in files.items():
                partial[file].write_bytes(content)
            for file in files:
                partial[file].replace(file)
        finally:
            for file in partial.values():
                file.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error


def make_samples(program: Program, data: str | None, count: int) -> list[Sample]:
    """Frames to measure on: of a data folder, or made. A program without numbers has none."""
    from itertools import islice

    from dpc.data.frames import make_frames
    from dpc.data.inputs import graph_inputs
    from dpc.data.system import find_systems
    from dpc.passes.samples import Sample

    facts = program.facts
    if count < 1 or not len(program.store):
        return []
    if data is None:
        frames = make_frames(facts, count=count, min_distance=facts.min_nbor_dist)
    else:
        every = (
            frame
            for system in find_systems(data)
            for frame, _ in system.frames(facts.type_map, facts.fparam, facts.aparam)
        )
        frames = list(islice(every, count))
    return [
        Sample(*graph_inputs(facts, f.coord, f.atype, f.cell, f.fparam, f.aparam)) for f in frames
    ]
