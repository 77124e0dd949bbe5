"""dpc bench train: how long a training step takes, beside a peer if asked."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from dpc.cli.bench.options import at_least_one


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the user may say."""
    add = parser.add_argument
    add("input", type=Path, metavar="INPUT", help="the input of a training, with its data")
    add("--precision", nargs="+", choices=["f64", "f32"], default=["f64", "f32"], metavar="P",
        help="of the nets, instead of the input's: f64, f32 (both)")  # fmt: skip
    add("--tabulated", action="store_true", help='also with "tabulated": true, fitting nets only')
    add("--processes", type=int, default=1, metavar="N",
        help="also N processes that share each batch, beside one; one thread each")  # fmt: skip
    add("--threads", type=int, default=os.cpu_count() or 1, metavar="N",
        help="of one process, and of the peer, on as many cores (all)")  # fmt: skip
    add("--batch-size", type=int, metavar="N", help="instead of the input's; of all processes")
    add("--steps", type=int, default=100,
        help="measured, after those that see every frame once (default: %(default)s)")  # fmt: skip
    add("--repeats", type=int, default=3, help="runs of each (default: %(default)s)")
    add(
        "--peer",
        choices=["deepmd-kit"],
        help="measure its TensorFlow training as well, in turn; on first use it is installed into "
        "DIR/peer (2 GB), unless it is in .bench/peer",
    )


def run(args: argparse.Namespace) -> int:
    """Measure, print the table, write train.csv, train.json and a plot."""
    from dpc.bench import peer, plots, report, train, train_run
    from dpc.bench.contenders import peer_environment
    from dpc.bench.facts import facts, warn_when_busy
    from dpc.config import read_input
    from dpc.config.document import read_document
    from dpc.errors import UsageError

    at_least_one(args, "processes", "threads", "batch_size", "repeats")
    if args.steps < train_run.FEWEST_STEPS:
        raise UsageError(f"--steps {args.steps}: give {train_run.FEWEST_STEPS} or more")
    read_input(args.input)
    document, work = read_document(args.input), args.output.resolve()
    warn_when_busy()
    origin = facts(sys.argv[1:])
    environment = peer_environment(work) if args.peer else None
    taking_part = train.trainers(
        list(dict.fromkeys(args.precision)), args.threads, args.processes, args.tabulated,
        environment is not None,
    )  # fmt: skip
    rows = train.measure(
        document, args.input.parent, taking_part, work / "runs" / "train", args.repeats,
        args.steps, environment, args.batch_size,
    )  # fmt: skip
    batch = args.batch_size or document["training"]["training_data"].get("batch_size", "auto")
    records = [train.record(row, args.steps, str(batch)) for row in rows]
    print(train.table(records))
    origin |= {"peer": f"deepmd-kit {peer.VERSION}, tensorflow" if args.peer else ""}
    written = report.write_records("train", records, origin, work)
    written += plots.train_plot(records, str(origin["cpu"]), work / "train")
    for path in written:
        print(f"wrote {path}", file=sys.stderr)
    return 0
