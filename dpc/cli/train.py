"""dpc train input.json: a model from data, as DeePMD-kit's input describes it."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpc.errors import UsageError

if TYPE_CHECKING:
    from dpc.config.input import Input
    from dpc.frontend.training.quantised.phases import Compiler, Phase
    from dpc.frontend.training.run import Prepared


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "train",
        help="train a model from a DeePMD-kit input",
        description="Train a model. The input is that of DeePMD-kit 2 or 3, JSON or YAML. Writes "
        "lcurve.out, checkpoints model.ckpt-STEP.pt, and model.pt, which dpc compile takes. "
        "SIGTERM or Ctrl-C save a checkpoint and leave. Several processes: torchrun "
        "--nproc_per_node N -m dpc train input.json.",
    )
    parser.add_argument("input", metavar="INPUT", type=Path, help="input.json or input.yaml")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("model.pt"), help="the model (model.pt)"
    )
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument(
        "-r",
        "--restart",
        type=Path,
        metavar="CHECKPOINT",
        help="go on from a checkpoint (a file, or model.ckpt for the newest), to the same bits",
    )
    begin.add_argument(
        "-i",
        "--init-model",
        type=Path,
        metavar="MODEL",
        help="start from the weights of a model: ours, or any DeePMD-kit file that dpc reads",
    )
    begin.add_argument(
        "-t",
        "--finetune",
        type=Path,
        metavar="MODEL",
        help="the same, with the energy bias moved to the new data first",
    )
    circuit = parser.add_argument_group("training for a circuit")
    circuit.add_argument(
        "--target",
        metavar="TARGET",
        help="a part such as vu9p: train in floating point, then in the fixed point of its circuit",
    )
    circuit.add_argument(
        "--quantised-steps",
        type=int,
        metavar="N",
        help="steps of the input that are in fixed point (a tenth); all of them go on from "
        "--init-model",
    )
    circuit.add_argument(
        "--weight-bits",
        type=int,
        metavar="BITS",
        help="of the weights between hidden layers, 2 to 18 (18)",
    )
    parser.add_argument("--seed", type=int, help="of weights and batches; wins over the input's")
    parser.add_argument(
        "--skip-neighbor-stat",
        action="store_true",
        help="do not look for the nearest pair and the fullest environment of the data",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the input with every option explicit, sizes, and estimates of memory and time",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")


def run(args: argparse.Namespace) -> int:
    """Train, or say what would be trained."""
    from dpc.config import read_input
    from dpc.frontend.library import library

    if args.output.suffix not in (".pt", ".dp", ".yaml", ".yml"):
        raise UsageError(f"--output {args.output}: models are .pt, .dp or .yaml files")
    source = read_input(args.input)
    library("torch", "torch")
    from dpc.frontend.training import run as training

    start = training.Start(
        args.output,
        args.restart,
        args.init_model,
        args.finetune,
        args.seed,
        args.skip_neighbor_stat,
        args.quiet,
    )
    if args.target is None:
        for option in ("quantised_steps", "weight_bits"):
            if getattr(args, option) is not None:
                raise UsageError(f"--{option.replace('_', '-')} goes with --target")
        return _phase(args, lambda: training.prepare(source, start), start.output)
    from dpc.frontend.training.quantised.phases import phases

    compiler = _compiler(args, source)
    parts = phases(source, start, compiler, args.quantised_steps)
    for number, part in enumerate(parts):
        ready = part.prepare
        if number == 0:  # better to know it before hours of floating point
            ready = _checked(part, compiler)
        last = part is parts[-1]
        code = _phase(args, ready, part.start.output, f"in {part.title}, ", last)
        if code or args.dry_run:
            return code
    return 0


def _checked(part: Phase, compiler: Compiler) -> Callable[[], Prepared]:
    def ready() -> Prepared:
        prepared = part.prepare()
        for task in prepared.tasks.values():
            compiler.check(task.model, compiler.options)
        return prepared

    return ready


def _compiler(args: argparse.Namespace, source: Input) -> Compiler:
    """What the training gets of the compiler."""
    from dpc.compiler import trained
    from dpc.frontend.training.quantised.phases import Compiler
    from dpc.targets import parse_target

    goal = parse_target(args.target)
    if goal.kind != "fpga":
        raise UsageError(
            f"--target {args.target}: training in fixed point is for circuits, such as vu9p. For "
            "other targets train without --target, and give it to dpc compile"
        )
    options = {**trained.OPTIONS, **source.circuit}
    if args.weight_bits is not None:
        options["weight_bits"] = args.weight_bits
    return Compiler(
        options, trained.check, trained.calibrate, lambda model: trained.TrainedCircuit(model)
    )


def _phase(
    args: argparse.Namespace,
    ready: Callable[[], Prepared],
    output: Path,
    title: str = "",
    last: bool = True,
) -> int:
    """Prepare, run, report."""
    from dpc.frontend.training import run as training

    prepared = ready()
    if args.dry_run:
        return _dry_run(prepared)
    if prepared.group.main:
        _announce(prepared, args.quiet, title)
    begun = time.monotonic()
    try:
        paths = training.run(prepared, last)
    except training.Stopped as stop:
        if prepared.group.main:
            more = f" --target {args.target}" if args.target else ""
            print(
                f"dpc train: stopped by a signal before step {stop.step}; saved {stop.last}. "
                f"Go on with: dpc train {args.input} --restart {stop.last}{more}",
                file=sys.stderr,
            )
        return 128 + stop.number
    if prepared.group.main:
        seconds = time.monotonic() - begun
        page = _report(prepared, output, seconds)
        names, steps = " ".join(map(str, paths)), prepared.trainer.step
        print(f"{names}: trained {steps} steps in {seconds:.0f} s; see {page}")
    return 0


def _report(prepared: Prepared, output: Path, seconds: float) -> Path:
    """The page of the training, beside the model."""
    import numpy as np

    from dpc.data.accuracy import UNITS
    from dpc.frontend.training.parity import compare
    from dpc.frontend.training.table import read_table
    from dpc.pages.training import Training, training_page

    trainer = prepared.trainer
    pages = []
    for name, task in prepared.tasks.items():
        pairs = compare(task)
        facts = [
            (f"{np.sqrt(np.square(b - a).mean()):.4g} {UNITS[k]}", f"RMSE, {k}")
            for k, (a, b) in pairs.items()
        ]
        facts.append((f"{trainer.step:,}", "steps"))
        if done := trainer.step - trainer.watch.first:
            facts.append((f"{seconds / done * 1e3:.3g} ms", "a step with all around it"))
        table = read_table(trainer.tables[name].path)
        pages.append(Training(name, facts, table, pairs))
    path = output.with_suffix(".train.html")
    path.write_bytes(training_page(pages, f"Training of {output.name}"))
    return path


def _announce(prepared: Prepared, quiet: bool, title: str) -> None:
    from dpc.frontend.training.run import describe

    if quiet:
        return
    found = describe(prepared)
    for name, task in found["tasks"].items():
        head = f"{name}: " if name else ""
        slow = f" ({task['reason']})" if task["reason"] else ""
        print(
            f"{head}{title}{task['frames']} frames in {task['systems']} systems, "
            f"{task['parameters']} weights, {task['step']} step{slow}",
            file=sys.stderr,
        )


def _dry_run(prepared: Prepared) -> int:
    from dpc.frontend.training.estimate import estimate
    from dpc.frontend.training.run import describe

    shown: dict[str, Any] = prepared.source.normalised()
    for name, opened in prepared.opened.items():
        if name:
            shown["model"]["model_dict"][name] = opened.config
        else:
            shown["model"] = opened.config
    print(json.dumps(shown, indent=2))
    for line in estimate(prepared, describe(prepared)):
        print(line, file=sys.stderr)
    return 0
