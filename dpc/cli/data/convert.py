"""dpc data convert SOURCE OUT: what dpdata reads, as npy folders, mixed npy or HDF5."""

from __future__ import annotations

import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the user may say."""
    add = parser.add_argument
    add(
        "source",
        nargs="+",
        metavar="SOURCE",
        help="files or folders: OUTCAR, a CP2K output, an extended XYZ, …",
    )
    add(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help="a folder, or for HDF5 a file that ends in .hdf5",
    )
    add(
        "-f",
        "--format",
        default="auto",
        metavar="NAME",
        help="dpdata's name of their format: cp2k/output, … (%(default)s)",
    )
    add(
        "--mixed",
        action="store_true",
        help="one folder for all frames of one size, whatever their types",
    )
    add("-t", "--type-map", nargs="+", metavar="NAME", help="order of the types in OUT")
    add("--set-size", type=int, default=5000, metavar="N", help="frames in a set (%(default)s)")
    add("--unlabelled", action="store_true", help="the source has no energies and forces")


def run(args: argparse.Namespace) -> int:
    """Convert and say what became of it."""
    from dpc.data.convert import convert
    from dpc.data.system import find_systems

    convert(
        args.source,
        args.output,
        args.format,
        args.type_map,
        args.mixed,
        args.set_size,
        labelled=not args.unlabelled,
    )
    for system in find_systems(args.output):
        names = " ".join(system.names or ())
        print(f"{system.where}: frames {len(system)}, atoms {system.nslots}, types {names}")
    return 0
