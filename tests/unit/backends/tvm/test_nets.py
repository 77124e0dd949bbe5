"""Fitting and embedding nets against NumPy, forward and backward."""

from __future__ import annotations

import numpy as np
import pytest

from dpc.backends.tvm.kernels.gradient import GradientSpec
from dpc.backends.tvm.kernels.mlp import MlpSpec
from dpc.backends.tvm.kernels.net import Layer
from dpc.errors import InputError
from tests.unit.backends.tvm import reference
from tests.unit.backends.tvm.harness import align, aligned, close

HEAD = "linear"

FITTINGS = {
    "small": (Layer(24, 16), Layer(16, 1, HEAD)),
    "awkward": (Layer(13, 5, "tanh", "none", True), Layer(5, 10, "tanh", "double"),
                Layer(10, 7), Layer(7, 7, "tanh", "same", True), Layer(7, 1, HEAD)),
    "first_same": (Layer(9, 9, "tanh", "same", True), Layer(9, 1, HEAD)),
    "linear_only": (Layer(17, 1, HEAD),),
    "blocked": (Layer(333, 24), Layer(24, 24, "tanh", "same", True), Layer(24, 1, HEAD)),
    "water": (Layer(1480, 240), Layer(240, 240, "tanh", "same", True),
              Layer(240, 240, "tanh", "same", True), Layer(240, 1, HEAD)),
    "relu": (Layer(12, 20, "relu"), Layer(20, 20, "relu6", "same"), Layer(20, 1, HEAD)),
    "sigmoid": (Layer(12, 20, "sigmoid"), Layer(20, 11, "softplus"), Layer(11, 1, HEAD)),
    "gelu": (Layer(12, 9, "gelu"), Layer(9, 9, "gelu_tf", "same", True),
             Layer(9, 6, "linear"), Layer(6, 1, HEAD)),
}  # fmt: skip

EMBEDDINGS = {
    "water": (Layer(1, 25), Layer(25, 50, "tanh", "double"), Layer(50, 100, "tanh", "double")),
    "awkward": (Layer(1, 5), Layer(5, 10, "tanh", "double", True), Layer(10, 7, "relu")),
    "same": (Layer(1, 12, "gelu"), Layer(12, 12, "softplus", "same", True)),
    "one": (Layer(1, 2, "tanh", "double"),),
    "sigmoid": (Layer(1, 6, "sigmoid"), Layer(6, 9, "relu6")),
}

SPECS = (
    *(GradientSpec(name, layers) for name, layers in FITTINGS.items()),
    *(MlpSpec(name, layers) for name, layers in EMBEDDINGS.items()),
)


@pytest.mark.parametrize("name", FITTINGS)
def test_value_and_gradient_of_a_fitting_net(name, target, compiled):
    layers, ta = FITTINGS[name], target.tile_atoms()
    spec = GradientSpec(name, layers)
    tensors = reference.random_tensors(layers, seed=1)
    k = layers[0].inputs
    d = align(np.random.default_rng(2).normal(size=(k, ta)))
    e, dd, work = aligned(ta), aligned(k + 1, ta), aligned(spec.work_bytes(target) // 8 + 8)
    dd[k] = e_guard = 1234.5  # the row after the last must stay
    blob = align(spec.pack(tensors))
    assert blob.nbytes == spec.pack_bytes() and blob.nbytes % 64 == 0
    compiled(target, SPECS).call(spec.symbols()[0], d, blob, e, dd, work)
    y, g = reference.net(layers, tensors, d.T, None)
    close(e, y[:, 0])
    close(dd[:k], g.T)
    assert (dd[k] == e_guard).all()
    assert np.isnan(work[-8:]).all()  # nothing beyond work_bytes


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_embedding_net_forward_and_backward(name, target, compiled):
    layers, tn = EMBEDDINGS[name], target.tile_atoms()
    spec = MlpSpec(name, layers)
    tensors = reference.random_tensors(layers, seed=3)
    m = layers[-1].outputs
    rng = np.random.default_rng(4)
    s, dg = align(rng.normal(size=tn)), align(rng.normal(size=(m, tn)))
    g, ds, work = aligned(m + 1, tn), aligned(tn), aligned(spec.work_bytes(target) // 8 + 8)
    blob = align(spec.pack(tensors))
    library = compiled(target, SPECS)
    library.call(spec.symbols()[0], s, blob, g, work)
    y, back = reference.net(layers, tensors, s[:, None], dg.T)
    close(g[:m], y.T)
    assert np.isnan(g[m]).all()
    work[...] = np.nan
    library.call(spec.symbols()[1], s, blob, dg, ds, work)
    close(ds, back[:, 0])
    assert np.isnan(work[-8:]).all()


def test_not_a_number_stays_in_its_lane(target, compiled):
    spec = GradientSpec("small", FITTINGS["small"])
    ta = target.tile_atoms()
    d = align(np.ones((24, ta)))
    d[3, 1] = np.nan
    e, dd, work = aligned(ta, fill=0), aligned(24, ta, fill=0), aligned(9999)
    blob = align(spec.pack(reference.random_tensors(spec.layers, seed=5)))
    compiled(target, SPECS).call(spec.symbols()[0], d, blob, e, dd, work)
    lanes = np.arange(ta) == 1
    assert np.array_equal(np.isnan(e), lanes)
    assert np.array_equal(np.isnan(dd).any(axis=0), lanes)


def test_layers_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="layer 1 takes 6 inputs, but layer 0 gives 5"):
        MlpSpec("x", (Layer(1, 5), Layer(6, 7)))
    with pytest.raises(InputError, match="last layer must be linear"):
        GradientSpec("x", (Layer(4, 1),))
    with pytest.raises(InputError, match="resnet 'same' needs 4 outputs"):
        Layer(4, 5, resnet="same")
    with pytest.raises(InputError, match="Did you mean 'tanh'"):
        Layer(4, 5, "tahn")


def test_pack_names_the_tensor_that_is_wrong():
    spec = GradientSpec("fit", FITTINGS["awkward"])
    good = reference.random_tensors(spec.layers, seed=0)
    without = {name: a for name, a in good.items() if name != "1.weight"}
    with pytest.raises(InputError, match=r"net fit: tensor 1.weight is missing"):
        spec.pack(without)
    with pytest.raises(InputError, match=r"1.weight has shape \(10, 5\), but must be \(5, 10\)"):
        spec.pack(good | {"1.weight": good["1.weight"].T})
    with pytest.raises(InputError, match="layer 2 has no timestep"):
        spec.pack(good | {"2.idt": np.ones(7)})
    with pytest.raises(InputError, match=r"tensor 3.idt is missing"):
        spec.pack({name: a for name, a in good.items() if name != "3.idt"})
