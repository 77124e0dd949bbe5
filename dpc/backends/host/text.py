"""Lines of C that are not too long."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH = 96
"""Columns of plan.c."""


def fill(
    head: str, parts: Sequence[str], end: str, width: int = WIDTH, between: str = ","
) -> list[str]:
    """`head`, the parts with commas between them, `end`: later lines begin below the first part."""
    lines = [head]
    for number, part in enumerate(parts):
        piece = part + (end if number == len(parts) - 1 else between)
        if number == 0:
            lines[-1] += piece
        elif len(lines[-1]) + 1 + len(piece) <= width:
            lines[-1] += f" {piece}"
        else:
            lines.append(" " * len(head) + piece)
    return lines
