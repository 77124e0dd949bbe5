"""Arithmetic of an atom, energy and forces together: what compressed forms are chosen by.

A multiplication with an addition counts as two. Only what the choice changes is counted:
not the rows of the environment, the later layers, or activation functions.
"""

from __future__ import annotations


def table(neighbors: float, width: int) -> float:
    """A quintic table and its contraction.

    For each neighbour and column: forward 5 steps of Horner and 4 sums; backward value and slope
    (9 steps), 4 sums for the rows and 5 for the slope.
    """
    return 54.0 * neighbors * width


def expand(columns: int, width: int) -> float:
    """X = P C and dP = dX C^T: 4 rows each."""
    return 16.0 * columns * width


def products(count: int, outputs: int) -> float:
    """Components of the descriptor (4 products forward, 8 backward), and the layer on them."""
    return 24.0 * count + 4.0 * count * outputs
