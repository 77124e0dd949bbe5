"""Finds the commands, runs one, maps errors to exit codes.

Exit codes: 0 done, 1 the user's input, 2 usage, 3 a missing tool or device, 70 a bug in dpc.
A command is a module of this folder with `add_parser(subparsers)` and `run(args) -> int`;
it imports anything heavy inside `run`, so that `dpc --help` answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
import traceback
from collections.abc import Sequence

import dpc
from dpc.errors import DpcError

BUG = 70
INTERRUPTED = 130


def make_parser() -> argparse.ArgumentParser:
    """The parser of every command in this folder."""
    parser = argparse.ArgumentParser(
        prog="dpc",
        description="dpc, the Deep Potential compiler: a trained model in, "
        "a small package for MD engines out.",
    )
    parser.add_argument("--version", action="version", version=f"dpc {dpc.__version__}")
    parser.add_argument("--debug", action="store_true", help="print a traceback for every error")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in pkgutil.iter_modules(importlib.import_module("dpc.cli").__path__):
        if module.name != "main":
            importlib.import_module(f"dpc.cli.{module.name}").add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the result is the exit code."""
    args = make_parser().parse_args(argv)
    try:
        run = importlib.import_module(f"dpc.cli.{args.command.replace('-', '_')}").run
        return int(run(args))
    except DpcError as error:
        if args.debug:
            traceback.print_exc()
        print(f"dpc {args.command}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"dpc {args.command}: interrupted; nothing was left half-written", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `dpc show … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:
        traceback.print_exc()
        print(
            f"dpc {args.command}: this is a bug in dpc {dpc.__version__}. Please report it with "
            "the lines above and the command you typed.",
            file=sys.stderr,
        )
        return BUG
