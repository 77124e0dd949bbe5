"""The parameter package of the RTL: the shape of a model and how wide the circuit is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dpc.ir.fixed.shape import PACKED_WEIGHT_BITS, ROW_BITS, T_BITS, Shape

PIPELINE = 100, 35  # registers from an atom's first neighbour to its last force; of a layer


@dataclass(frozen=True)
class Build:
    """How a shape is built: work done in one cycle, and what the memories hold."""

    lanes: int  # neighbours in a cycle: 1, 2, 4 or 8
    product_lanes: int  # components of the descriptor in a cycle
    back_lanes: int  # their adjoints: lists of columns
    back_beats: int  # entries of the longest of these lists
    layer_lanes: tuple[int, ...]  # outputs of every hidden layer in a cycle
    atoms: int = 4096  # on the chip, ghosts included
    list_words: int = 65536  # of the neighbour list, 128 bits each
    history_beats: int = 512  # neighbours that wait for their way back, by lanes
    atoms_in_flight: int = 12
    table_style: str = "block"
    weight_style: str = "block"
    atom_style: str = "ultra"

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Build:
        """From fpga/circuit.json of a package, where tuples are lists."""
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in said.items()})

    @classmethod
    def of_interval(cls, shape: Shape, interval: int, lanes: int, **memory: int | str) -> Build:
        """The least work in a cycle for an atom every `interval` cycles."""

        def share(work: int) -> int:
            return -(-work // interval)

        back = share(2 * shape.products)
        # an atom comes back after so many cycles; those behind it wait in the memories
        beats = -(-shape.max_neighbors // lanes)
        layers = len(shape.hidden)
        latency = (2 * layers + 4) * interval + PIPELINE[0] + PIPELINE[1] * layers + beats
        memory = {
            "history_beats": -(-(latency + beats) // 512) * 512,  # a beat in a cycle at most
            "atoms_in_flight": -(-latency // interval) + 2,
            **memory,
        }
        return cls(
            lanes,
            share(shape.products),
            back,
            min(interval, -(-2 * shape.products // back) + shape.width),
            tuple(share(width) for width in shape.hidden),
            **memory,  # type: ignore[arg-type]
        )


def constants(shape: Shape, build: Build) -> dict[str, object]:
    """Names and values of the parameter package."""

    def shifts(frac: tuple[int, int, int, int]) -> list[int]:
        return [T_BITS + frac[k] - frac[k - 1] for k in (3, 2, 1)]

    table, act = shifts(shape.value_frac), shifts(shape.act_frac)
    lanes = (build.product_lanes, *build.layer_lanes)
    return {
        "Types": shape.ntypes,
        "Columns": shape.columns,
        "Split": shape.split,
        "Width": shape.width,
        "RowBits": shape.row_bits,
        "Octaves": shape.octaves,
        "TableShift3": table[0],
        "TableShift2": table[1],
        "TableShift1": table[2],
        "GShift": shape.g_shift,
        "RowShift": shape.row_shift,
        "DgShift": shape.dg_shift,
        "ActShift3": act[0],
        "ActShift2": act[1],
        "ActShift1": act[2],
        "MaxNeighbors": shape.max_neighbors,
        "Lanes": build.lanes,
        "Products": shape.products,
        "ProductLanes": build.product_lanes,
        "BackLanes": build.back_lanes,
        "BackBeats": build.back_beats,
        "Layers": len(shape.hidden),
        "Widths": shape.widths,
        "LayerLanes": lanes,
        "MaxLanes": max(lanes),
        "Resnet": shape.resnet,
        "WeightBits": tuple(PACKED_WEIGHT_BITS if p else ROW_BITS for p in shape.packed),
        "Atoms": build.atoms,
        "ListWords": build.list_words,
        "HistoryBeats": build.history_beats,
        "AtomsInFlight": build.atoms_in_flight,
        "TableStyle": build.table_style,
        "WeightStyle": build.weight_style,
        "AtomStyle": build.atom_style,
    }


def package(shape: Shape, build: Build, digest: int = 0) -> str:
    """dp_model_pkg.sv; `digest` is what the register of that name reads."""
    lines = [
        "// The shape of the circuit, written by dpc.",
        "package dp_model_pkg;",
        f"  localparam logic [63:0] Hash = 64'h{digest:x};",
    ]
    for name, value in constants(shape, build).items():
        lines.append(f"  localparam {_declare(name, value)};")
    return "\n".join([*lines, "endpackage", ""])


def _declare(name: str, value: object) -> str:
    if isinstance(value, bool):
        return f"bit {name} = 1'b{int(value)}"
    if isinstance(value, str):
        return f'string {name} = "{value}"'
    if isinstance(value, int):
        return f"int unsigned {name} = {value}"
    assert isinstance(value, tuple)
    if isinstance(value[0], bool):  # one bit each, the first lowest
        bits = "".join(str(int(bit)) for bit in reversed(value))
        return f"bit [{len(value) - 1}:0] {name} = {len(value)}'b{bits}"
    return f"int unsigned {name}[{len(value)}] = '{{{', '.join(map(str, value))}}}"
