"""dpc test MODEL -s DATA: errors of a model or package against labelled data."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpc.errors import InputError, UsageError

if TYPE_CHECKING:
    from dpc.data.system import System


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "test",
        help="errors of a model or package against labelled data",
        description="Mean absolute and root mean square errors of energy, force and virial "
        "against data of DeePMD-kit, as `dp test` gives them.",
    )
    add = parser.add_argument
    add("model", metavar="MODEL", type=Path, nargs="?", help="a model file or a package (.dpc)")
    add("-m", "--model", dest="named", type=Path, metavar="MODEL", help="the same, as in `dp test`")
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument(
        "-s",
        "--system",
        metavar="DATA",
        help="a data folder, a folder of data folders, or an HDF5 file",
    )
    data.add_argument(
        "-f", "--datafile", type=Path, metavar="FILE", help="a file with one DATA a line"
    )
    add(
        "-n",
        "--frames",
        "--numb-test",
        type=int,
        default=0,
        metavar="N",
        help="at most N frames of each system (default: all)",
    )
    add("--shuffle-test", action="store_true", help="frames in random order: -n takes a sample")
    add("-r", "--rand-seed", type=int, default=0, metavar="SEED", help="of that order")
    add("-a", "--atomic", action="store_true", help="atomic energies as well")
    add(
        "-d",
        "--detail-file",
        type=Path,
        metavar="PREFIX",
        help="labels and predictions into PREFIX.e.out, .f.out, .v.out, …",
    )
    add(
        "--floating-point",
        action="store_true",
        help="of a model trained for a circuit: its weights in floating point, not its integers",
    )
    add("--report", type=Path, metavar="PAGE", help="write a page with parity plots (.html)")


def run(args: argparse.Namespace) -> int:
    """Evaluate every frame; print one line for each quantity."""
    from dpc.data.accuracy import Accuracy, compared
    from dpc.data.counter import Counter
    from dpc.data.details import detail_files
    from dpc.data.prediction import predictions

    model = _open(_one_model(args), args.floating_point)
    systems = _systems(args)
    chosen = [_chosen(args, len(system)) for system in systems]
    data = args.system or args.datafile
    if not sum(map(len, chosen)):
        raise InputError(f"{data}: there are no frames in coord.npy")
    progress, total = Counter(sum(map(len, chosen))), Accuracy()
    parity: dict[str, list[Any]] = {}
    with detail_files(args.detail_file) as details:
        for system, frames in zip(systems, chosen, strict=True):
            own = Accuracy()
            if details:
                details.begin(system.where)
            for frame, labels, found in progress.over(predictions(model, system, frames)):
                if not args.atomic:
                    labels = replace(labels, atom_ener=None)
                natoms = len(frame.atype)
                own.add(found, labels, natoms)
                total.add(found, labels, natoms)
                for name, *pair in compared(found, labels, natoms) if details else ():
                    details.add(name, *pair)
                for name, *pair in compared(found, labels, natoms) if args.report else ():
                    parity.setdefault(name, []).append(pair)
            if len(systems) > 1:
                _print(f"{system.where}: {own.frames} frames", own)
    progress.done()
    what = f"{len(systems)} systems, " if len(systems) > 1 else ""
    title = f"{_one_model(args)} on {data}: {what}{total.frames} frames"
    _print(title, total)
    for path in details.paths() if details else ():
        print(f"wrote {path}")
    if args.report:
        from dpc.pages.parity import parity_page

        args.report.write_bytes(parity_page(title, parity))
        print(f"wrote {args.report}")
    return 0


def _one_model(args: argparse.Namespace) -> Path:
    given = [path for path in (args.model, args.named) if path is not None]
    if len(given) != 1:
        raise UsageError("expected one model: dpc test MODEL -s DATA, or dpc test -m MODEL -s DATA")
    return Path(given[0])


def _systems(args: argparse.Namespace) -> list[System]:
    """All systems that the user named."""
    from dpc.data.system import find_systems

    if args.frames < 0:
        raise UsageError(f"-n {args.frames}: the number of frames cannot be negative")
    if args.system:
        return find_systems(args.system)
    lines = [line.strip() for line in args.datafile.read_text().splitlines()]
    names = [line for line in lines if line and not line.startswith("#")]
    if not names:
        raise InputError(f"{args.datafile}: names no data folder; expected one on each line")
    return [system for name in names for system in find_systems(name)]


def _chosen(args: argparse.Namespace, count: int) -> Any:
    """Which frames of a system, in order."""
    import numpy as np

    wanted = min(count, args.frames or count)
    if not args.shuffle_test:
        return np.arange(wanted)
    return np.random.default_rng(args.rand_seed).permutation(count)[:wanted]


def _open(path: Path, floating: bool = False) -> Any:
    """A model or a package: both have type_map and evaluate."""
    if path.is_dir():
        from dpc.md import Potential

        return Potential(path)
    if not path.exists():
        raise InputError(f"{path}: no such file. Expected a model file or a compiled package")
    from dpc.compiler.trained import FixedPotential
    from dpc.frontend import load_model
    from dpc.frontend.importers.options import CIRCUIT

    model = load_model(path)
    return model if floating or CIRCUIT not in model.config else FixedPotential(model)


def _print(title: str, accuracy: Any) -> None:
    print(title)
    for line in accuracy.lines() or ["no labels: the data have no energy, force or virial"]:
        print(f"  {line}")
