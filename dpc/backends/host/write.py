"""A plan as C text: plan.c, to be read and stepped through."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from dpc.backends.host.cc import SYMBOL
from dpc.backends.host.levels import entry
from dpc.backends.host.parts import C_TYPES, READERS, REAL, Stage, TileKernels
from dpc.backends.host.plan import Plan, place_buffers
from dpc.backends.host.text import WIDTH, fill


def write_plan(
    plan: Plan,
    offsets: Mapping[str, int],
    params_bytes: int,
    version: str,
    name: str = SYMBOL,
) -> str:
    """The text. `offsets`: bytes from the start of params.safetensors to each tensor.

    `name` is that of the entry: another one where this is code for one of several processors.
    """
    program = plan.program
    names = " ".join(program.facts.type_map)
    parts = [
        f"/* plan.c: model {_safe(program.name)} (types {_safe(names)}) for {plan.target}.\n"
        f" * Written by dpc {version} from program.dpir; do not edit. */\n"
        f"typedef {C_TYPES[plan.dtype]} {REAL}; /* from the rows of the environment on */\n\n"
        + "".join(f'#include "{name}"\n' for name in _headers(plan)),
        _constants(plan),
        _kernels(plan),
        _addresses(plan, offsets),
        "\n\n".join(plan.statics) + "\n",
        _buffers(plan),
        _tile(plan),
        entry(plan.target.isa, "NTYPES", "TILE", params_bytes, name),
    ]
    return "\n".join(part for part in parts if part)


def _safe(text: str) -> str:
    return text.replace("*/", "* /").replace("\n", " ")


def _headers(plan: Plan) -> list[str]:
    return [*sorted(plan.headers), "kernels.h"]


def _constants(plan: Plan) -> str:
    whole, real = [], []
    for name, value in {"TILE": str(plan.tile), **plan.constants}.items():
        note = {"TILE": "the most centres in one tile, one to a lane"} | plan.notes
        comment = f" /* {note[name]} */" if name in note else ""
        if value.lstrip("-").isdigit():
            whole.append(f"  {name} = {value},{comment}\n")
        else:
            real.append(f"static const {REAL} {name} = {value};{comment}\n")
    return "enum {\n" + "".join(whole) + "};\n" + "".join(real)


def _addresses(plan: Plan, offsets: Mapping[str, int]) -> str:
    lines = [
        f"  {name} = {offsets[tensor]}, /* {list(plan.tensors[tensor].shape)} */\n"
        for tensor, name in plan.addresses.items()
    ]
    return (
        "/* bytes from the start of params.safetensors */\nenum {\n"
        + "".join(lines)
        + "};\n\n"
        + "".join(
            f"static inline const {type} *{name}(const dpc_tile *tile, size_t address) {{\n"
            f"  return (const {type} *)((const char *)tile->params + address);\n"
            "}\n"
            for type, name in READERS.items()
        )
    )


def _kernels(plan: Plan) -> str:
    """The struct `kernels` and the table KERNELS."""
    wanted = plan.tile_kernels
    members = [_pointer(one) for one in wanted]
    sizes = []
    for number, lanes in enumerate(plan.tiles):
        symbols = [symbol for one in wanted for symbol in one.specs[number].symbols()]
        sizes += fill("    {", [str(lanes), *symbols], "},")
    return (
        "/* What works on the lanes of a tile, for tiles of each size. */\n"
        "typedef struct kernels {\n  int32_t lanes; /* the most centres */\n"
        + "".join(f"  {line}\n" for lines in members for line in lines)
        + "} kernels;\n\n"
        f"static const kernels KERNELS[{len(plan.tiles)}] = {{\n"
        + "".join(f"{line}\n" for line in sizes)
        + "};\n"
    )


def _pointer(kernels: TileKernels) -> list[str]:
    """Members of the struct: pointers to functions like those of the full tile."""
    spec = kernels.full
    lines = []
    for name, symbol, declared in zip(
        kernels.names, spec.symbols(), spec.prototypes(), strict=True
    ):
        head, arguments = declared.replace(f"{symbol}(", f"(*{name})(").split(")(")
        parts = arguments.removesuffix(");").split(", ")
        lines += fill(f"{head})(", parts, ");", WIDTH - 2)
    return lines


def _buffers(plan: Plan) -> str:
    offsets, size = place_buffers(plan)
    fields, lines = [], []
    for name, buffer in sorted(plan.buffers.items(), key=lambda item: (offsets[item[0]], item[0])):
        fields.append(f"  {buffer.type} *{name}; /* {buffer.shape} */\n")
        lines.append(f"  b.{name} = ({buffer.type} *)(at + {offsets[name]});\n")
    return (
        "/* The scratch of one tile. Arrays that are never in use together share their place. */\n"
        "typedef struct buffers {\n" + "".join(fields) + "  dpc_candidates candidates;\n"
        "  dpc_rows rows;\n"
        "} buffers;\n\n"
        f"enum {{ FIXED_BYTES = {size} }};\n\n"
        "static buffers carve(char *at, size_t entries) {\n"
        "  buffers b;\n" + "".join(lines) + "  at += FIXED_BYTES;\n"
        "  b.candidates = dpc_candidates_take(&at, entries);\n"
        "  b.rows = dpc_rows_take(&at, entries + TILE * DPC_ROW_BLOCK);\n"
        "  return b;\n"
        "}\n\n"
        "static size_t workspace(int64_t entries) {\n"
        "  const size_t n = entries > 0 ? (size_t)entries : 0;\n"
        "  return FIXED_BYTES + dpc_candidates_bytes(n) +\n"
        "         dpc_rows_bytes(n + TILE * DPC_ROW_BLOCK);\n"
        "}\n"
    )


def _tile(plan: Plan) -> str:
    lines = [
        "DPC_STAGES(tile);",
        "const kernels *call = KERNELS; /* of the smallest tile that holds the centres */",
        "while (call->lanes < tile->count) call++;",
        "const int32_t lanes = call->lanes;",
        "const buffers b = carve(tile->workspace, (size_t)dpc_list_entries(tile));",
        "int32_t start[TILE][NTYPES + 1]; /* the first row of each neighbour type, in first[a] */",
        "size_t first[TILE + 1];          /* the first row of each centre */",
        "dpc_rows r;",
        "int32_t n;",
        "first[0] = 0;",
    ]
    for place, stage in enumerate(plan.stages):
        if place == plan.energy_stages:
            lines += [
                "",
                "if (!tile->force && !tile->virial && !tile->atom_virial) return DPC_TILE_OK;",
            ]
        lines += ["", *_stage(stage)]
    lines.append("return DPC_TILE_OK;")
    return "static int32_t run_tile(dpc_tile *tile) {\n" + _indented(lines) + "}\n"


def _stage(stage: Stage) -> list[str]:
    comment = [line for text in stage.text for line in _comment(text)]
    if not stage.loop:
        return [*comment, *stage.before, *stage.code]
    return [
        *comment,
        *stage.before,
        "for (int32_t a = 0; a < tile->count; a++) {",
        *("  " + line for line in stage.code),
        "}",
    ]


def _comment(text: str) -> list[str]:
    lines = textwrap.wrap(_safe(text), WIDTH - 8)
    return [
        ("/* " if k == 0 else "   ") + line + (" */" if k == len(lines) - 1 else "")
        for k, line in enumerate(lines)
    ]


def _indented(lines: list[str]) -> str:
    return "".join(f"  {line}\n" if line else "\n" for line in lines)
