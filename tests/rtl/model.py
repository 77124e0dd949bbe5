"""What single modules compute, in plain Python integers: the words of dpc.ir.fixed, one by one."""

from __future__ import annotations


def rounded(x: int, shift: int) -> int:
    """Halves up."""
    return (x + ((1 << shift) >> 1)) >> shift


def saturated(x: int, bits: int) -> int:
    """The nearest signed number of so many bits."""
    return max(-(1 << (bits - 1)), min((1 << (bits - 1)) - 1, x))


def narrow(x: int, shift: int, bits: int) -> int:
    """round(x, shift, bits) of docs/explain/fixed-point.md."""
    return saturated(rounded(x, shift), bits)


def cubic(c: list[int], t: int, shifts: tuple[int, int, int]) -> tuple[int, int]:
    """Value and slope of c0..c3 at t; shifts of degree 3, 2, 1."""
    q = rounded(c[3] * t, shifts[0])
    p2 = c[2] + q
    p1 = c[1] + rounded(p2 * t, shifts[1])
    return c[0] + rounded(p1 * t, shifts[2]), p1 + rounded((p2 + q) * t, shifts[1])


def locate(u: int, row_bits: int = 6, octaves: int = 8, t_bits: int = 17) -> tuple[int, int, int]:
    """Row, t and octave number k of u."""
    below = row_bits + t_bits
    o = max(0, u.bit_length() - below)
    assert o < octaves
    k = max(o - 1, 0)
    v = u >> k
    return (o << row_bits) + ((v >> t_bits) & ((1 << row_bits) - 1)), v & ((1 << t_bits) - 1), k
