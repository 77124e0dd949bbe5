"""Functional coverage: the corners of the design that the tests have been to, counted.

Tests call `frame`, `near` and `hit` after the circuit's answer has been found equal to the integer
model's. With DPC_RTL_COVERAGE set the counts go to build/rtl/corners; tests.rtl.coverage adds
them up.
What streams went through is counted in the RTL (dp_stream_check).
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import numpy as np

from dpc.ir.fixed.numbers import Integers
from dpc.ir.fixed.shape import R_BITS, T_BITS, Contents
from tests.rtl.bench import RESULTS

FOLDER = RESULTS / "corners"

KINDS = {  # a bit of the status, and what saturates there
    "rows": ("row_s", "row_h", "g"),
    "x": ("x",),
    "descriptor": ("d",),
    "fit": ("z", "y", "slope", "a"),
    "energy": ("energy",),
    "fit_back": ("gz", "g", "ga"),
    "dx": ("dx",),
    "force": ("row_back", "dg", "dr", "along", "dt_g", "dt_s", "dt_h", "dt", "f_u", "f_h", "f",
              "f_atom"),
}  # fmt: skip
BY_LAYER = ("z", "y", "slope", "a", "gz", "g", "ga")  # names that a number follows

POINTS = {
    "neighbours of a centre": (
        "none", "one", "lanes - 1", "lanes", "lanes + 1", "as many as the circuit takes",
        "a full beat", "a beat with idle lanes", "none of one type",
    ),
    "where they are": (
        "u = 0", "too near", "u_cut - 1", "u_cut", "beyond the cutoff", "u saturates",
        "r saturates", *(f"octave {o}" for o in range(8)), "first row of an octave",
        "last row of an octave", "t = 0", "largest t",
    ),
    "atoms": (
        "a type absent", "an atom of no type", "only ghosts as neighbours", "an empty slot's pad",
        "the same neighbour of successive atoms", "the same in successive beats of a lane",
        "neighbour of itself", "list in any order", "moved as a whole",
    ),
    "models": (
        "one type", "two types", "three types", "split", "table of type pairs", "residual layers",
        "plain layers", "timesteps", "outputs that do not fill the lanes", "one column",
        "pairs of a column with itself", "a column in no pair", "8-bit weights",
    ),
    "saturation": tuple(f"{kind}: {name}" for kind, names in KINDS.items() for name in names),
    "jobs": (
        "back to back", "list replayed", "lists and coordinates while it runs", "clear by read",
        "read of no atoms", "run of no words", "no centres", "reset in a job",
        "reset with a write burst open", "another model loaded", "unknown command",
        "bus error on reading", "bus error on writing", "counters cleared", "in blocks",
        "memory that pauses", "memories that are too small", "more than one burst",
    ),
}  # fmt: skip


def hit(group: str, point: str, count: int = 1) -> None:
    """Count a corner; it has to be one of POINTS."""
    if point not in POINTS[group]:
        raise KeyError(f"{group}: {point}")
    if count and os.environ.get("DPC_RTL_COVERAGE"):
        FOLDER.mkdir(parents=True, exist_ok=True)
        with (FOLDER / f"{os.getpid()}.txt").open("a") as file:
            file.write(f"{int(count)} {group}/{point}\n")


def counts() -> Counter[str]:
    """Of all tests so far, by group/point; 0 where nobody was."""
    found = Counter({f"{group}/{point}": 0 for group, points in POINTS.items() for point in points})
    for path in FOLDER.glob("*.txt"):
        for line in path.read_text().splitlines():
            count, name = line.split(" ", 1)
            found[name] += int(count)
    return found


def kinds(saturated: Counter[str]) -> int:
    """The status bits that these saturations of the integer model set."""
    bits = 0
    for signal, count in saturated.items():
        bit = next((b for b, (k, _) in enumerate(_of(signal)) if k), None)
        if count and bit is not None:
            bits |= 1 << bit
    return bits


def _of(signal: str) -> list[tuple[bool, str]]:
    """For every kind: does the signal belong to it, and under which name."""
    base = signal.rstrip("0123456789")
    numbered = base != signal
    found = []
    for kind, names in KINDS.items():
        layered = kind in ("fit", "fit_back")
        found.append(((base in names) and layered == numbered, base))
    return found


def near(m: Contents, near: Any) -> None:
    """Where neighbours within the cutoff are."""
    shape = m.shape
    octave = np.zeros_like(near.u)
    for o in range(1, shape.octaves):
        octave += near.u >= 1 << (shape.row_bits + T_BITS + o - 1)
    v = near.u >> np.maximum(octave - 1, 0)
    row, t = (v >> T_BITS) % (1 << shape.row_bits), v % (1 << T_BITS)
    for o in range(shape.octaves):
        hit("where they are", f"octave {o}", (octave == o).sum())
    for point, of in (
        ("u = 0", near.u == 0), ("too near", near.u < m.u_min),
        ("u_cut - 1", near.u == m.u_cut - 1),
        ("first row of an octave", row == 0), ("last row of an octave", row == row.max(initial=1)),
        ("t = 0", t == 0), ("largest t", t == (1 << T_BITS) - 1),
    ):  # fmt: skip
        hit("where they are", point, of.sum())


def frame(m: Contents, lanes: int, coord: Any, atype: Any, nlist: Any, n: Integers) -> None:
    """A frame whose results were equal; `n` is the model that ran it."""
    from dpc.ir.fixed import frames

    within = frames.neighbors(m, coord, atype, nlist)
    near(m, within)
    _left_out(m, coord, atype, nlist)
    _lists(m, lanes, atype, nlist)
    model(m, lanes)
    saturations(n.saturated)


def saturations(saturated: Counter[str]) -> None:
    """Signals that the integer model clipped."""
    for signal, count in saturated.items():
        for kind, (belongs, name) in zip(KINDS, _of(signal), strict=True):
            if belongs:
                hit("saturation", f"{kind}: {name}", count)


def _left_out(m: Contents, coord: Any, atype: Any, nlist: Any) -> None:
    from dpc.ir.fixed import frames

    center, slot = (nlist >= 0).nonzero()
    far = coord[nlist[center, slot]] - coord[center]
    limit = 1 << (R_BITS - 1)
    u = frames.square(m, np.clip(far, -limit, limit - 1))
    hit("where they are", "u_cut", (u == m.u_cut).sum())
    hit("where they are", "beyond the cutoff", (u > m.u_cut).sum())
    hit("where they are", "u saturates", (u == (1 << m.shape.u_bits) - 1).sum())
    hit("where they are", "r saturates", (np.abs(far) >= limit).any(axis=1).sum())


def _lists(m: Contents, lanes: int, atype: Any, nlist: Any) -> None:
    known = np.where((nlist >= 0) & (atype[nlist] >= 0), nlist, -1)
    before, beats_before = np.zeros(0, int), None
    hit("atoms", "an atom of no type", (atype < 0).sum())
    hit("atoms", "a type absent", m.shape.ntypes - len(np.unique(atype[atype >= 0])))
    for center, row in enumerate(known):
        of = row[row >= 0]
        if atype[center] < 0:
            continue
        for point, is_so in (
            ("none", len(of) == 0), ("one", len(of) == 1), ("lanes - 1", len(of) == lanes - 1),
            ("lanes", len(of) == lanes), ("lanes + 1", len(of) == lanes + 1),
            ("as many as the circuit takes", len(of) == m.shape.max_neighbors),
        ):  # fmt: skip
            hit("neighbours of a centre", point, int(is_so))
        hit("atoms", "only ghosts as neighbours", int(len(of) > 0 and of.min() >= len(nlist)))
        hit("atoms", "an empty slot's pad", int(len(of) < m.shape.max_neighbors))
        hit("atoms", "neighbour of itself", (of == center).sum())
        hit("atoms", "the same neighbour of successive atoms", len(np.intersect1d(of, before)))
        before = of
        for t in range(m.shape.ntypes):
            some = of[atype[of] == t]
            hit("neighbours of a centre", "none of one type", int(len(of) > 0 and len(some) == 0))
            hit("neighbours of a centre", "a full beat", len(some) // lanes)
            hit("neighbours of a centre", "a beat with idle lanes", int(len(some) % lanes > 0))
            for at in range(0, len(some), lanes):
                beat = some[at : at + lanes]
                if beats_before is not None:
                    size = min(len(beat), len(beats_before))
                    again = (beat[:size] == beats_before[:size]).sum()
                    hit("atoms", "the same in successive beats of a lane", again)
                beats_before = beat


def model(m: Contents, lanes: int) -> None:
    """What kind of model a frame was run on."""
    shape = m.shape
    plain = np.array([layer.idt.min() == layer.idt.max() for layer in m.layers])
    used = np.unique(m.pairs)
    pair_tables = shape.ntypes > 1 and not np.array_equal(m.table[0], m.table[1])
    for point, is_so in (
        ("one type", shape.ntypes == 1), ("two types", shape.ntypes == 2),
        ("three types", shape.ntypes == 3), ("split", shape.split),
        ("table of type pairs", pair_tables), ("residual layers", any(shape.resnet)),
        ("plain layers", not all(shape.resnet)), ("timesteps", not plain.all()),
        ("one column", shape.columns == 1 or shape.products == 1),
        ("pairs of a column with itself", (m.pairs[:, 0] == m.pairs[:, 1]).any()),
        ("a column in no pair", len(used) < shape.width),
        ("8-bit weights", 8 in shape.weight_bits),
    ):  # fmt: skip
        hit("models", point, int(is_so))


def build(shape: Any, layer_lanes: Any) -> None:
    """How the circuit of a frame was built."""
    odd = any(w % lane for w, lane in zip(shape.hidden, layer_lanes, strict=True))
    hit("models", "outputs that do not fill the lanes", int(odd))
