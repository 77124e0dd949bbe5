"""dpc compile: a model to a package."""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dpc

if TYPE_CHECKING:
    from dpc.cost.ledger import Ledger
    from dpc.frontend import Model
    from dpc.ir.program import Program
    from dpc.passes.base import Context, Pass
    from dpc.passes.samples import Sample
    from dpc.targets import Target

Say = Callable[[str], None]

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
    parser.add_argument("--save-temps", metavar="DIR", help="keep every stage: .dpir, plan.c, …")
    parser.add_argument(
        "--print-after", metavar="PASS", help="print the program after a pass, or 'all'"
    )
    parser.add_argument(
        "--report", action="store_true", help="print what each pass changed, and sizes"
    )


def run(args: argparse.Namespace) -> int:
    """Compile, say so."""
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
        say=lambda line: print(line, file=sys.stderr),
    )
    if args.report:
        print("\n".join(lines(open_package(out))))
    print(out)
    return 0


def compile_model(
    model: Model | Program | str | Path,
    target: str = "cpu",
    out: str | Path | None = None,
    *,
    passes: str | None = None,
    precision: str = "f64",
    max_force_error: float | None = None,
    data: str | Path | None = None,
    save_temps: str | Path | None = None,
    print_after: str | None = None,
    say: Say = lambda line: None,
) -> Path:
    """Compile a model, or a file that holds one, to a package; the package's path.

    `say` is told what is done, one line for each step.
    """
    from dpc.backends.base import find_backend, refuse_problems
    from dpc.cost.ledger import Ledger
    from dpc.passes.base import Context
    from dpc.passes.pipelines import choose_pipeline
    from dpc.targets import parse_target

    steps = Steps(say)
    goal = for_precision(parse_target(target), target, precision)
    backend = find_backend(goal)
    pipeline = choose_pipeline(goal, passes, precision, max_force_error)
    destination = _destination(model, out)
    with steps.step("read the model"):
        program, digest = read_program(model)
    with steps.step("frames to measure on"):
        samples = frames_of(program, data)
    temps = _Temps(save_temps)
    context = Context(samples=samples)
    ledger = Ledger(program, context)
    tell = _teller(say, context)
    context.after = [temps.after, _printer(print_after, pipeline), tell, ledger.after]
    temps.save("00-lowered.dpir", _text(program))
    compiled = pipeline.run(program, context)
    refuse_problems(backend.check(compiled, goal), goal)
    with steps.step(f"build for {goal}"):
        built = backend.build(compiled, goal, temps.save)
    with steps.step(f"write {destination}"):
        report = _report(context, ledger, goal, built.facts, data)
        _write(destination, compiled, goal, pipeline, report, built, digest)
    say(f"{'total':<28} {steps.total():6.2f} s")
    return destination


def for_precision(goal: Target, text: str, precision: str) -> Target:
    """This machine with the instructions that a precision needs, if it has them."""
    from dpc.errors import UsageError
    from dpc.targets.cpu import runs_here, with_bf16

    if precision != "mixed" or text != "cpu" or "bf16" in goal.features:
        return goal
    try:
        wanted = with_bf16(goal)
    except UsageError:  # the backend says what is missing
        return goal
    return wanted if runs_here(wanted) else goal


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


class _Temps:
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
            self.save(f"{place:02d}-{one.name}.dpir", _text(program))


def _text(program: Program) -> str:
    from dpc.ir.printer import to_text

    return to_text(program)


def _printer(wanted: str | None, pipeline: Any) -> Callable[[int, Pass, Program], None]:
    from dpc.errors import UsageError, did_you_mean

    names = [one.name for one in pipeline.passes]
    if wanted is not None and wanted not in ("all", *names):
        raise UsageError(
            f"--print-after {wanted}: the pipeline has no such pass.{did_you_mean(wanted, names)} "
            f"It has {' '.join(names)}"
        )

    def after(place: int, one: Pass, program: Program) -> None:
        if wanted in ("all", one.name):
            print(f"// after pass {place}, {one}\n{_text(program)}")

    return after


def _teller(say: Say, context: Context) -> Callable[[int, Pass, Program], None]:
    return lambda place, one, program: say(context.reports[-1].line())


def _destination(model: Any, out: str | Path | None) -> Path:
    """Where the package goes; refused at once when it cannot."""
    from dpc.errors import UsageError
    from dpc.package.write import check_destination

    if out is None:
        if not isinstance(model, (str, Path)):
            raise UsageError("compile_model: say with out= where to write the package")
        out = Path(model).with_suffix(".dpc").name
    path = Path(out)
    check_destination(path)
    return path


def read_program(model: Model | Program | str | Path) -> tuple[Program, str | None]:
    """The program of a model, and the SHA-256 of the file it came from."""
    from dataclasses import replace

    from dpc.errors import InputError
    from dpc.ir.program import Program

    if isinstance(model, Program):
        return model, None
    if not isinstance(model, (str, Path)):
        return model.lower(), None
    path = Path(model)
    if not path.exists():
        raise InputError(f"{path}: no such file. Expected a model: .pt, .pth, .pb, .dp or .yaml")
    if path.is_dir():
        raise InputError(f"{path}: a folder. Give the model file that a package is made of")
    if path.suffix == ".dpir":
        from dpc.cli.opt import read_text

        return read_text(path), None
    from dpc.frontend import load_model

    program = load_model(path).lower()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return replace(program, name=path.stem), digest


def frames_of(program: Program, data: str | Path | None) -> Sequence[Sample]:
    """Frames of the data folder, or made ones: where passes measure what they change."""
    from itertools import islice

    from dpc.data.frames import make_frames
    from dpc.data.inputs import graph_inputs
    from dpc.data.system import find_systems
    from dpc.passes.samples import Sample

    facts = program.facts
    if data is None:
        frames = make_frames(facts, count=3, natoms=64, min_distance=facts.min_nbor_dist)
    else:
        systems = find_systems(data)
        each = max(1, 4 // len(systems))
        frames = [
            frame
            for system in systems[:4]
            for frame, _ in islice(system.frames(facts.type_map, facts.fparam, facts.aparam), each)
        ]
    return [
        Sample(*graph_inputs(facts, f.coord, f.atype, f.cell, f.fparam, f.aparam)) for f in frames
    ]


def _report(
    context: Context, ledger: Ledger, target: Target, build: Any, data: str | Path | None
) -> dict[str, Any]:
    """The report that goes into the package: rates are assumed, so that bytes stay equal."""
    from dpc.package.report import content
    from dpc.targets.roofline import assumed_roofline

    cost = ledger.facts(target, assumed_roofline(target))
    return content(context.reports, len(context.samples), measured_on(data), build, cost)


def measured_on(data: str | Path | None) -> str:
    """What kind of frames errors are from."""
    return "made frames" if data is None else "data"


def _write(
    destination: Path,
    program: Program,
    target: Any,
    pipeline: Any,
    report: Any,
    built: Any,
    digest: str | None,
) -> None:
    from dpc.package.manifest import Manifest, model_section
    from dpc.package.read import PAGE, PROGRAM, REPORT
    from dpc.package.report import to_json
    from dpc.package.report_page import to_html
    from dpc.package.write import created, write_package

    manifest = Manifest(
        model=model_section(program, digest),
        target={
            "kind": target.kind,
            "arch": target.arch,
            "precision": built.facts.get("precision", "f64"),
            **({"levels": [level.arch for level in target.levels]} if target.others else {}),
        },
        pipeline=str(pipeline),
        dpc=dpc.__version__,
        created=created(),
    )
    files = {
        **built.files,
        PROGRAM: _text(program).encode(),
        REPORT: to_json(report).encode(),
        PAGE: to_html(report),
    }
    write_package(destination, manifest, files)
