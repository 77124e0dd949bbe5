"""dpc init DATA: a commented input for dpc train, with numbers that fit the data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpc.errors import InputError, UsageError

if TYPE_CHECKING:
    from dpc.data.dataset import DataSet

HELD_BACK = 10  # one system of so many becomes validation data


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "init",
        help="write a commented input for a data set",
        description="Write an input for dpc train with numbers that fit the data, and a comment "
        "at each option. Of several systems, one in ten becomes validation data.",
    )
    add = parser.add_argument
    add("systems", nargs="+", metavar="DATA", help="data folders, folders of them, HDF5 files")
    add("-v", "--validation", nargs="+", metavar="DATA", help="validation data")
    add("-r", "--rcut", type=float, default=6.0, metavar="RCUT", help="Å (default: %(default)s)")
    add("-t", "--type-map", nargs="+", metavar="NAME", help="(default: that of the data)")
    add(
        "--size",
        choices=("small", "paper"),
        default="paper",
        help="paper: the nets of the DeePMD-kit papers (default); small: faster, less accurate",
    )
    add("--steps", type=int, metavar="N", help="(default: by the size of the data)")
    add(
        "-o",
        "--output",
        type=Path,
        default=Path("input.yaml"),
        metavar="FILE",
        help="input.yaml (default), or .json",
    )
    add("--force", action="store_true", help="replace FILE when it exists")


def run(args: argparse.Namespace) -> int:
    """Look at the data, write the file."""
    from dpc.config.template import as_json, as_yaml

    output: Path = args.output
    writers = {".json": as_json, ".yaml": as_yaml, ".yml": as_yaml}
    if output.suffix not in writers:
        raise UsageError(f"-o {output}: an input is a .yaml or a .json file")
    if output.exists() and not args.force:
        raise InputError(f"{output} exists. Give another name, or --force to replace it")
    if args.steps is not None and args.steps < 1:
        raise UsageError(f"--steps {args.steps}: expected a number of steps, at least 1")
    if not args.rcut > 0:
        raise UsageError(f"-r {args.rcut}: expected a cutoff above 0 Å")
    facts = _facts(args)
    text = writers[output.suffix](facts, size=args.size, steps=args.steps)
    output.write_text(text, encoding="utf-8")
    held = "" if facts.validation else "; no validation data: name some with -v"
    print(
        f"{output}: {facts.systems} systems, {facts.frames} frames, types "
        f"{' '.join(facts.type_map)}, sel {' '.join(map(str, facts.sel))}{held}"
    )
    return 0


def _facts(args: argparse.Namespace) -> Any:
    from dpc.config.template import DataFacts
    from dpc.data.counter import Counter
    from dpc.data.dataset import open_dataset
    from dpc.data.neighbor_stat import auto_sel, neighbor_stat
    from dpc.data.sampling import batch_sizes

    data = open_dataset(args.systems, args.type_map)
    counter = Counter(sum(data.frames))
    stat = neighbor_stat(data, args.rcut, progress=lambda done, total: counter.step())
    counter.done()
    training, validation = list(args.systems), list(args.validation or [])
    if not validation and len(data) > 1:
        paths = [system.where for system in data.systems]
        validation = paths[HELD_BACK - 1 :: HELD_BACK] or paths[-1:]
        training = [path for path in paths if path not in validation]
    sizes = batch_sizes("auto", data).sizes
    batches = sum(-(-n // s) for n, s in zip(data.frames, sizes, strict=True) if s)
    return DataFacts(
        training,
        validation,
        data.type_map,
        args.rcut,
        auto_sel("auto", stat),
        stat.min_nbor_dist,
        len(data),
        sum(data.frames),
        (min(data.nslots), max(data.nslots)),
        batches,
        _labels(data),
        _width(data, "fparam"),
        _width(data, "aparam"),
    )


def _labels(data: DataSet) -> list[str]:
    from dpc.data.labels import LABELS

    return [name for name in LABELS if any(system.has(name) for system in data.systems)]


def _width(data: DataSet, name: str) -> int:
    """Numbers of a parameter for each frame or atom; 0 where some system has none."""
    widths = set()
    for system in data.systems:
        own = system.width(name)
        widths.add(own // system.nslots if name == "aparam" else own)
    if len(widths) > 1:
        raise InputError(f"{name}.npy has different widths in the systems: {sorted(widths)}")
    return int(widths.pop())
