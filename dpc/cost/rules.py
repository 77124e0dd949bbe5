"""Flops of each op, for an average atom: what the arithmetic needs, done once.

An op without a rule here does one flop for each number it makes. What a net or a table
computed on the way forward is kept for the way back, where the program has both; the fused
adjoint of the embedding computes its table anew, which is cheaper than keeping it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dpc.cost.work import Sizes
from dpc.ir.graph import reachable
from dpc.ir.op import Op, Value
from dpc.ir.ops.basis import TypeColumns, TypeColumnsVjp
from dpc.ir.ops.contraction import ContractVjpG
from dpc.ir.ops.fixed import FixedPoint
from dpc.ir.ops.fused import MlpGradient
from dpc.ir.ops.net import Mlp, MlpVjp
from dpc.ir.params import NetBank
from dpc.ir.types import DType

FREE = frozenset(
    "broadcast_atoms cast center_type concat constant exclude_mask exclude_pairs "
    "neighbor_type ones_like radial radial_vjp slice slice_vjp type_columns type_columns_vjp "
    "type_mask type_pair bias_vjp sum_atoms_vjp".split()
)
"""Ops that move or name numbers."""

PLAIN = frozenset("add bias multiply normalize normalize_vjp scale scale_rows sum_atoms".split())
"""Ops with one flop for each number they make: no rule needed."""

EXPONENTIAL: Mapping[str, float] = {"f64": 40.0, "f32": 28.0}
"""Flops of one exponential function, as a polynomial, and what makes an activation of it."""

CHEAP_ACTIVATIONS = frozenset(("linear", "relu", "relu6"))
"""Activation functions of one or two flops; all others need an exponential."""

ENVIRONMENT = 35.0
"""Of one neighbour: distance, switch, s(r), normalised row; a division or root counts as one."""

ENVIRONMENT_VJP = 45.0
"""Of one neighbour: slopes of s and s/r, and dE/dr from them."""

HORNER = 10.0
"""A polynomial of degree 5."""

HORNER_SLOPE = 8.0
"""Its derivative."""

CYCLES: Mapping[str, float] = {"nearest_neighbors": 47.0, "scatter_force": 21.0}
"""Of one neighbour, at best: picking it from a list with a skin of 2 Å and gathering where it is,
and adding to its force. Memory and instructions take the time there, not arithmetic; fitted to
water in all precisions, of which they explain what is left beside arithmetic."""


@dataclass(frozen=True)
class Scene:
    """The ops around an op: who else computes what it needs, and what is used of its result."""

    sizes: Sizes
    forward: Collection[tuple[Any, ...]] = ()  # (x, index, net) of every mlp
    one_block: Collection[Value] = ()  # only the columns of the neighbour's own type are used

    @staticmethod
    def of(ops: Iterable[Op], sizes: Sizes) -> Scene:
        """Of all ops of a graph."""
        users: dict[Value, list[Op]] = {}
        forward = set()
        for op in ops:
            for value in op.operands:
                users.setdefault(value, []).append(op)
            if isinstance(op, Mlp):
                forward.add((op.x, op.index, op.net))
        split = {
            value
            for value, readers in users.items()
            if isinstance(value.op, ContractVjpG)
            and all(isinstance(reader, TypeColumnsVjp) for reader in readers)
        }
        return Scene(sizes, forward, split)

    def columns(self, g: Value) -> int:
        """Columns that one neighbour adds to."""
        if isinstance(g.op, TypeColumns):
            return int(g.op.b.dims[-1])
        width = int(g.dims[-1])
        return width // len(self.sizes.neighbors) if g in self.one_block else width

    def per_row(self, value: Value, features: int) -> float:
        """Rows of an array with so many features in each."""
        return self.sizes.elements(value.type) / features


Rule = Callable[[Any, Scene], float]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Decorator: the flops of these ops."""

    def add(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return add


def flops(op: Op, scene: Scene) -> float:
    """Of one atom."""
    if op.name in FREE:
        return 0.0
    if op.name in RULES:
        return RULES[op.name](op, scene)
    return sum(scene.sizes.elements(kind) for kind in op.types)


def flops_by_format(op: Op, scene: Scene) -> dict[str, float]:
    """Of one atom, by the number format that is computed in."""
    amount, own = flops(op, scene), number_format(op)
    if not isinstance(op, Mlp | MlpVjp | MlpGradient) or not op.net.bf16:
        return {own: amount} if amount else {}
    # products of the layers between the first and the head
    each = sum(2.0 * layer.inputs * layer.outputs for layer in op.net.layers[1:-1])
    if isinstance(op, MlpGradient):
        rounded = 2 * each * scene.per_row(op.ti, 1)
    else:
        rounded = each * scene.per_row(op.index, 1)
    return {own: amount - rounded, "bf16": rounded}


def cycles(op: Op, scene: Scene) -> float:
    """Of one atom, where time goes to something else than arithmetic."""
    each = CYCLES.get(op.name, 0.0)
    lists = [value for name, value in op.named_operands() if name == "nlist"]
    return each * scene.per_row(lists[0], 1) if each else 0.0


def number_format(op: Op) -> str:
    """What an op computes in: its net's format, whole numbers, or that of its first result."""
    if isinstance(op, FixedPoint):
        return "int"
    for attribute in op.attributes().values():
        if hasattr(attribute, "dtype"):
            return str(attribute.dtype)
    return str(next((kind.dtype for kind in op.types if kind.dtype.is_float), DType.F64))


# geometry: rows are neighbours


@rule("displacement")
def _displacement(op: Any, scene: Scene) -> float:
    return scene.sizes.elements(op.types[0])


@rule("nearest_neighbors")
def _nearest(op: Any, scene: Scene) -> float:
    return 8.0 * scene.per_row(op.nlist, 1)  # the distance of every entry


@rule("env_matrix")
def _environment(op: Any, scene: Scene) -> float:
    return ENVIRONMENT * scene.per_row(op.r, 3)


@rule("env_matrix_vjp")
def _environment_vjp(op: Any, scene: Scene) -> float:
    return ENVIRONMENT_VJP * scene.per_row(op.r, 3)


@rule("scatter_force")
def _scatter(op: Any, scene: Scene) -> float:
    return 6.0 * scene.per_row(op.dr, 3)


@rule("virial", "atom_virial")
def _virial(op: Any, scene: Scene) -> float:
    return 18.0 * scene.per_row(op.dr, 3)


# nets and tables


def _layers(net: NetBank, each: Callable[[Any], float]) -> float:
    return sum(2.0 * layer.inputs * layer.outputs + each(layer) for layer in net.layers)


def _forward(net: NetBank) -> float:
    """Of one row: weights, bias, activation, timestep, shortcut."""
    function = EXPONENTIAL.get(str(net.dtype), EXPONENTIAL["f64"])

    def rest(layer: Any) -> float:
        activation = 1.0 if layer.activation in CHEAP_ACTIVATIONS else function
        extras = 1.0 + layer.timestep + (layer.shortcut.value > 0)
        return float(layer.outputs * (activation + extras))

    return _layers(net, rest)


def _backward(net: NetBank) -> float:
    """Of one row: slopes times adjoint, weights, shortcut."""
    return _layers(net, lambda layer: 4.0 * layer.outputs)


@rule("mlp")
def _mlp(op: Any, scene: Scene) -> float:
    return scene.per_row(op.index, 1) * _forward(op.net)


@rule("mlp_vjp")
def _mlp_vjp(op: Any, scene: Scene) -> float:
    known = (op.x, op.index, op.net) in scene.forward
    return scene.per_row(op.index, 1) * (_backward(op.net) + (0 if known else _forward(op.net)))


@rule("mlp_gradient")
def _mlp_gradient(op: Any, scene: Scene) -> float:
    return scene.per_row(op.ti, 1) * (_forward(op.net) + _backward(op.net))


@rule("table")
def _table(op: Any, scene: Scene) -> float:
    return HORNER * scene.sizes.elements(op.types[0])


@rule("table_vjp")
def _table_vjp(op: Any, scene: Scene) -> float:
    return (HORNER_SLOPE + 2.0) * scene.sizes.elements(op.d.type)


# the circuit: all of docs/explain/fixed-point.md in whole numbers, whose roundings are not counted

CUBIC = 8.0
"""A cubic and its slope."""


@rule("fixed_point")
def _fixed_point(op: Any, scene: Scene) -> float:
    columns, products = op.table.type.dims[3] - 2, op.pairs.type.dims[0]
    widths = (products, *op.hidden)
    # r, u, channels, R, X; dG, dR, dt; the rest of dt, the force, its sums, the virial
    pair = 3 + 5 + CUBIC * (columns + 2) + 3 + 8 * columns
    pair += 8 * columns + 8 * columns + 2 * columns + 5 + 4 + 9 + 6 + 18
    weights = sum(a * b for a, b in zip(widths, op.hidden, strict=False))
    # every weight forward and back; a bias, the activation, idt twice, its slope, the input added
    net = 4.0 * weights + sum(op.hidden) * (1 + CUBIC + 3) + 2.0 * widths[-1]
    net += 2.0 * sum(width for width, adds in zip(op.hidden, op.resnet, strict=True) if adds)
    return float(scene.sizes.rows * pair + (8 + 16) * products + net)


# contractions


@rule("contract", "contract_vjp_env")
def _contract(op: Any, scene: Scene) -> float:
    return 8.0 * scene.per_row(op.g, int(op.g.dims[-1])) * scene.columns(op.g)


@rule("contract_vjp_g")
def _contract_vjp_g(op: Any, scene: Scene) -> float:
    return 8.0 * scene.per_row(op.env, 4) * scene.columns(op.out)


@rule("outer", "outer_pairs")
def _outer(op: Any, scene: Scene) -> float:
    return 8.0 * scene.sizes.elements(op.types[0])


@rule("outer_vjp", "outer_pairs_vjp")
def _outer_vjp(op: Any, scene: Scene) -> float:
    return 16.0 * scene.sizes.elements(op.d.type)


@rule("expand")
def _expand(op: Any, scene: Scene) -> float:
    return 2.0 * scene.sizes.elements(op.types[0]) * int(op.p.dims[2])


@rule("expand_vjp")
def _expand_vjp(op: Any, scene: Scene) -> float:
    return 2.0 * scene.sizes.elements(op.d.type) * int(op.types[0].dims[2])


@rule("padding")
def _padding(op: Any, scene: Scene) -> float:
    parts = 1 if op.split else len(op.sel)
    return 2.0 * parts * scene.sizes.elements(op.types[0])


# fused ops: the ops they stand for; the way back keeps the rows of the way forward

KEPT = frozenset(("nearest_neighbors", "displacement", "env_matrix"))
"""What the adjoint of the embedding need not do again."""


@rule("env_contract")
def _env_contract(op: Any, scene: Scene) -> float:
    return sum(_inside(op, scene).values())


@rule("env_contract_vjp")
def _env_contract_vjp(op: Any, scene: Scene) -> float:
    return sum(amount for name, amount in _inside(op, scene).items() if name not in KEPT)


def _inside(op: Any, scene: Scene) -> dict[str, float]:
    """Flops by the names of the ops that a fused op stands for."""
    ops = reachable(op.unfused(), frozenset(op.operands))
    inner = Scene.of(ops, scene.sizes)
    found: dict[str, float] = {}
    for one in ops:
        found[one.name] = found.get(one.name, 0.0) + flops(one, inner)
    return found
