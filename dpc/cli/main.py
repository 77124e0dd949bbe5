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
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dpc
from dpc.errors import DpcError

BUG = 70
SIGNALLED = 128  # and the number of the signal, as shells count


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
        with _signals_unwind(), _plain_warnings(args.command):
            run = importlib.import_module(f"dpc.cli.{args.command.replace('-', '_')}").run
            return int(run(args))
    except DpcError as error:
        return _fail(args, str(error), error.exit_code)
    except KeyboardInterrupt as stop:
        number = int(stop.args[0]) if stop.args else int(signal.SIGINT)
        return _fail(args, "interrupted; nothing was left half-written", SIGNALLED + number)
    except BrokenPipeError:  # `dpc show … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a full disk, a file that may not be read
        where = f"{error.filename}: " if error.filename else ""
        return _fail(args, f"{where}{error.strerror or error}", DpcError.exit_code)
    except Exception:
        traceback.print_exc()
        print(
            f"dpc {args.command}: this is a bug in dpc {dpc.__version__}. Please report it with "
            "the lines above and the command you typed.",
            file=sys.stderr,
        )
        return BUG


def _fail(args: argparse.Namespace, message: str, exit_code: int) -> int:
    if args.debug:
        traceback.print_exc()
    print(f"dpc {args.command}: {message}", file=sys.stderr)
    return exit_code


@contextmanager
def _signals_unwind() -> Iterator[None]:
    """SIGTERM and SIGHUP end the command as Ctrl-C does, so that temporary files go."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt(number)

    mine = [s for s in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(s) is signal.SIG_DFL]
    try:
        for one in mine:
            signal.signal(one, stop)
    except ValueError:  # not the main thread: somebody else handles signals
        mine = []
    try:
        yield
    finally:
        for one in mine:
            signal.signal(one, signal.SIG_DFL)


@contextmanager
def _plain_warnings(command: str) -> Iterator[None]:
    """A warning is a sentence for the user, without the line of dpc it comes from."""

    def show(message: Warning | str, *where: Any, **more: Any) -> None:
        print(f"dpc {command}: warning: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
