"""dpc devi: model deviation of an ensemble over the frames of data or trajectories."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpc.errors import InputError, UsageError

if TYPE_CHECKING:
    from dpc.data.deviation import Deviation
    from dpc.data.frames import Frame
    from dpc.data.system import Labels


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "devi",
        help="how far the models of an ensemble differ, frame by frame",
        description="Model deviation of force, virial and energy, in the columns of DeePMD-kit's "
        "model_devi.out: of the virial (eV for each atom) and the force (eV/Å) the largest, the "
        "smallest and the average, then of the energy (eV for each atom).",
    )
    add = parser.add_argument
    add(
        "-m",
        "--models",
        nargs="+",
        type=Path,
        required=True,
        metavar="MODEL",
        help="model files or packages, two or more",
    )
    frames = parser.add_mutually_exclusive_group(required=True)
    frames.add_argument(
        "-s", "--system", metavar="DATA", help="a data folder, a folder of them, or an HDF5 file"
    )
    frames.add_argument(
        "-t",
        "--trajectory",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="trajectories that ASE reads: .xyz, .lammpstrj, dump.*, .traj, …",
    )
    add(
        "-o",
        "--output",
        type=Path,
        default=Path("model_devi.out"),
        metavar="FILE",
        help="(model_devi.out)",
    )
    add(
        "-f",
        "--frequency",
        type=int,
        default=1,
        metavar="N",
        help="steps between frames: the first column counts them (1)",
    )
    add("--atomic", action="store_true", help="add the force deviation of every atom")
    add(
        "--relative",
        type=float,
        metavar="LEVEL",
        help="divide that of a force by its magnitude plus LEVEL, in eV/Å",
    )
    add(
        "--relative_v",
        "--relative-v",
        type=float,
        metavar="LEVEL",
        help="divide that of the virial by its norm plus LEVEL, in eV for each atom",
    )
    add(
        "--real_error",
        "--real-error",
        action="store_true",
        help="root mean square error against the labels, not the spread",
    )


def run(args: argparse.Namespace) -> int:
    """Write the file; print the extremes and where they are."""
    from dpc.cli.test import _open
    from dpc.data.counter import Counter
    from dpc.data.deviation import write_header, write_row

    _check(args)
    models = [_open(path) for path in args.models]
    partial = args.output.with_name(args.output.name + ".part")
    rows: list[tuple[float, float, str]] = []
    counter = Counter(0)
    try:
        with partial.open("w") as out:
            for title, count, frames in _sources(args, models):
                write_header(out, title, args.atomic)
                counter.total += count
                for place, (frame, labels) in enumerate(counter.over(frames)):
                    found = _deviation(args, models, frame, labels, f"{title}, frame {place}")
                    write_row(out, place * args.frequency, found, args.atomic)
                    own = found.row()
                    rows.append((own[3], own[0], f"frame {place} of {title}"))
        os.replace(partial, args.output)
    finally:
        partial.unlink(missing_ok=True)
    counter.done()
    if not rows:
        raise InputError(f"{args.system or args.trajectory}: there are no frames")
    force = max(rows)
    mean = sum(row[0] for row in rows) / len(rows)
    unit = "" if args.relative is not None else " eV/Å"
    print(f"{args.output}: {len(rows)} frames, {len(models)} models")
    print(f"  max_devi_f  mean {mean:.6e}{unit}, largest {force[0]:.6e}{unit} in {force[2]}")
    return 0


def _check(args: argparse.Namespace) -> None:
    if len(args.models) < 2 and not args.real_error:
        raise UsageError("-m needs at least two models: the deviation is between them")
    if args.frequency < 1:
        raise UsageError(f"-f {args.frequency}: expected a number of steps, at least 1")
    for name in ("relative", "relative_v"):
        level = getattr(args, name)
        if level is not None and not level > 0:
            raise UsageError(f"--{name} {level}: expected a level above 0")
    if args.real_error and args.trajectory:
        raise UsageError("--real_error needs labels: give data with -s, not a trajectory")


def _sources(
    args: argparse.Namespace, models: list[Any]
) -> Iterator[tuple[str, int, Iterator[tuple[Frame, Labels | None]]]]:
    """Title, number of frames (0: not known) and frames, in the types of the first model."""
    from dpc.data.prediction import parameters_of
    from dpc.data.system import find_systems
    from dpc.data.trajectory import read_trajectory

    first = models[0]
    if args.system:
        for system in find_systems(args.system):
            frames = system.frames(first.type_map, *parameters_of(first, system))
            yield system.where, len(system), frames
    for path in args.trajectory or []:
        yield str(path), 0, ((frame, None) for frame in read_trajectory(path, first.type_map))


def _deviation(
    args: argparse.Namespace, models: list[Any], frame: Frame, labels: Labels | None, where: str
) -> Deviation:
    from dpc.data.deviation import deviation

    names = [models[0].type_map[t] for t in frame.atype]
    try:
        found = [
            model.evaluate(frame.coord, names, frame.cell, fparam=frame.fparam, aparam=frame.aparam)
            for model in models
        ]
    except InputError as error:
        raise InputError(f"{where} (counted from 0): {error}") from error
    for path, one in zip(args.models, found, strict=True):
        if missing := [name for name in ("energy", "force", "virial") if name not in one]:
            raise InputError(f"{path}: gives no {' and no '.join(missing)}: compile it with them")
    about: tuple[Any, Any, Any] = (None, None, None)
    if args.real_error:
        if labels is None or labels.force is None or labels.energy is None:
            raise InputError(f"{where}: --real_error needs energy.npy and force.npy")
        about = (labels.energy, labels.force, labels.virial)
    return deviation(
        [f["energy"] for f in found],
        [f["force"] for f in found],
        [f["virial"] for f in found],
        args.relative,
        args.relative_v,
        about,
    )
