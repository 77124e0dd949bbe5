"""Rules of layers, activation functions, tables, the store."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from dpc.errors import GraphError, InputError
from dpc.ir.activations import ACTIVATIONS, canonical
from dpc.ir.params import NetBank, ParamStore, Shortcut, Table
from dpc.ir.types import DType

NONE, SAME, DOUBLE = Shortcut.NONE, Shortcut.SAME, Shortcut.DOUBLE
BANK = NetBank("net", "atom type", (3, 6, 6, 4, 1), "tanh", True, True, DType.F64, 2, True)


def test_layer_rules() -> None:
    """Double, same, neither, head; a timestep only where there is a shortcut."""
    assert [layer.shortcut for layer in BANK.layers] == [DOUBLE, SAME, NONE, NONE]
    assert [layer.timestep for layer in BANK.layers] == [True, True, False, False]
    assert [layer.activation for layer in BANK.layers] == ["tanh"] * 3 + ["linear"]
    assert {n for n in BANK.tensors() if n.startswith("net.1.") and n.endswith("idt")} == {
        "net.1.0.idt",
        "net.1.1.idt",
    }
    plain = replace(BANK, plain=(1,))
    assert [layer.shortcut for layer in plain.layers] == [DOUBLE, NONE, NONE, NONE]
    without = replace(BANK, resnet=False, has_head=False)
    assert {layer.shortcut for layer in without.layers} == {NONE}
    assert not any(layer.timestep for layer in without.layers)
    assert without.layers[-1].activation == "tanh"
    embedding = replace(BANK, widths=(1, 2, 2), has_head=False)
    assert [layer.shortcut for layer in embedding.layers] == [DOUBLE, SAME]


def test_a_net_by_hand() -> None:
    rng = np.random.default_rng(0)
    t = {name: rng.normal(size=type.dims) for name, type in BANK.tensors().items()}
    x = rng.normal(size=(5, 3))
    y = np.tanh(x @ t["net.1.0.weight"] + t["net.1.0.bias"]) * t["net.1.0.idt"]
    y += np.hstack([x, x])
    y = np.tanh(y @ t["net.1.1.weight"] + t["net.1.1.bias"]) * t["net.1.1.idt"] + y
    y = np.tanh(y @ t["net.1.2.weight"] + t["net.1.2.bias"])
    y = y @ t["net.1.3.weight"] + t["net.1.3.bias"]
    np.testing.assert_allclose(BANK.net(t, 1)(x), y, rtol=1e-14)


FORMULAS = {
    "linear": lambda x: x,
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "softplus": lambda x: math.log1p(math.exp(x)),
    "relu": lambda x: max(x, 0.0),
    "tanh4": lambda x: math.copysign((a := min(abs(x), 2.0)) ** 4 / 16 - a**3 / 4 + a, x),
    "relu6": lambda x: min(max(x, 0.0), 6.0),
    "gelu": lambda x: 0.5 * x * (1 + math.tanh((2 / math.pi) ** 0.5 * (x + 0.044715 * x**3))),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name: str) -> None:
    f = ACTIVATIONS[name]
    x = np.array([-7.3, -2.0, -0.4, 1e-3, 0.7, 3.1, 5.99, 6.5])
    np.testing.assert_allclose(f.value(x), [FORMULAS[name](v) for v in x], rtol=1e-14, atol=1e-16)
    h = 1e-5
    slope = (f.value(x + h) - f.value(x - h)) / (2 * h)
    np.testing.assert_allclose(f.slope(x), slope, rtol=1e-7, atol=1e-9)
    if name == "tanh4":  # at the joint differences of its curvature converge slowly
        x[1] = -1.9
    curvature = (f.slope(x + h) - f.slope(x - h)) / (2 * h)
    np.testing.assert_allclose(f.curvature(x), curvature, rtol=1e-7, atol=1e-9)
    for big in (-1e4, 1e4):
        with np.errstate(over="raise", invalid="raise"):
            for part in (f.value, f.slope, f.curvature):
                assert np.isfinite(part(np.array([big]))).all()
    for dtype in (np.float32, np.float64):
        for part in (f.value, f.slope, f.curvature):
            assert part(x.astype(dtype)).dtype == dtype


def test_activation_names() -> None:
    assert [canonical(n) for n in ("none", None, "gelu_tf", "Tanh")] == [
        *("linear", "linear", "gelu", "tanh")
    ]
    with pytest.raises(InputError, match="'tanhh'.*Did you mean 'tanh'"):
        canonical("tanhh")


TABLE = Table("tab", "neighbor type", 1, 2, lower=-0.5, upper=0.5, stride=0.25, rows=5)


def test_table_rows() -> None:
    x = np.array([-9.0, -0.5, -0.3, 0.0, 0.49, 0.5, 70.0])
    row, t = TABLE.locate(x)
    assert row.tolist() == [0, 0, 0, 2, 3, 4, 4]
    np.testing.assert_allclose(t, [-8.5, 0, 0.2, 0, 0.24, 0, 69.5], atol=1e-15)


def test_declarations_refuse() -> None:
    with pytest.raises(GraphError, match="the last of 6 rows begins at 0.75, not at the upper"):
        replace(TABLE, rows=6)
    with pytest.raises(GraphError, match="no index 'type pairs'. Did you mean 'type pair'"):
        replace(TABLE, index="type pairs")
    with pytest.raises(GraphError, match="positive widths"):
        replace(BANK, widths=(3,))
    with pytest.raises(GraphError, match="positive stride"):
        replace(TABLE, stride=-0.25)


def test_store() -> None:
    given = np.zeros(3)
    store = ParamStore({"a": given, "b": np.ones(2)})
    given[0] = 9
    assert store["a"][0] == 0
    with pytest.raises(ValueError, match="read-only"):
        store["a"][0] = 1
    assert list(store.subset(["b", "c"])) == ["b"]
    assert store.updated({"a": np.ones(1)})["a"].shape == (1,)
    assert store["a"].shape == (3,)
    with pytest.raises(InputError, match="tensor 'c' is missing: the store holds 2 tensors"):
        store["c"]
