"""The flow hls: a circuit's package, and its fitting net as projects of hls4ml, checked."""

from __future__ import annotations

import importlib.metadata
import tempfile
from pathlib import Path

import numpy as np

from dpc.backends.base import BuildResult, Keep, drop
from dpc.backends.fpga.build import FpgaBackend
from dpc.backends.fpga.hls.layers import Layers, fitting_layers
from dpc.backends.fpga.hls.library import hls4ml
from dpc.backends.fpga.hls.project import Project
from dpc.backends.fpga.hls.readme import readme
from dpc.errors import DpcError
from dpc.ir.fixed.numbers import Integers
from dpc.ir.fixed.pipeline import fit
from dpc.ir.fixed.shape import DATA_BITS, Contents
from dpc.ir.fixed.store import contents_of
from dpc.ir.ops.fixed import FixedPoint
from dpc.ir.program import Program
from dpc.ir.types import NumpyArray
from dpc.targets import Target
from dpc.targets.fpga import DEVICES

VECTORS = 64
"""Descriptors on which C++ and integer model are compared, for each type."""
BENCH = 16
"""Those that a project's own test bench has, with what must come out."""


class HlsBackend(FpgaBackend):
    """What the flow rtl gives, and hls/: one project for each type of atom."""

    def __init__(self) -> None:
        hls4ml()  # say at once that it is missing

    def build(self, program: Program, target: Target, keep: Keep = drop) -> BuildResult:
        """All files of the package."""
        built = super().build(program, target, keep)
        op = next(iter(program.energy.find(FixedPoint)))
        contents = contents_of(op, program.store)
        interval = int(built.facts["circuit"]["interval"])
        files, nets = {}, {}
        for t, name in enumerate(program.facts.type_map):
            net = nets[name] = fitting_layers(contents, t)
            for path, data in _project(contents, t, net, target, interval).items():
                files[f"hls/type_{t}/{path}"] = data
        files["hls/README.md"] = readme(nets).encode()
        facts = {
            "tool": f"hls4ml {importlib.metadata.version('hls4ml')}",
            "types": list(nets),
            "equal_on": VECTORS,
        }
        return BuildResult({**built.files, **files}, {**built.facts, "hls": facts})


def _project(
    m: Contents, t: int, net: Layers, target: Target, interval: int
) -> dict[str, bytes]:  # fmt: skip
    """The files of one type's project; its C++ gives the integers of the model, or an error."""
    d = vectors(m.shape.products)
    with tempfile.TemporaryDirectory(prefix="dpc-hls-") as folder:
        device, mhz = DEVICES[target.arch], target.limits["mhz"]
        project = Project(net, f"fitting_{t}", Path(folder), device, mhz, interval)
        files = project.write()
        found = project.simulate(d)
    wanted = fit(Integers(m), m, np.full(len(d), t), d)
    for what, one, other in zip(("energy", "dE/dD"), found, wanted, strict=True):
        wrong = int(np.count_nonzero(one != other))
        if wrong:
            raise DpcError(
                f"type {t}: hls4ml's C++ and the integer model differ in {wrong} of {one.size} "
                f"numbers of {what}, by {np.abs(one - other).max()} at most"
            )
    bench = slice(None, BENCH)
    predictions = np.column_stack(
        [wanted[0][bench] * 2.0**-net.units.energy, wanted[1][bench] * 2.0**-net.units.dd]
    )
    files["tb_data/tb_input_features.dat"] = _rows(d[bench] * 2.0**-net.units.d)
    files["tb_data/tb_output_predictions.dat"] = _rows(predictions)
    return files


def _rows(x: NumpyArray) -> bytes:
    """As the test bench of a project reads them: all digits."""
    return "".join(" ".join(map(repr, row)) + "\n" for row in x.tolist()).encode()


def vectors(products: int, count: int = VECTORS) -> NumpyArray:
    """Descriptors [count, K] in all their range: large ones saturate signals, zeros are there."""
    rng = np.random.default_rng(0)
    most = 1 << (DATA_BITS - 1)
    d = rng.integers(-most, most, (count, products)) >> rng.integers(0, DATA_BITS, (count, 1))
    d[:3] = [[0], [most - 1], [-most]]
    return np.asarray(d, np.int64)
