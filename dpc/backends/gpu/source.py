"""A plan as kernel text: constants, and the files of `kernels/`, behind the words of a language.

The text is the same for OpenCL C, CUDA C++ and HIP but for its first lines, which say what
KERNEL, SHARED, BARRIER and the like are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

from dpc.backends.gpu.plan import Kernel, Number, Plan
from dpc.ir.types import DType

ORDER = ("neighbors.h", "environment.h", "fixed.h", "activations.h", "net.h", "matrix.h")
"""Files that others build upon, in this order."""

ALWAYS = """\
enum {
  USED = 0,   /* a pair of types: makes a row */
  ABSENT = 1, /* as if the neighbour were not in the list */
  SILENT = 2, /* takes a slot, adds nothing */
  COUNT_SEL = 0, /* places in counters, see dpc_device.h */
  COUNT_EXTRAPOLATED = 1,
  COUNT_COINCIDENT = 2,
  COUNT_INVALID = 7 /* some force is not a number */
};
"""


def kernel_text(plan: Plan, language: str) -> str:
    """All kernels of a plan; `language`: opencl, cuda or hip."""
    real = "float" if plan.dtype is DType.F32 else "double"
    parts = [
        _file(f"{language}.h"),
        f"typedef {real} real;\n#define R(x) ((real)(x))\n{ALWAYS}",
        _defines(plan.defines),
        "\n".join(plan.tables) + "\n",
    ]
    own = [k for k in plan.kernels.values() if not k.defines]
    shared = {*plan.headers, *(k.file for k in own)}
    parts += [_file(name) for name in ORDER if name in shared]
    parts += [_file(name) for name in sorted(shared - {*ORDER})]
    parts += [_kernel(k) for k in plan.kernels.values() if k.defines]
    return "\n".join(parts)


def _kernel(kernel: Kernel) -> str:
    """One kernel of a file that makes several: its constants are gone behind it."""
    defines = {"NAME": kernel.name, **kernel.defines}
    ends = "".join(f"#undef {name}\n" for name in defines)
    return _defines(defines) + _file(kernel.file) + ends


def _defines(values: Mapping[str, Number]) -> str:
    return "".join(f"#define {name} {value}\n" for name, value in values.items())


def _file(name: str) -> str:
    return (resources.files("dpc.backends.gpu") / "kernels" / name).read_text()
