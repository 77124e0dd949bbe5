"""Fitting nets whose products take bfloat16: AVX-512 and AMX."""

from __future__ import annotations

import re

import numpy as np
import pytest

from dpc.backends.tvm.build import build_kernels
from dpc.backends.tvm.kernels import amx, bf16
from dpc.backends.tvm.kernels.gradient import GradientSpec
from dpc.backends.tvm.kernels.layer import Layer
from dpc.errors import InputError
from dpc.targets import parse_target
from tests.unit.backends.tvm import reference
from tests.unit.backends.tvm.conftest import runnable
from tests.unit.backends.tvm.harness import close
from tests.unit.backends.tvm.test_nets import gradient

NETS = {
    "water": (Layer(733, 240), Layer(240, 240, "tanh", "same", True),
              Layer(240, 240, "tanh", "same", True), Layer(240, 1, "linear")),
    "awkward": (Layer(13, 5), Layer(5, 10, "gelu", "double"), Layer(10, 7, "tanh", "none", True),
                Layer(7, 7, "softplus", "same", True), Layer(7, 1, "linear")),
    "first_same": (Layer(33, 33, "tanh", "same", True), Layer(33, 16), Layer(16, 1, "linear")),
    "one_hidden": (Layer(20, 17, "relu"), Layer(17, 1, "linear")),
}  # fmt: skip
PRODUCTS = {  # first, hidden, target
    "bf16": ("", "bf16", "x86-64-v4+bf16"),
    "mixed": ("amx3", "amx", "x86-64-v4+bf16+amx"),
    "amx3": ("amx3", "amx3", "x86-64-v4+bf16+amx"),
}
SPECS = {
    (name, kind, vectors): GradientSpec(name, layers, "float32", vectors, hidden, first)
    for kind, (first, hidden, _) in PRODUCTS.items()
    for name, layers in NETS.items()
    for vectors in (1, 2, 3)
    if vectors == 3 or name != "water"  # it takes a second to compile
}
NAMES = [(name, vectors) for name, kind, vectors in SPECS if kind == "bf16"]


def nearest(a):
    """The nearest bfloat16, by another way than the one under test."""
    mantissa, exponent = np.frexp(a)
    return np.ldexp(np.round(mantissa * 256) / 256, exponent)


def evaluated(name, kind, vectors, compiled):
    """d, weights and the results of the compiled net."""
    target = runnable(PRODUCTS[kind][2])
    together = tuple(s for k, s in SPECS.items() if k[1:] == (kind, vectors))
    return gradient(SPECS[name, kind, vectors], target, compiled(target, together))


@pytest.mark.parametrize("kind", ["bf16", "mixed"])
@pytest.mark.parametrize(("name", "vectors"), NAMES)
def test_hidden_layers_in_bfloat16(name, vectors, kind, compiled):
    d, tensors, e, dd = evaluated(name, kind, vectors, compiled)
    y, g = reference.net(NETS[name], tensors, d.T, None, bf16=nearest)
    usual = 1e-6 if kind != "mixed" else 5e-5
    assert np.median(np.abs(e - y[:, 0])) < usual and np.median(np.abs(dd - g.T)) < usual
    close(e, y[:, 0], 1e-3)  # a number near the middle of two may round to the other one
    close(dd, g.T, 5e-3)
    exact, exact_g = reference.net(NETS[name], tensors, d.T, None)
    close(e, exact[:, 0], 1e-2)
    close(dd, exact_g.T, 2e-2)


@pytest.mark.parametrize(("name", "vectors"), NAMES)
def test_products_of_parts_are_nearly_float32(name, vectors, compiled):
    d, tensors, e, dd = evaluated(name, "amx3", vectors, compiled)
    y, g = reference.net(NETS[name], tensors, d.T, None)
    close(e, y[:, 0], 2e-5)
    close(dd, g.T, 2e-5)


@pytest.mark.parametrize(("kind", "wanted"), [("bf16", "vdpbf16ps"), ("amx3", "tdpbf16ps")])
def test_the_instructions_and_no_symbols(kind, wanted):
    kernels = build_kernels([SPECS["water", kind, 3]], parse_target(f"cpu:{PRODUCTS[kind][2]}"))
    asm = kernels.asm()
    assert asm.count(wanted) > 50 and asm.count("vcvtneps2bf16") > 10
    code = [line.split() for line in asm.splitlines()]
    assert not [line for line in code if line and line[0].startswith("call")]
    assert not re.findall(r"\.globl\s+(?!dpc_gradient)", asm)


def test_they_need_the_instructions():
    for kind, arch, feature in (("bf16", "x86-64-v4", "bf16"), ("mixed", "x86-64-v4+bf16", "amx")):
        with pytest.raises(InputError, match=rf"does not promise one. .* cpu:x86-64-v4\+{feature}"):
            build_kernels([SPECS["water", kind, 3]], parse_target(f"cpu:{arch}"))
    with pytest.raises(InputError, match="bfloat16 goes with float32"):
        GradientSpec("x", NETS["water"], hidden="bf16")
    with pytest.raises(InputError, match="hidden is 'int8'"):
        GradientSpec("x", NETS["water"], "float32", hidden="int8")


def test_rounding_to_bfloat16():
    x = np.array([1.0, 1.00390625, 1.001953125, 1.005859375, -3.14159, 1e-3, 3e38, 0.0, np.inf])
    wanted = [1.0, 1.0, 1.0, 1.0078125, -3.140625, 0.00099945068359375, 3.004e38, 0.0, np.inf]
    found = bf16.widen_bf16(bf16.round_to_bf16(x))
    assert np.allclose(found, wanted, rtol=2e-4)
    assert (found[:6] == np.array(wanted[:6], np.float32)).all()
    assert np.isnan(bf16.widen_bf16(bf16.round_to_bf16(np.array([np.nan])))).all()


def test_pairs_hold_neighbouring_features():
    weight = np.arange(15, dtype=np.float32).reshape(5, 3)
    values = bf16.widen_bf16(bf16.pack_pairs(weight).view(np.uint16).reshape(3, 3, 2))
    assert (values[:, :, 0] == weight[0::2]).all()
    assert (values[:2, :, 1] == weight[1::2]).all() and (values[2, :, 1] == 0).all()


def test_weights_of_tiles():
    weight = np.random.default_rng(0).normal(size=(40, 20))
    packed = amx.pack_weights(weight, 2)
    assert packed.size == amx.packed_size(40, 20, 2)
    tiles = bf16.widen_bf16(packed.view(np.uint16)).reshape(2, 2, 2, 16, 32)
    total = tiles.sum(axis=2).transpose(1, 3, 0, 2).reshape(64, 32)  # high + low part
    assert np.abs(total[:40, :20] - weight).max() < 2.0**-16 * np.abs(weight).max()
    assert not total[40:].any() and not total[:, 20:].any()
