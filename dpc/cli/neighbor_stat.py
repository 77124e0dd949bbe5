"""dpc neighbor-stat -s DATA -r RCUT: nearest pair, fullest environment, sel that fits."""

from __future__ import annotations

import argparse

from dpc.errors import UsageError


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "neighbor-stat",
        help="nearest pair and most neighbours in data: what sel must hold",
        description="The nearest pair (Å) and the most neighbours within the cutoff that an atom "
        "of the data has, for each neighbour type, as `dp neighbor-stat` gives them.",
    )
    add = parser.add_argument
    add("-s", "--system", nargs="+", required=True, metavar="DATA",
        help="data folders, folders of them, HDF5 files")  # fmt: skip
    add("-r", "--rcut", type=float, required=True, metavar="RCUT", help="the cutoff, in Å")
    add("-t", "--type-map", nargs="+", metavar="NAME", help="(default: that of the data)")
    add("--mixed-type", action="store_true",
        help="count all types together, as se_atten and its relatives do")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Print the numbers."""
    from dpc.data.counter import Counter
    from dpc.data.dataset import open_dataset
    from dpc.data.neighbor_stat import auto_sel, neighbor_stat

    if not args.rcut > 0:
        raise UsageError(f"-r {args.rcut}: expected a cutoff above 0 Å")
    data = open_dataset(args.system, args.type_map)
    counter = Counter(sum(data.frames))
    stat = neighbor_stat(data, args.rcut, progress=lambda done, total: counter.step())
    counter.done()
    if stat.nearest is None:
        nearest = f"no pair within {args.rcut} Å"
    else:
        system, frame = stat.nearest
        nearest = f"{stat.min_nbor_dist:.6g} Å, in frame {frame} of {data.systems[system].where}"
    print(f"min_nbor_dist: {nearest}")
    if args.mixed_type:
        print(f"max_nbor_size: {stat.most_together}")
    else:
        most = "  ".join(f"{n} {k}" for n, k in zip(data.type_map, stat.most, strict=True))
        print(f"max_nbor_size: {most}")
    sel = auto_sel("auto", stat, by_type=not args.mixed_type)
    print(f'sel "auto":    {" ".join(map(str, sel))}')
    return 0
