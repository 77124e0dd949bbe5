"""Detail files of `dpc test`: label and prediction of every number, in `dp test`'s columns."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np

from dpc.data.neighbors import F64

_XYZ = ("x", "y", "z")
FILES = {  # suffix, numbers in a row, their names
    "energy": ("e", 1, ["e"]),
    "energy/atom": ("e_peratom", 1, ["e"]),
    "force": ("f", 3, [f"f{a}" for a in _XYZ]),
    "virial": ("v", 9, [f"v{a}{b}" for a in _XYZ for b in _XYZ]),
    "virial/atom": ("v_peratom", 9, [f"v{a}{b}" for a in _XYZ for b in _XYZ]),
    "atom_energy": ("ae", 1, ["ae"]),
}


class Details:
    """Files PREFIX.e.out, PREFIX.f.out, … : a row is a frame or an atom, labels first."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self._open: dict[str, tuple[TextIO, Path, Path]] = {}
        self._system = ""
        self._told: set[str] = set()

    def begin(self, system: str) -> None:
        """The rows that follow are of this system."""
        self._system, self._told = system, set()

    def add(self, quantity: str, label: F64, prediction: F64) -> None:
        """Rows of one frame."""
        suffix, width, names = FILES[quantity]
        out = self._file(suffix)
        if quantity not in self._told:
            self._told.add(quantity)
            words = " ".join(f"{kind}_{n}" for kind in ("data", "pred") for n in names)
            out.write(f"# {self._system}: {words}\n")
        np.savetxt(out, np.hstack([label.reshape(-1, width), prediction.reshape(-1, width)]))

    def paths(self) -> list[Path]:
        """The files that there are."""
        return [final for _, _, final in self._open.values()]

    def close(self, keep: bool) -> None:
        """Give the files their names, or forget them."""
        for out, partial, final in self._open.values():
            out.close()
            if keep:
                os.replace(partial, final)
            else:
                partial.unlink(missing_ok=True)

    def _file(self, suffix: str) -> TextIO:
        if suffix not in self._open:
            stem = self.prefix.with_suffix("") if self.prefix.suffix == ".out" else self.prefix
            final = stem.with_name(f"{stem.name}.{suffix}.out")
            partial = final.with_name(final.name + ".part")
            self._open[suffix] = (partial.open("w"), partial, final)
        return self._open[suffix][0]


@contextmanager
def detail_files(prefix: Path | None) -> Iterator[Details | None]:
    """Details that are kept only when everything went well."""
    if prefix is None:
        yield None
        return
    details = Details(prefix)
    try:
        yield details
    except BaseException:
        details.close(keep=False)
        raise
    details.close(keep=True)
