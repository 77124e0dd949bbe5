"""dpc plot lcurve.out: how the errors of a training fell, as a page or a picture."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from dpc.errors import ToolError, UsageError

PICTURES = (".png", ".pdf", ".svg")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "plot",
        help="draw the errors of a training from lcurve.out",
        description="Draw a table of errors, dpc's or DeePMD-kit's. The suffix of -o decides: "
        ".html is a page that needs nothing else, .png .pdf .svg are pictures by matplotlib.",
    )
    parser.add_argument("tables", metavar="LCURVE", type=Path, nargs="+", help="lcurve.out")
    parser.add_argument(
        "-o", "--output", type=Path, help="what to write (default: LCURVE with .html)"
    )


def run(args: argparse.Namespace) -> int:
    """Read the tables and write one file."""
    from dpc.frontend.training.table import read_table

    output = args.output or args.tables[0].with_suffix(".html")
    tables = {str(path): read_table(path) for path in args.tables}
    if output.suffix == ".html":
        from dpc.pages.training import Training, training_page

        pages = [Training(name, last(table), table) for name, table in tables.items()]
        output.write_bytes(training_page(pages, "Errors of a training"))
    elif output.suffix in PICTURES:
        _picture(tables, output)
    else:
        raise UsageError(f"-o {output}: give .html, {', '.join(PICTURES)}")
    print(output)
    return 0


def last(table: Mapping[str, Sequence[float]]) -> list[tuple[str, str]]:
    """The last row, for people."""
    return [
        (f"{column[-1]:.0f}" if name == "step" else f"{column[-1]:.3g}", name)
        for name, column in table.items()
    ]


def _picture(tables: Mapping[str, Mapping[str, Sequence[float]]], output: Path) -> None:
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError as error:
        raise ToolError(
            f"{output}: pictures need matplotlib: pip install 'dpc[bench]'. "
            "-o lcurve.html needs nothing"
        ) from error
    names = [c for t in tables.values() for c in t if c.endswith(("_val", "_trn"))]
    kinds = list(dict.fromkeys(name.rpartition("_")[0] for name in names))
    figure, axes = pyplot.subplots(len(kinds), 1, figsize=(7, 2.6 * len(kinds)), sharex=True)
    for kind, axis in zip(kinds, [axes] if len(kinds) == 1 else axes, strict=True):
        for source, table in tables.items():
            head = f"{source} " if len(tables) > 1 else ""
            for ending, words in (("val", "validation"), ("trn", "training")):
                if f"{kind}_{ending}" in table:
                    axis.semilogy(
                        table["step"], table[f"{kind}_{ending}"], label=head + words, lw=1
                    )
        axis.set_ylabel(kind)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    axes_last = axes if len(kinds) == 1 else axes[-1]
    axes_last.set_xlabel("step")
    figure.tight_layout()
    figure.savefig(output, dpi=150)
