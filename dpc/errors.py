"""Errors that a user can act on.

A message says what is wrong, where, what was expected and what to do, in the user's
own words and numbers. Anything that is not a `DpcError` is a bug in dpc.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

BUG_EXIT_CODE = 70


class DpcError(Exception):
    """An error with a message for the user; `exit_code` is what the command returns."""

    exit_code = 1


class InputError(DpcError):
    """A file, an option's value or an array of the user's is wrong."""


class UsageError(DpcError):
    """The command line makes no sense."""

    exit_code = 2


class ToolError(DpcError):
    """A compiler, library or device is missing or failed."""

    exit_code = 3


class GraphError(InputError):
    """A graph breaks a rule of its ops: wrong types, shapes or names."""


class TextError(InputError):
    """Text that does not parse; the message shows the line and a caret."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence, " Did you mean 'neuron'?", when a known word is close; else ''."""
    close = difflib.get_close_matches(word, list(map(str, known)), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""


def all_problems(where: str, problems: list[str]) -> str:
    """One problem on one line; several as a list under `where`."""
    if len(problems) == 1:
        return f"{where}: {problems[0]}"
    return f"{where}: {len(problems)} problems\n" + "\n".join(f"    {p}" for p in problems)
