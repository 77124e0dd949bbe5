"""Fitting and embedding nets against NumPy, forward and backward."""

from __future__ import annotations

import numpy as np
import pytest

from dpc.backends.tvm.kernels.gradient import GradientSpec
from dpc.backends.tvm.kernels.layer import Layer
from dpc.backends.tvm.kernels.mlp import MlpSpec
from dpc.backends.tvm.tuning import Tuning
from dpc.errors import InputError
from dpc.targets.cpu import LEVELS, runs_here
from tests.unit.backends.tvm import reference
from tests.unit.backends.tvm.conftest import ARCHS
from tests.unit.backends.tvm.harness import align, aligned, close, normal

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

TILES = (("float64", 3), ("float64", 1), ("float32", 3), ("float32", 2))
SOME = ("small", "awkward", "blocked")
"""What is compiled for every target and tile; the others only for the first of each, and
`water` in float32 besides."""


def cases(names):
    """(name, dtype, vectors) of what is tested."""
    return [
        (name, *tile)
        for name in names
        for tile in TILES
        if tile == TILES[0] or name in SOME or (name, tile) == ("water", TILES[2])
    ]


def library_of(name, dtype, vectors, target, compiled):
    """The kernels of what is compiled together with a net."""
    every = target.arch == next(arch for arch in ARCHS if runs_here(LEVELS[arch]))
    if not every and name not in SOME:
        pytest.skip("compiled for the best instruction set only")

    def own(nets):
        tested = (name for name, *tile in cases(nets) if tile == [dtype, vectors])
        return (name for name in tested if every or name in SOME)

    specs = (
        *(GradientSpec(name, FITTINGS[name], dtype, vectors) for name in own(FITTINGS)),
        *(MlpSpec(name, EMBEDDINGS[name], dtype, vectors) for name in own(EMBEDDINGS)),
    )
    return compiled(target, specs)


def rounded(tensors, dtype):
    """The same numbers as a net of `dtype` has them."""
    return {name: a.astype(dtype).astype(np.float64) for name, a in tensors.items()}


def gradient(spec, target, library, seed=1):
    """(d, tensors, e, dd) of one call, its arrays checked for what lies beyond them."""
    ta, dtype = target.tile_atoms(spec.dtype, spec.vectors), spec.dtype
    tensors = rounded(reference.random_tensors(spec.layers, seed), dtype)
    k, words = spec.layers[0].inputs, 8
    d = normal(k, ta, seed=2, dtype=dtype)
    e, dd = aligned(ta, dtype=dtype), aligned(k + 1, ta, dtype=dtype)
    work = aligned(spec.work_bytes(target) // d.itemsize + words, dtype=dtype)
    dd[k] = guard = 1234.5  # the row after the last must stay
    blob = align(spec.pack(tensors))
    assert blob.nbytes == spec.pack_bytes() and blob.nbytes % 64 == 0
    library.call(spec.symbols()[0], d, blob, e, dd, work)
    assert (dd[k] == guard).all()
    assert np.isnan(work[-words:]).all()  # nothing beyond work_bytes
    return d, tensors, e, dd[:k]


@pytest.mark.parametrize(("name", "dtype", "vectors"), cases(FITTINGS))
def test_value_and_gradient_of_a_fitting_net(name, dtype, vectors, target, compiled):
    spec = GradientSpec(name, FITTINGS[name], dtype, vectors)
    d, tensors, e, dd = gradient(spec, target, library_of(name, dtype, vectors, target, compiled))
    y, g = reference.net(spec.layers, tensors, d.T, None)
    close(e, y[:, 0])
    close(dd, g.T)


@pytest.mark.parametrize(("name", "dtype", "vectors"), cases(EMBEDDINGS))
def test_embedding_net_forward_and_backward(name, dtype, vectors, target, compiled):
    layers, tn = EMBEDDINGS[name], target.tile_atoms(dtype, vectors)
    spec = MlpSpec(name, layers, dtype, vectors)
    tensors = rounded(reference.random_tensors(layers, seed=3), dtype)
    m = layers[-1].outputs
    s, dg = normal(tn, seed=4, dtype=dtype), normal(m, tn, seed=5, dtype=dtype)
    g, ds = aligned(m + 1, tn, dtype=dtype), aligned(tn, dtype=dtype)
    work = aligned(spec.work_bytes(target) // s.itemsize + 8, dtype=dtype)
    blob = align(spec.pack(tensors))
    library = library_of(name, dtype, vectors, target, compiled)
    library.call(spec.symbols()[0], s, blob, g, work)
    y, back = reference.net(layers, tensors, s[:, None].astype(np.float64), dg.T)
    close(g[:m], y.T)
    assert np.isnan(g[m]).all()
    work[...] = np.nan
    library.call(spec.symbols()[1], s, blob, dg, ds, work)
    close(ds, back[:, 0])
    assert np.isnan(work[-8:]).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_atom_has_the_same_bits_in_every_tile(dtype, compiled, target):
    """So that results do not depend on how atoms are cut into tiles, nor on the tuning."""
    bits = []
    d = np.random.default_rng(6).normal(size=(333, 1))
    for vectors, tuning in ((1, None), (2, None), (3, None), (3, Tuning((2, 2, 6), 4096, 1, 0))):
        spec = GradientSpec("blocked", FITTINGS["blocked"], dtype, vectors)
        ta = target.tile_atoms(dtype, vectors)
        blob = align(spec.pack(reference.random_tensors(spec.layers, seed=7)))
        e, dd = aligned(ta, dtype=dtype), aligned(333, ta, dtype=dtype)
        work = aligned(spec.work_bytes(target), dtype=dtype)
        same = align(np.repeat(d, ta, axis=1), dtype)
        compiled(target, (spec,), tuning).call(spec.symbols()[0], same, blob, e, dd, work)
        assert (e == e[0]).all() and (dd == dd[:, :1]).all()
        bits.append((e[0], dd[:, 0]))
    assert all(e == bits[0][0] and (dd == bits[0][1]).all() for e, dd in bits)


def test_not_a_number_stays_in_its_lane(target, compiled):
    spec = GradientSpec("small", FITTINGS["small"])
    ta = target.tile_atoms()
    d = align(np.ones((24, ta)))
    d[3, 1] = np.nan
    e, dd, work = aligned(ta, fill=0), aligned(24, ta, fill=0), aligned(9999)
    blob = align(spec.pack(reference.random_tensors(spec.layers, seed=5)))
    library_of("small", "float64", 3, target, compiled).call(
        spec.symbols()[0], d, blob, e, dd, work
    )
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
    with pytest.raises(InputError, match="a tile of 4 vectors: it must have 1 to 3"):
        MlpSpec("x", (Layer(1, 5),), vectors=4)
    with pytest.raises(InputError, match="compute in float64 or float32, not in float16"):
        MlpSpec("x", (Layer(1, 5),), "float16")


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
