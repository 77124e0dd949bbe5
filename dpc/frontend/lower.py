"""Model to Program: the same function, said in the ops of the IR.

Lowering is written, not traced, so the program keeps the words of the field. Names of banks and
parameters: embedding, fitting, mean, std, bias, fparam_avg, ….
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from dpc.ir.builder import Builder
from dpc.ir.op import Value
from dpc.ir.params import NetBank
from dpc.ir.program import Program
from dpc.ir.types import DType, NumpyArray

if TYPE_CHECKING:
    from dpc.frontend.model import Model
    from dpc.frontend.net import MlpBank


@dataclass(frozen=True)
class EnvValues:
    """What a descriptor and a fitting see, as values of the IR."""

    r: Value  # [nloc, nnei, 3]
    nlist: Value  # [nloc, nnei]
    ti: Value  # [nloc]
    tj: Value  # [nloc, nnei]
    fparam: Value | None  # [numb_fparam]
    aparam: Value | None  # [nloc, numb_aparam]


def lower(model: Model, name: str = "model") -> Program:
    """The energy graph of a model, over padded lists: no forces yet."""
    known = model.facts
    b = Builder()
    coord = b.input("coord", "f64[nall, 3]")
    atype = b.input("atype", "i32[nall]")
    nlist = b.input("nlist", "i32[nloc, nnei]")
    fparam = b.input("fparam", f"f64[{known.fparam}]") if known.fparam else None
    aparam = b.input("aparam", f"f64[nloc, {known.aparam}]") if known.aparam else None
    ti = b.center_type(atype, nlist, name="ti")
    if model.pair_exclude_types:
        nlist = b.exclude_pairs(nlist, atype, pairs=model.pair_exclude_types, name="kept")
    r = b.displacement(coord, nlist, name="r")
    tj = b.neighbor_type(atype, nlist, sel=model.sel, name="tj")
    env = EnvValues(r, nlist, ti, tj, fparam, aparam)
    descriptor = model.descriptor.lower(b, env)
    energy = model.fitting.lower(b, descriptor, env, model.out_bias)
    if model.atom_exclude_types:
        energy = b.type_mask(energy, ti, exclude=model.atom_exclude_types, name="counted")
    return b.program(name, known, b.graph("energy", atom_energy=energy))


def numbers(tensor: torch.Tensor) -> NumpyArray:
    """A parameter for the store, in float64: statistics of float32 models widen exactly."""
    return tensor.detach().to(torch.float64).numpy()


def ir_dtype(dtype: torch.dtype) -> DType:
    """The IR's name of a torch type."""
    return DType.F32 if dtype == torch.float32 else DType.F64


def declare_bank(b: Builder, name: str, index: str, bank: MlpBank) -> NetBank:
    """Declare the nets of a bank with their weights."""
    declared = NetBank(
        name,
        index,
        bank.widths,
        bank.activation,
        resnet=True,
        timestep=bank.resnet_dt,
        dtype=ir_dtype(bank.dtype),
        count=len(bank),
        has_head=bank.has_head,
        plain=bank.plain,
    )
    return b.declare(declared, dict(_weights(name, bank)))


def _weights(name: str, bank: MlpBank) -> Iterator[tuple[str, NumpyArray]]:
    for key, tensor in bank.state_dict().items():
        yield f"{name}.{key}", tensor.detach().numpy()


def cast(b: Builder, value: Value, dtype: DType) -> Value:
    """The value in another dtype; itself where it is of that dtype."""
    return value if value.dtype is dtype else b.cast(value, dtype=dtype)
