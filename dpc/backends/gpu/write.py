"""A plan as C text: plan.c, the host side of a package for a GPU."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from dpc.backends.gpu.memory import Shared, share_arrays
from dpc.backends.gpu.plan import Launch, Plan, tensor_name
from dpc.backends.host.cc import SYMBOL
from dpc.backends.host.text import WIDTH, fill

DRIVERS = {"opencl": "opencl", "cuda": "cuda", "rocm": "hip"}


def write_plan(
    plan: Plan,
    codes: Mapping[str, str],
    offsets: Mapping[str, int],
    params_bytes: int,
    version: str,
) -> str:
    """The text. `codes`: architecture to file of the package; `offsets`: of each tensor in
    params.safetensors."""
    shared = share_arrays(plan)
    names = " ".join(plan.program.facts.type_map)
    ntypes = plan.program.facts.ntypes
    return "\n".join(
        [
            f"/* plan.c: model {_safe(plan.program.name)} (types {_safe(names)}) for "
            f"{plan.target}.\n * Written by dpc {version} from program.dpir; do not edit. */\n"
            '#include "launch.h"\n',
            _enum("KERNEL_", list(plan.kernels), "kernels: their numbers in KERNELS"),
            _table("const char *const KERNELS", [f'"{name}"' for name in plan.kernels]),
            _enum("", [tensor_name(name) for name in plan.tensors], "tensors, as in TENSORS"),
            _table(
                "const dpc_tensor TENSORS",
                [f"{{{offsets[name]}, {array.nbytes}}}" for name, array in plan.tensors.items()],
            ),
            _arrays(plan, shared),
            "\n".join(plan.statics) + "\n" if plan.statics else "",
            _begin(plan),
            _chunk(plan),
            _function("finish", [line for one in plan.finish for line in _launch(one)]),
            _table(
                "const dpc_code CODES",
                [f'{{"{arch}", "{file}", {_options(plan)}}}' for arch, file in codes.items()],
            ),
            _entry(plan, ntypes, params_bytes),
        ]
    )


def _options(plan: Plan) -> str:
    return '"-cl-std=CL1.2 -cl-mad-enable"' if plan.target.kind == "opencl" else "0"


def _safe(text: str) -> str:
    return text.replace("*/", "* /").replace("\n", " ")


def _enum(prefix: str, names: Sequence[str], about: str) -> str:
    lines = fill("  ", [prefix + name.upper() if prefix else name for name in names], "")
    return f"/* {about} */\nenum {{\n" + "\n".join(lines) + "\n};\n"


def _table(declared: str, values: Sequence[str]) -> str:
    return f"static {declared}[] = {{\n" + "".join(f"    {v},\n" for v in values) + "};\n"


def _arrays(plan: Plan, shared: Sequence[Shared]) -> str:
    """Numbers of the arrays; those that are never in use together are one."""
    lines = ["/* arrays: their numbers in ARRAYS */", "enum {"]
    for number, one in enumerate(shared):
        lines += [
            f"  ARRAY_{name} = {number}, /* {plan.arrays[name].shape} */" for name in one.names
        ]
    fields = [
        "{" + ", ".join(f".{what} = {size}" for what, size in one.sizes.items()) + "}"
        for one in shared
    ]
    return "\n".join([*lines, "};"]) + "\n\n" + _table("const dpc_array ARRAYS", fields)


def _begin(plan: Plan) -> str:
    """What is summed over chunks begins at zero."""
    lines = []
    for array in plan.arrays.values():
        if not array.kept:
            continue
        ((what, size),) = array.sizes.items()
        counts = {"fixed": "1", "atom": "(size_t)step->nall", "local": "(size_t)step->nloc"}
        wanted = {"force": "if (FORCES(step)) ", "atom_virial": "if (step->atom_virial) "}
        lines.append(
            f"{wanted.get(array.name, '')}ZERO(ARRAY_{array.name}, {size} * {counts[what]});"
        )
    return _function("begin", lines)


def _chunk(plan: Plan) -> str:
    lines = []
    for place, launch in enumerate(plan.launches):
        if place == plan.energy_launches:
            lines += ["if (!FORCES(step)) return 0;", ""]
        lines += [*_launch(launch), ""]
    return _function("chunk", lines[:-1])


def _launch(launch: Launch) -> list[str]:
    lines = [line for text in launch.text.splitlines() for line in _comment(text)]
    head = f"LAUNCH(KERNEL_{launch.kernel.upper()}, {launch.blocks}, {launch.threads}, "
    if launch.condition:
        lines.append(f"if ({launch.condition})")
    indent = "  " if launch.condition else ""
    return lines + [indent + line for line in fill(head, launch.arguments, ");")]


def _comment(text: str) -> list[str]:
    lines = textwrap.wrap(_safe(text), WIDTH - 8)
    return [
        ("/* " if k == 0 else "   ") + line + (" */" if k == len(lines) - 1 else "")
        for k, line in enumerate(lines)
    ]


def _function(name: str, lines: list[str]) -> str:
    body = "".join(f"  {line}\n" if line else "\n" for line in lines)
    return f"static int32_t {name}(const dpc_step *step) {{\n{body}  return 0;\n}}\n"


def _entry(plan: Plan, ntypes: int, params_bytes: int) -> str:
    def size(table: str) -> str:
        return f"sizeof {table} / sizeof *{table}"

    return (
        "static const dpc_device_plan PLAN = {\n"
        "    .size = sizeof(dpc_device_plan),\n"
        "    .abi = DPC_DEVICE_ABI,\n"
        f'    .driver = "{DRIVERS[plan.target.kind]}",\n'
        f"    .codes = CODES,\n    .ncodes = {size('CODES')},\n"
        f"    .kernels = KERNELS,\n    .nkernels = {size('KERNELS')},\n"
        f"    .tensors = TENSORS,\n    .ntensors = {size('TENSORS')},\n"
        f"    .arrays = ARRAYS,\n    .narrays = {size('ARRAYS')},\n"
        "    .one_type = 1,\n"
        "    .begin = begin,\n    .chunk = chunk,\n    .finish = finish,\n"
        "};\n\n"
        f'__attribute__((visibility("default"))) const dpc_model_abi {SYMBOL} = {{\n'
        "    .abi = DPC_ABI,\n"
        "    .size = sizeof(dpc_model_abi),\n"
        f'    .isa = "{plan.target.isa}",\n'
        f"    .ntypes = {ntypes},\n"
        "    .tile_atoms = 1,\n"
        f"    .params_bytes = {params_bytes},\n"
        "    .device = &PLAN,\n"
        "};\n"
    )
