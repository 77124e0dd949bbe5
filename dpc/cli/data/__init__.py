"""dpc data: look at training data, convert them."""

from __future__ import annotations

import argparse
import importlib

KINDS = {
    "check": "find what ruins trainings",
    "convert": "any source that dpdata reads, to data of DeePMD-kit",
}


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    data = commands.add_parser("data", help="check and convert training data")
    kinds = data.add_subparsers(dest="kind", metavar="KIND", required=True)
    for kind, text in KINDS.items():
        parser = kinds.add_parser(kind, help=text, description=f"{text[0].upper()}{text[1:]}.")
        importlib.import_module(f"{__name__}.{kind}").add_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run one kind."""
    return int(importlib.import_module(f"{__name__}.{args.kind}").run(args))
