"""A project of hls4ml: written, compiled as C++, run."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dpc.backends.fpga.hls.extension import register
from dpc.backends.fpga.hls.layers import ENERGY, INPUT, SLOPE, Layers
from dpc.errors import ToolError
from dpc.ir.types import NumpyArray

STAMP = "csim"
"""In place of hls4ml's random one: the same model gives the same bytes."""


class Project:
    """A fitting net as a project of Vitis HLS in a folder, top function `name`."""

    def __init__(
        self, net: Layers, name: str, folder: Path, device: str, mhz: int, interval: int
    ) -> None:
        register()
        from hls4ml.model.graph import ModelGraph

        self.units, self.folder = net.units, folder
        model = {"Precision": "ap_fixed<16,6>", "Strategy": "Resource", "ReuseFactor": interval}
        config = {
            "Backend": "Vitis",
            "ProjectName": name,
            "OutputDir": str(folder),
            "Stamp": STAMP,
            "Part": device,
            "ClockPeriod": 1000 / mhz,
            "IOType": "io_parallel",
            "HLSConfig": {
                "Model": model,
                "LayerName": {key: {"Precision": types} for key, types in net.types.items()},
            },
        }
        with _quiet():
            self._graph = ModelGraph.from_layer_list(
                config, net.layers, inputs=[INPUT], outputs=[ENERGY, SLOPE]
            )

    def write(self) -> dict[str, bytes]:
        """Write it; its files by path in the folder."""
        with _quiet():
            self._graph.config.backend.writer.write_hls(self._graph)
        found = sorted(path for path in self.folder.rglob("*") if path.is_file())
        here = str(self.folder).encode()
        return {
            str(path.relative_to(self.folder)): path.read_bytes().replace(here, b".")
            for path in found
        }

    def simulate(self, d: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
        """Energies [n] and dE/dD [n, K] of descriptors [n, K], all integers, by its C++."""
        with _quiet():
            self._graph._compile()
        x = np.ascontiguousarray(d * 2.0**-self.units.d)
        energy, slope = zip(*(self._one(row) for row in x), strict=True)
        return (
            _integers(np.concatenate(energy), self.units.energy),
            _integers(np.stack(slope), self.units.dd),
        )

    def _one(self, x: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
        energy, slope = self._graph.predict(x[None])
        return np.asarray(energy).reshape(1), np.asarray(slope).reshape(-1)


def _integers(x: NumpyArray, frac: int) -> NumpyArray:
    """Integers at so many fraction bits; results are exact multiples."""
    scaled = x * 2.0**frac
    if not np.array_equal(scaled, np.rint(scaled)):
        raise ToolError(f"hls4ml's C++ gives numbers with more than {frac} fraction bits")
    return scaled.astype(np.int64)


@contextlib.contextmanager
def _quiet() -> Iterator[Any]:
    """What hls4ml prints is in its errors, or not of interest."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield said
    except Exception as error:
        lines = said.getvalue().strip().splitlines()
        shown = [line for line in lines if "error" in line.lower()] or lines[-20:]
        raise ToolError("\n    ".join([f"hls4ml fails: {error}", *shown[:20]])) from error
