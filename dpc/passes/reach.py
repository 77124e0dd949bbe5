"""Which numbers an embedding net can be asked for: the reach of the normalised s(r)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dpc.ir.op import Value
from dpc.ir.ops.arith import Cast
from dpc.ir.ops.environment import EnvMatrix, Radial, ScaleRows, switch
from dpc.ir.params import ParamStore
from dpc.passes.quintic import Array


@dataclass(frozen=True)
class Radius:
    """x of a distance: ``(sw(r)/r - mean) / std`` of each centre type."""

    mean: Array  # [ntypes]
    std: Array  # [ntypes]
    rcut: float
    rcut_smth: float

    def x(self, r: float) -> Array:
        """Normalised s of a neighbour at r (Å) for each centre type; an empty slot is at rcut."""
        sw, _ = switch(np.array(r, np.float64), self.rcut_smth, self.rcut)
        return np.asarray((sw / r - self.mean) / self.std)


def radius_of(x: Value, store: ParamStore) -> Radius | None:
    """How a net's input follows from the distance; None when it does not come from one."""
    while not isinstance(x.op, EnvMatrix):
        if isinstance(x.op, Radial | ScaleRows):
            x = x.op.env
        elif isinstance(x.op, Cast):
            x = x.op.a
        else:
            return None
    env = x.op
    mean, std = store[env.mean.name], store[env.std.name]
    return Radius(mean[:, 0], std[:, 0], env.rcut, env.rcut_smth)
