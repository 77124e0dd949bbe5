"""The fitting net forward and back: products of matrices over the centres of a chunk."""

from __future__ import annotations

from typing import Any

from dpc.backends.gpu.plan import Kernel, Matrix, Plan
from dpc.errors import InputError
from dpc.ir.params import NetBank

LAYER_THREADS = 256
HEAD_THREADS = 128
HEAD_LANES = 16
TILE_K = 16
TILE_N = 64
MICRO_N = 4


def per_thread(numbers: str, threads: int) -> str:
    """Blocks for so many numbers, one to a thread: a C expression."""
    return f"({numbers} + {threads - 1}) / {threads}"


def mlp_gradient(plan: Plan, op: Any) -> None:
    """The fitting net and its gradient."""
    bank: NetBank = op.net
    d: Matrix = plan.at(op.d)
    if not d.whole:
        raise InputError(f"{plan.text[op]}: no code for a net of some columns only")
    if bank.bf16:
        plan.header("matrix.h")
    plan.header("activations.h")
    layers = bank.layers
    inputs, slopes = [d.array], []
    for number, layer in enumerate(layers[:-1]):
        y, slope = f"y{number}", f"slope{number}"
        for name in (y, slope):
            plan.array(name, f"[centres][{layer.outputs}]", center=layer.outputs * plan.real_bytes)
        _forward(plan, op, number, inputs[-1], y, slope)
        inputs.append(y)
        slopes.append(slope)
    e = plan.matrix(op.results[0], "e", 1)
    seed = _head(plan, op, inputs[-1], e)
    for number in reversed(range(len(layers) - 1)):
        if number:
            dx = f"dy{number - 1}"
            width = layers[number].inputs
            plan.array(dx, f"[centres][{width}]", center=width * plan.real_bytes)
        else:
            dx = plan.matrix(op.results[1], "dd", bank.widths[0]).array
        _backward(plan, op, number, seed, slopes[number], dx)
        seed = dx
    if len(layers) == 1:
        raise InputError(f"{plan.text[op]}: no code for a fitting net without hidden layers")


def _weights(plan: Plan, op: Any, number: int, kind: str) -> str:
    bank: NetBank = op.net
    return plan.tensor_of_type([f"{bank.name}.{k}.{number}.{kind}" for k in range(bank.count)])


def _tiles(plan: Plan, matrix: bool) -> tuple[int, int]:
    """Rows of a tile, and of what one thread makes: twice as many of half the bytes."""
    rows = 64 if matrix or plan.real_bytes == 8 else 128
    return rows, rows * TILE_N // MICRO_N // LAYER_THREADS


def _layer(plan: Plan, bank: NetBank, number: int, forward: bool) -> tuple[Kernel, str]:
    layer = bank.layers[number]
    inner, outer = (layer.inputs, layer.outputs) if forward else (layer.outputs, layer.inputs)
    matrix = bank.bf16 and number > 0  # of the layers between the first and the head
    rows, micro = _tiles(plan, matrix)
    blocks = -(-outer // TILE_N)
    kernel = plan.kernel(
        f"layer{number}" if forward else f"layer{number}_back", "layer.h", LAYER_THREADS,
        FORWARD=int(forward), INNER=inner, OUTER=outer, COLUMN_BLOCKS=blocks,
        LAYER_THREADS=LAYER_THREADS, TILE_M=rows, TILE_N=TILE_N, TILE_K=TILE_K, MICRO_M=micro,
        MICRO_N=MICRO_N, ACTIVATE=f"activate_{layer.activation}", TIMESTEP=int(layer.timestep),
        SHORTCUT=layer.shortcut.value, MATRIX=int(matrix),
    )  # fmt: skip
    return kernel, f"({per_thread('step->count', rows)}) * {blocks}"


def _forward(plan: Plan, op: Any, number: int, x: str, y: str, slope: str) -> None:
    layer = op.net.layers[number]
    kernel, blocks = _layer(plan, op.net, number, forward=True)
    arguments = [
        f"ARRAY({x})",
        _weights(plan, op, number, "weight"),
        _weights(plan, op, number, "bias"),
        _weights(plan, op, number, "idt") if layer.timestep else "NOTHING",
        f"ARRAY({y})",
        f"ARRAY({slope})",
        "NUMBER(step->count)",
    ]
    plan.launch(op, kernel, blocks, arguments)


def _backward(plan: Plan, op: Any, number: int, dy: str, slope: str, dx: str) -> None:
    kernel, blocks = _layer(plan, op.net, number, forward=False)
    arguments = [
        f"ARRAY({dy})",
        f"ARRAY({slope})",
        _weights(plan, op, number, "weight"),
        f"ARRAY({dx})",
        "NUMBER(step->count)",
    ]
    plan.launch(op, kernel, blocks, arguments)


def _head(plan: Plan, op: Any, y: str, e: Matrix) -> str:
    """The last layer, of one output: energies, and its weights as the first adjoint."""
    number = len(op.net.layers) - 1
    layer = op.net.layers[number]
    if layer.activation != "linear" or layer.shortcut.value or layer.timestep:
        raise InputError(f"{plan.text[op]}: no code for a last layer that is not linear")
    kernel = plan.kernel(
        "head", "head.h", HEAD_THREADS, INNER=layer.inputs, HEAD_THREADS=HEAD_THREADS,
        HEAD_LANES=HEAD_LANES,
    )  # fmt: skip
    seed = f"dy{number - 1}"
    plan.array(seed, f"[centres][{layer.inputs}]", center=layer.inputs * plan.real_bytes)
    arguments = [
        f"ARRAY({y})",
        _weights(plan, op, number, "weight"),
        _weights(plan, op, number, "bias"),
        f"ARRAY({e.array})",
        f"ARRAY({seed})",
        "NUMBER(step->count)",
    ]
    plan.launch(op, kernel, per_thread("step->count", HEAD_THREADS // HEAD_LANES), arguments)
    return seed
