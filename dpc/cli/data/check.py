"""dpc data check DATA: NaN, other units, atoms on top of each other, outliers, and the like."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the user may say."""
    add = parser.add_argument
    add("systems", nargs="+", metavar="DATA", help="data folders, folders of them, HDF5 files")
    add("-r", "--rcut", type=float, metavar="RCUT", help="the cutoff, in Å, to judge cells by")
    add("-t", "--type-map", nargs="+", metavar="NAME", help="(default: that of the data)")
    add("--report", type=Path, metavar="PAGE", help="write a page with plots (.html)")
    add("--frames", action="store_true", help="list all frames of each finding")


def run(args: argparse.Namespace) -> int:
    """Print the findings; 1 when one is an error."""
    from dpc.data.checks import check_data
    from dpc.data.counter import Counter

    counter = Counter(0, "systems")

    def progress(done: int, total: int) -> None:
        counter.total = total
        counter.step()

    checked = check_data(args.systems, args.type_map, args.rcut, progress)
    counter.done()
    for finding in checked.findings:
        print(finding)
        if args.frames and finding.frames:
            print(f"    frames {' '.join(map(str, finding.frames))}")
    frames = sum(one.frames for one in checked.surveys)
    errors, warnings = checked.errors, len(checked.findings) - checked.errors
    print(
        f"{checked.systems} systems, {frames} frames, types {' '.join(checked.type_map)}: "
        f"{errors} errors, {warnings} warnings"
    )
    if args.report:
        from dpc.pages.data import data_page

        args.report.write_bytes(data_page(f"Data check: {' '.join(args.systems)}", checked))
        print(f"wrote {args.report}")
    return 1 if errors else 0
