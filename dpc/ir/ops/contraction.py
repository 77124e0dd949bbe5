"""From rows of neighbours to one descriptor for each atom."""

from __future__ import annotations

import numpy as np

from dpc.ir.evaluate import Evaluation
from dpc.ir.op import Op, Value, op
from dpc.ir.params import Param
from dpc.ir.ragged import Array, centers, flat
from dpc.ir.types import ArrayType, NumpyArray, Ragged


@op("contract")
class Contract(Op):
    """X_i = scale sum_j R_ij^T G_ij: the neighbours of each atom, summed.

    %x = contract %env, %g, scale=0.0072 : f64[nloc, 4, 100]
    """

    env: Value  # [nloc, nnei, 4]
    g: Value  # [nloc, nnei, M]
    scale: float

    def infer(self) -> ArrayType:
        _same_rows(self, self.env, self.g)
        return self.env.type.with_dims(self.env.dims[0], self.env.dims[2], self.g.dims[2])

    def eval(self, at: Evaluation, env: Array, g: Array) -> NumpyArray:
        if isinstance(env, Ragged) or isinstance(g, Ragged):
            x = np.zeros((len(env), flat(env).shape[1], flat(g).shape[1]), dtype=env.dtype)
            for atom in range(len(env)):
                x[atom] = env[atom].T @ g[atom]
        else:
            x = np.matmul(env.swapaxes(1, 2), g)
        return np.asarray(x * x.dtype.type(self.scale))

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        denv = ContractVjpEnv(d, self.g, self.scale).out
        return denv, ContractVjpG(self.env, d, self.scale).out


def _same_rows(self: Op, a: Value, b: Value) -> None:
    fits = a.type.rank == b.type.rank == 3 and a.dims[:2] == b.dims[:2] and a.dtype == b.dtype
    self.require(fits, f"{a.type} and {b.type} must agree in dtype, atoms and neighbours")


@op("contract_vjp_env")
class ContractVjpEnv(Op):
    """Adjoint of contract with respect to env: scale G d^T.

    %denv = contract_vjp_env %d, %g, scale=0.0072 : f64[nloc, nnei, 4]
    """

    d: Value  # [nloc, 4, M]
    g: Value  # [nloc, nnei, M]
    scale: float

    def infer(self) -> ArrayType:
        fits = self.d.dims[0] == self.g.dims[0] and self.d.dims[2] == self.g.dims[2]
        self.require(fits, f"{self.d.type} and {self.g.type} must agree in atoms and width")
        return self.g.type.with_dims(*self.g.dims[:2], self.d.dims[1])

    def eval(self, at: Evaluation, d: NumpyArray, g: Array) -> Array:
        scaled = d * d.dtype.type(self.scale)
        if not isinstance(g, Ragged):
            return np.asarray(np.matmul(g, scaled.swapaxes(1, 2)))
        rows = np.zeros((len(g.values), d.shape[1]), dtype=d.dtype)
        for atom, (a, b) in enumerate(zip(g.offsets, g.offsets[1:], strict=False)):
            rows[a:b] = g.values[a:b] @ scaled[atom].T
        return Ragged(rows, g.offsets)


@op("contract_vjp_g")
class ContractVjpG(Op):
    """Adjoint of contract with respect to g: scale R d.

    %dg = contract_vjp_g %env, %d, scale=0.0072 : f64[nloc, nnei, 100]
    """

    env: Value  # [nloc, nnei, 4]
    d: Value  # [nloc, 4, M]
    scale: float

    def infer(self) -> ArrayType:
        fits = self.d.dims[:2] == (self.env.dims[0], self.env.dims[2])
        self.require(fits, f"{self.env.type} and {self.d.type} must agree in atoms and rows")
        return self.env.type.with_dims(*self.env.dims[:2], self.d.dims[2])

    def eval(self, at: Evaluation, env: Array, d: NumpyArray) -> Array:
        scaled = d * d.dtype.type(self.scale)
        if not isinstance(env, Ragged):
            return np.asarray(np.matmul(env, scaled))
        rows = np.zeros((len(env.values), d.shape[2]), dtype=d.dtype)
        for atom, (a, b) in enumerate(zip(env.offsets, env.offsets[1:], strict=False)):
            rows[a:b] = env.values[a:b] @ scaled[atom]
        return Ragged(rows, env.offsets)


def cyclic_pairs(width: int, axis: int) -> NumpyArray:
    """Pairs (a, a + k mod width), k < axis, k fastest: i32[width axis, 2]."""
    a, k = (x.ravel() for x in np.indices((width, axis)))
    return np.stack([a, (a + k) % width], axis=1).astype(np.int32)


def outer_pairs(width: int, axis_neuron: int, symmetric: bool) -> tuple[NumpyArray, NumpyArray]:
    """Columns m and a of each component of `outer`, in order.

    All (m, a) with a < axis_neuron, m slowest; symmetric: without m < axis_neuron and a > m,
    which repeat (a, m).
    """
    m, a = (x.ravel() for x in np.indices((width, axis_neuron)))
    kept = (a <= m) if symmetric else np.ones(len(m), dtype=bool)
    return m[kept], a[kept]


@op("outer")
class Outer(Op):
    """D = X^T X_<, its columns (m, a) in a line: D_ma = sum_c x_cm x_ca, a < axis_neuron.

    K = M axis_neuron; symmetric=true leaves out what is there twice (see `outer_pairs`).

    %d = outer %x, axis_neuron=16 : f64[nloc, 1600]
    """

    x: Value  # [nloc, 4, M]
    axis_neuron: int
    symmetric: bool = False

    def infer(self) -> ArrayType:
        return self.x.type.with_dims(self.x.dims[0], self.components())

    def components(self) -> int:
        """K."""
        width, axis = int(self.x.dims[2]), self.axis_neuron
        self.require(
            0 < axis <= width, f"axis_neuron is {axis}, but must be 1 to {width}, the width of x"
        )
        return width * axis - (axis * (axis - 1) // 2 if self.symmetric else 0)

    def eval(self, at: Evaluation, x: NumpyArray) -> NumpyArray:
        full = np.matmul(x.swapaxes(1, 2), x[:, :, : self.axis_neuron])
        m, a = outer_pairs(x.shape[2], self.axis_neuron, self.symmetric)
        return np.asarray(full[:, m, a])

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return (OuterVjp(d, self.x, self.axis_neuron, self.symmetric).out,)


@op("outer_vjp")
class OuterVjp(Op):
    """Adjoint of outer: dx_cm += d_ma x_ca and dx_ca += d_ma x_cm.

    %dx = outer_vjp %d, %x, axis_neuron=16 : f64[nloc, 4, 100]
    """

    d: Value
    x: Value
    axis_neuron: int
    symmetric: bool = False

    def infer(self) -> ArrayType:
        given = Outer(self.x, self.axis_neuron, self.symmetric).types[0]
        self.require(self.d.type == given, f"d is {self.d.type}, but outer gives {given}")
        return self.x.type

    def eval(self, at: Evaluation, d: NumpyArray, x: NumpyArray) -> NumpyArray:
        m, a = outer_pairs(x.shape[2], self.axis_neuron, self.symmetric)
        full = np.zeros((len(x), x.shape[2], self.axis_neuron), dtype=x.dtype)
        full[:, m, a] = d
        dx = np.matmul(x[:, :, : self.axis_neuron], full.swapaxes(1, 2))
        dx[:, :, : self.axis_neuron] += np.matmul(x, full)
        return np.asarray(dx)


@op("padding")
class Padding(Op):
    """What the empty slots of the padded form add to contract's result. Ragged lists only.

    sum_t (sel[t] - n_t) pad[ti, t], where n_t neighbours have type t. `constant` is
    pad [ntypes, ntypes, 4, M] and already has contract's scale in it. With split=true what
    slots of type t add goes into columns t M to (t + 1) M, as contract has it of type_columns.

    %p = padding %nlist, %atype, constant=@pad, sel=(46, 92) : f64[nloc, 4, 100]
    """

    nlist: Value
    atype: Value
    constant: Param
    sel: tuple[int, ...]
    split: bool = False

    def infer(self) -> ArrayType:
        self.require(self.nlist.type.ragged, f"needs a ragged list, not {self.nlist.type}")
        kind, ntypes = self.constant.type, len(self.sel)
        fits = kind.rank == 4 and kind.dims[:2] == (ntypes, ntypes)
        self.require(fits, f"{self.constant} is {kind}, not [ntypes, ntypes, 4, M]")
        width = int(kind.dims[3]) * (ntypes if self.split else 1)
        return kind.with_dims(self.nlist.dims[0], kind.dims[2], width)

    def eval(self, at: Evaluation, nlist: Ragged, atype: NumpyArray) -> NumpyArray:
        pad, ntypes = at.param(self.constant), len(self.sel)
        ti = atype[: len(nlist)]
        group = centers(nlist) * ntypes + atype[nlist.values]
        found = np.bincount(group, minlength=len(nlist) * ntypes).reshape(-1, ntypes)
        empty = (np.asarray(self.sel) - found).astype(pad.dtype)
        if self.split:
            blocks = empty[:, None, :, None] * pad[ti].swapaxes(1, 2)  # [nloc, 4, ntypes, M]
            return np.asarray(blocks.reshape(*blocks.shape[:2], ntypes * pad.shape[3]))
        return np.asarray(np.einsum("it,itcm->icm", empty, pad[ti]))
