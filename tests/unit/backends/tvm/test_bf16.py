"""Fitting nets whose hidden layers multiply in bfloat16."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dpc.backends.tvm.build import build_kernels
from dpc.backends.tvm.kernels import bf16
from dpc.backends.tvm.kernels.gradient import GradientSpec
from dpc.backends.tvm.kernels.layer import Layer
from dpc.errors import InputError
from dpc.targets import parse_target
from tests.unit.backends.tvm import reference
from tests.unit.backends.tvm.harness import close
from tests.unit.backends.tvm.test_nets import gradient

NETS = {
    "water": (Layer(733, 240), Layer(240, 240, "tanh", "same", True),
              Layer(240, 240, "tanh", "same", True), Layer(240, 1, "linear")),
    "awkward": (Layer(13, 5), Layer(5, 10, "gelu", "double"), Layer(10, 7, "tanh", "none", True),
                Layer(7, 7, "softplus", "same", True), Layer(7, 1, "linear")),
    "one_hidden": (Layer(20, 17, "relu"), Layer(17, 1, "linear")),
}  # fmt: skip
SPECS = {
    (name, vectors): GradientSpec(f"{name}", layers, "float32", vectors, "bf16")
    for name, layers in NETS.items()
    for vectors in (1, 2, 3)
}


def nearest(a):
    """The nearest bfloat16, by another way than the one under test."""
    mantissa, exponent = np.frexp(a)
    return np.ldexp(np.round(mantissa * 256) / 256, exponent)


@pytest.mark.parametrize(("name", "vectors"), SPECS)
def test_value_and_gradient(name, vectors, bf16_target, compiled):
    spec = SPECS[name, vectors]
    library = compiled(bf16_target, tuple(s for k, s in SPECS.items() if k[1] == vectors))
    d, tensors, e, dd = gradient(spec, bf16_target, library)
    y, g = reference.net(spec.layers, tensors, d.T, None, bf16=nearest)
    assert np.median(np.abs(e - y[:, 0])) < 1e-6 and np.median(np.abs(dd - g.T)) < 1e-6
    close(e, y[:, 0], 1e-3)  # a number near the middle of two may round to the other one
    close(dd, g.T, 5e-3)
    exact, exact_g = reference.net(spec.layers, tensors, d.T, None)
    close(e, exact[:, 0], 1e-2)
    close(dd, exact_g.T, 2e-2)


def test_full_speed_instructions_and_no_symbols(bf16_target):
    kernels = build_kernels([SPECS["water", 3], replace(SPECS["one_hidden", 3])], bf16_target)
    asm = kernels.asm()
    assert asm.count("vdpbf16ps") > 90 and asm.count("vcvtneps2bf16") > 10
    assert "dpc_bf16" not in asm


def test_it_needs_the_instructions():
    with pytest.raises(InputError, match=r"cpu:x86-64-v4 does not promise one. Compile for cpu"):
        build_kernels([SPECS["one_hidden", 3]], parse_target("cpu:x86-64-v4"))
    with pytest.raises(InputError, match="bf16 goes with float32"):
        GradientSpec("x", NETS["water"], hidden="bf16")
    with pytest.raises(InputError, match="hidden is 'int8'"):
        GradientSpec("x", NETS["water"], "float32", hidden="int8")


def test_rounding_to_bfloat16():
    x = np.array([1.0, 1.00390625, 1.001953125, 1.005859375, -3.14159, 1e-3, 3e38, 0.0, np.inf])
    wanted = [1.0, 1.0, 1.0, 1.0078125, -3.140625, 0.00099945068359375, 3.004e38, 0.0, np.inf]
    bits = bf16.round_to_bf16(x.astype(np.float32)).astype(np.uint32) << 16
    assert np.allclose(bits.view(np.float32), wanted, rtol=2e-4)
    assert (bits.view(np.float32)[:6] == np.array(wanted[:6], np.float32)).all()
    missing = bf16.round_to_bf16(np.array([np.nan], np.float32)).astype(np.uint32) << 16
    assert np.isnan(missing.view(np.float32)).all()


def test_pairs_hold_neighbouring_features():
    weight = np.arange(15, dtype=np.float32).reshape(5, 3)
    halves = bf16.pack_pairs(weight).view(np.uint16).reshape(3, 3, 2)
    values = (halves.astype(np.uint32) << 16).view(np.float32)
    assert (values[:, :, 0] == weight[0::2]).all()
    assert (values[:2, :, 1] == weight[1::2]).all() and (values[2, :, 1] == 0).all()
