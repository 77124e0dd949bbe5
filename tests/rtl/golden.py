"""A model, a circuit for it and integers to feed its modules: set up alike in every test.

The test process and the simulation agree on them by name: DPC_RTL_CASE is
"model interval lanes".
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from dpc.backends.fpga import images
from dpc.backends.fpga.microarch import back_load
from dpc.backends.fpga.parameters import Build, constants, package
from dpc.ir.fixed import frames
from dpc.ir.fixed.numbers import Integers
from dpc.ir.fixed.shape import Contents
from tests.fixed_models import MODELS, contents, made_samples

PARAMETERS = {
    "dp_env": {"Shift3": "TableShift3", "Shift2": "TableShift2", "Shift1": "TableShift1",
               **{n: n for n in ("Lanes", "Columns", "Types", "RowBits", "Octaves", "GShift")}},
    "dp_contract": {n: n for n in ("Lanes", "Columns", "Types", "Split", "MaxNeighbors")},
    "dp_products": {"Width": "Width", "Products": "Products", "Lanes": "ProductLanes"},
    "dp_products_back": {"Lanes": "BackLanes", "Beats": "BackBeats",
                         **{n: n for n in ("Width", "Products", "ProductLanes")}},
    "dp_pair_back": {"ColumnLanes": "BackLanes", "GShift": "DgShift",
                     **{n: n for n in ("Lanes", "Columns", "Types", "Split", "RowShift")}},
    "dp_forces": {"Lanes": "Lanes", "Atoms": "Atoms"},
    "dp_virial": {"Lanes": "Lanes"},
    "dp_list": {"Lanes": "Lanes"},
    "dp_coords": {"Lanes": "Lanes", "Atoms": "Atoms"},
    "dp_fit": {}, "dp_core": {}, "dp_top": {},
}  # fmt: skip
WHOLE = ("dp_fit", "dp_core", "dp_top")  # take dp_model_pkg


@dataclass
class Beat:
    """Neighbours of one centre and one type."""

    center: int
    ti: int
    tj: int
    pairs: list[int]  # into the arrays of neighbours
    last: bool

    @property
    def word(self) -> int:
        """beat_t."""
        return int(self.last) << 26 | self.ti << 21 | self.tj << 16 | self.center


@dataclass
class Case:
    """A model and how wide its circuit is."""

    name: str
    interval: int
    lanes: int

    @cached_property
    def m(self) -> Contents:
        """The model."""
        return contents(self.name)

    @cached_property
    def build(self) -> Build:
        """A small circuit."""
        found = Build.of_interval(
            self.m.shape, self.interval, self.lanes,
            atoms=512, list_words=2048, history_beats=256, atom_style="block",
        )  # fmt: skip
        longest = back_load(self.m.pairs, self.m.shape.width, found.back_lanes)
        return replace(found, back_beats=max(found.back_beats, longest))

    def parameters(self, top: str) -> dict[str, Any]:
        """Of one module."""
        found = constants(self.m.shape, self.build)
        return {p: _number(found[name]) for p, name in PARAMETERS[top].items()}

    def package(self, top: str) -> str:
        """dp_model_pkg, if the module takes it."""
        return package(self.m.shape, self.build) if top in WHOLE else ""

    @cached_property
    def frame(self) -> tuple[Any, Any, Any]:
        """Positions, types and list, integers."""
        inputs = made_samples(MODELS[self.name], 1)[0].inputs
        return frames.to_fixed(inputs["coord"]), inputs["atype"], inputs["nlist"]

    @cached_property
    def near(self) -> Any:
        """Its neighbours."""
        return frames.neighbors(self.m, *self.frame)

    @cached_property
    def ti(self) -> Any:
        """Types of the centres."""
        return self.frame[1][: len(self.frame[2])]

    def words(self) -> Any:
        """Of the image, without rows of the table that this frame does not read."""
        n = self.numbers()
        n.channels(self.near.ti, self.near.tj, self.near.u)
        pair = self.near.ti * self.m.shape.ntypes + self.near.tj
        used = np.unique(pair * self.m.shape.rows + n.trace["row"])
        words = images.images(self.m, self.build)
        row = (words >> np.uint64(36)) & np.uint64(0x1FFF)
        return words[(words >> np.uint64(59) != images.TABLE) | np.isin(row, used)]

    def numbers(self) -> Integers:
        """The integer model; its trace is empty."""
        return Integers(self.m)

    def beats(self) -> Iterator[Beat]:
        """All neighbours in the order of the list."""
        for center in range(len(self.ti)):
            of = np.flatnonzero(self.near.center == center)
            found = []
            for tj in np.unique(self.near.tj[of]):
                here = of[self.near.tj[of] == tj]
                for at in range(0, len(here), self.lanes):
                    some = [int(p) for p in here[at : at + self.lanes]]
                    found.append(Beat(center, int(self.ti[center]), int(tj), some, False))
            found = found or [Beat(center, int(self.ti[center]), 0, [], False)]
            found[-1].last = True
            yield from found


def _number(value: object) -> object:
    return int(value) if isinstance(value, bool) else value


def case() -> Case:
    """The case of this simulation."""
    name, interval, lanes = os.environ["DPC_RTL_CASE"].split()
    return Case(name, int(interval), int(lanes))
