"""A compiled package as a Python object."""

from __future__ import annotations

import ctypes
import os
import threading
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dpc.data.inputs import read_cell, read_coord, read_parameters, read_types
from dpc.errors import DpcError, InputError, ToolError
from dpc.md import library


class PackageError(InputError):
    """The package is missing, damaged or of another version."""


class LimitError(InputError):
    """More atoms or neighbours than the package can hold."""


class NumericError(InputError):
    """Two atoms at one place, or a result that is not finite."""


# by dpc_status
_ERRORS: dict[int, type[DpcError]] = {
    1: InputError,
    2: PackageError,
    3: ToolError,
    4: DpcError,  # memory
    5: LimitError,
    6: NumericError,
}


@dataclass(frozen=True)
class Facts:
    """What a package says of itself. `rcut` in Å; `fparam`, `aparam`: numbers of values."""

    name: str
    type_map: tuple[str, ...]
    rcut: float
    fparam: int
    aparam: int
    outputs: tuple[str, ...]
    target: str
    precision: str


class Potential:
    """A compiled Deep Potential.

        out = Potential("water.dpc").evaluate(coord, ["O", "H", "H"], cell)

    `threads` share one evaluation. `strict` turns the warnings about `sel` and about pairs
    closer than the tables into errors; `verify=False` skips the digests of the files.

    A package for GPUs runs on the one with index `device`, chosen by the local rank of MPI when
    it is None, and takes at most `device_bytes` of its memory (None: all that is free).
    A package for an FPGA runs on the `device` "host" (the circuit's C model), "sim" (the circuit
    in software), "xdma:0" or "xrt:0:FILE" (cards); None finds a card, else takes the host:
    `facts.target` says which. On all but the host there is no `atom_virial`.
    `deterministic`: the same input gives the same bits there, too.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        threads: int = 1,
        strict: bool = False,
        verify: bool = True,
        device: int | str | None = None,
        device_bytes: int | None = None,
        deterministic: bool = False,
    ) -> None:
        self._lib = library.load()
        self._model, self._session = ctypes.c_void_p(), ctypes.c_void_p()
        self._lock = threading.Lock()  # a session serves one thread at a time
        self._warned: set[str] = set()
        flags = strict * library.STRICT | (not verify) * library.OPEN_UNVERIFIED
        flags |= deterministic * library.DETERMINISTIC
        options = library.Options(
            device=device if isinstance(device, int) else -1,
            threads=threads,
            flags=flags,
            device_bytes=device_bytes or 0,
            device_name=os.fsencode(device) if isinstance(device, str) else None,
        )
        self._call("dpc_open", os.fsencode(path), options, ctypes.byref(self._model))
        self._call("dpc_session_new", self._model, ctypes.byref(self._session))
        self.facts = _facts(self._lib.dpc_get_facts(self._model).contents)
        self.type_map, self.rcut = self.facts.type_map, self.facts.rcut

    def evaluate(
        self,
        coord: ArrayLike,
        types: ArrayLike,
        cell: ArrayLike | None = None,
        fparam: ArrayLike | None = None,
        aparam: ArrayLike | None = None,
    ) -> dict[str, Any]:
        """Energy (float), force [n, 3], virial [3, 3], atom_energy [n], atom_virial [n, 3, 3].

        coord [n, 3] or flat, Å; types: names of the type map or their indices; cell: vectors as
        rows, None for an open boundary. eV, eV/Å, NumPy float64.
        """
        atype = read_types(self.type_map, types)
        n = len(atype)
        read = {
            "coord": read_coord(coord, n),
            "type": atype,
            "cell": read_cell(cell),
            "fparam": read_parameters("fparam", fparam, (self.facts.fparam,)),
            "aparam": read_parameters("aparam", aparam, (n, self.facts.aparam)),
        }
        # a cell that is a transposed view, say, has its numbers in another order
        arrays = {k: None if a is None else np.ascontiguousarray(a) for k, a in read.items()}
        shapes = {"energy": (), "force": (n, 3), "virial": (3, 3), "atom_energy": (n,)}
        shapes["atom_virial"] = (n, 3, 3)
        results = {name: np.zeros(shapes[name]) for name in self.facts.outputs}
        given = library.Input(nloc=n, nall=n, **{k: _address(a) for k, a in arrays.items()})
        wanted = library.Output(**{name: _address(a) for name, a in results.items()})
        with self._lock:
            if not self._session:
                raise InputError("this Potential is closed: make another one")
            self._call("dpc_evaluate", self._session, given, wanted)
        self._warn(wanted)
        return {name: float(a) if a.ndim == 0 else a for name, a in results.items()}

    def close(self) -> None:
        """Free the package. Closing twice does nothing."""
        with self._lock:
            self._lib.dpc_session_free(self._session)
            self._lib.dpc_close(self._model)
            self._session, self._model = ctypes.c_void_p(), ctypes.c_void_p()

    def __enter__(self) -> Potential:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_lock"):
            self.close()

    def __repr__(self) -> str:
        facts = self.facts
        return f"<Potential {facts.name}: {' '.join(facts.type_map)}, {facts.target}>"

    def _call(self, function: str, *arguments: Any) -> None:
        error = library.Error()
        status = getattr(self._lib, function)(*arguments, ctypes.byref(error))
        if status:
            message = error.message.decode(errors="replace")
            raise _ERRORS.get(status, DpcError)(message)

    def _warn(self, output: library.Output) -> None:
        """Say what happened, once of each kind."""
        name = self.facts.name
        said = {
            "sel": output.sel_overflow
            and f"{name}: {output.sel_overflow} neighbours are more than the model's sel holds: "
            "it keeps the nearest, and forces may jump. Train with a larger sel",
            "tables": output.extrapolated
            and f"{name}: {output.extrapolated} pairs are closer than the model's tables reach: "
            "it extrapolates smoothly, but was not trained there",
        }
        for kind, sentence in said.items():
            if sentence and kind not in self._warned:
                self._warned.add(kind)
                warnings.warn(sentence, RuntimeWarning, stacklevel=3)


def _address(array: NDArray[Any] | None) -> int | None:
    return None if array is None else array.ctypes.data


def _facts(facts: library.Facts) -> Facts:
    return Facts(
        name=facts.name.decode(),
        type_map=tuple(facts.type_map[i].decode() for i in range(facts.ntypes)),
        rcut=facts.rcut,
        fparam=facts.fparam,
        aparam=facts.aparam,
        outputs=tuple(n for bit, n in enumerate(library.OUTPUTS) if facts.outputs >> bit & 1),
        target=facts.target.decode(),
        precision=facts.precision.decode(),
    )
