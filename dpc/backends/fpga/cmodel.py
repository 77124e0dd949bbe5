"""The C model of a circuit: host.so that computes the same integers, for any engine to run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import resources

from dpc.backends.cpu.build import abi_header
from dpc.backends.host.cc import compile_shared
from dpc.ir.fixed import shape as formats
from dpc.ir.fixed.shape import Contents, Shape
from dpc.ir.fixed.store import PER_LAYER
from dpc.ir.ops.fixed import FixedPoint
from dpc.ir.program import Program
from dpc.package import safetensors
from dpc.targets import Target

TILE = 8
"""Centres that share one walk through the weights."""

FIELDS = ("table", "pad", "start", "pairs", "weight", "column", "head", "head_bias", "act", "bias")


def build_cmodel(
    program: Program, op: FixedPoint, contents: Contents, target: Target
) -> tuple[bytes, bytes, Mapping[str, bytes]]:
    """host.so, params.safetensors, and the sources."""
    arrays = {name: program.store[name] for name in program.tensors()}
    params = safetensors.save(arrays)
    offsets = safetensors.layout(arrays).offsets
    places = {field: offsets[getattr(op, field).name] for field in FIELDS}
    header = shape_header(contents, program.facts.sel, places, len(params), target.isa)
    sources = {"shape.h": header.encode(), "dpc_model.h": abi_header(), **stage_files()}
    return compile_shared(target, sources, "model.c", [], "host.so"), params, sources


def stage_files() -> dict[str, bytes]:
    """The hand-written C by name."""
    folder = resources.files("dpc.backends.fpga") / "stages"
    files = sorted(folder.iterdir(), key=lambda entry: entry.name)
    return {file.name: file.read_bytes() for file in files if file.name.endswith((".c", ".h"))}


def shape_header(
    m: Contents, sel: Iterable[int], places: Mapping[str, int], params_bytes: int, isa: str
) -> str:
    """shape.h: sizes, shifts and places of tensors as constants."""
    shape = m.shape
    whole = {
        "TILE": TILE,
        **_sizes(shape),
        **{name: getattr(formats, name) for name in FORMATS},
        "U_BITS": shape.u_bits,
        "U_SHIFT": 2 * formats.COORD_FRAC - shape.u_frac,
        "G_SHIFT": shape.g_shift,
        "ROW_SHIFT": shape.row_shift,
        "DG_SHIFT": shape.dg_shift,
        **{f"ACT_SHIFT_{k}": _step(shape.act_frac, k) for k in (1, 2, 3)},
        **{f"SHIFT_{n.upper()}": v for n, v in m.shift.items() if n not in PER_LAYER},
        "U_CUT": m.u_cut,
        "U_MIN": m.u_min,
        "PARAMS_BYTES": params_bytes,
        **{f"AT_{name.upper()}": place for name, place in places.items()},
    }
    lists = {
        "WIDTHS": shape.widths,
        "RESNET": [int(one) for one in shape.resnet],
        "PACKED": [int(one) for one in shape.packed],
        "SEL": tuple(sel),
        "VALUE_SHIFT": [0, *(_step(shape.value_frac, k) for k in (1, 2, 3))],
        **{f"SHIFT_{name.upper()}": m.shift[name] for name in PER_LAYER},
    }
    units = {
        "COORD_ONE": f"0x1p{formats.COORD_FRAC}",
        "ENERGY_UNIT": f"0x1p-{formats.ENERGY_FRAC}",
        "FORCE_UNIT": f"0x1p-{formats.FORCE_FRAC}",
        "VIRIAL_UNIT": f"0x1p-{formats.VIRIAL_FRAC}",
        "ISA": f'"{isa}"',
    }
    lines = [
        "/* shape.h: the circuit that model.c computes. Written by dpc; do not edit. */",
        "#ifndef DPC_SHAPE_H",
        "#define DPC_SHAPE_H",
        "enum {",
        *(f"  {name} = {value}," for name, value in whole.items()),
        "};",
        *(f"#define {name} {value}" for name, value in units.items()),
        *(f"static const int {name}[] = {{{_join(values)}}};" for name, values in lists.items()),
        "#endif\n",
    ]
    return "\n".join(lines)


FORMATS = ("R_BITS", "T_BITS", "ROW_BITS", "X_BITS", "DATA_BITS", "Z_BITS", "OUT_BITS",
           "PACKED_DATA_BITS")  # fmt: skip


def _sizes(shape: Shape) -> dict[str, int]:
    return {
        "NTYPES": shape.ntypes,
        "COLUMNS": shape.columns,
        "SPLIT": int(shape.split),
        "WIDTH": shape.width,
        "PRODUCTS": shape.products,
        "LAYERS": len(shape.hidden),
        "MAX_NEIGHBORS": shape.max_neighbors,
        "WIDEST": max(shape.widths),
        "ALL_OUTPUTS": sum(shape.hidden),
        "OCTAVES": shape.octaves,
        "ROW_BITS_OF_TABLE": shape.row_bits,
    }


def _step(frac: tuple[int, ...], k: int) -> int:
    return formats.T_BITS + frac[k] - frac[k - 1]


def _join(values: object) -> str:
    assert isinstance(values, Iterable)
    return ", ".join(map(str, values))
